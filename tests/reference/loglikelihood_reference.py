"""Log-likelihoods of multiple-choice questions, computed plainly: one forward pass of transformers a choice.

    python tests/reference/loglikelihood_reference.py MODEL_DIR TASK.jsonl [OUT.csv] [--heads L:H,L:H...]
                                                      [--against FILE.csv] [options]

Independent of Caravan, and as simple as can be, so that it can be checked by reading: Hugging Face's
model in float32 with eager attention and Hugging Face's tokenizer; one text at a time; log-softmax in
double precision. --heads are ablated together, by hooks before o_proj (model_common.py).

TASK.jsonl is described in docs/utility.md. OUT.csv gets the columns that `caravan utility --output` writes,
group being "ablated" with --heads and "none" without. --against holds FILE.csv, from there, against the
same group's log-likelihoods: |difference| <= 1e-4 for every choice, NaN fails, and the same lengths, number
of tokens and accuracies. The exit status is 0 only then.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from model_common import Layer, add_choice, check_layer, load_model

import torch
from transformers import AutoTokenizer

ALLOWED = 1e-4
COLUMNS = ["group", "line", "choice", "answer", "tokens", "length", "loglikelihood"]


def encode_pair(tokenizer, context, choice):
    """(ids, how many are the context's), as the Language Model Evaluation Harness has them."""
    stripped = context.rstrip()
    before = tokenizer(stripped)["input_ids"]
    whole = tokenizer(context + " " + choice)["input_ids"]
    return before + whole[len(before):], len(before)


def loglikelihood(model, ids, start):
    logits = model(input_ids=torch.tensor([ids[:-1]]), use_cache=False).logits[0]
    values = torch.log_softmax(logits.double(), dim=-1)
    return sum(values[i - 1, ids[i]].item() for i in range(start, len(ids)))


def rows_of(model, tokenizer, items, group):
    for line, item in items:
        contexts = item["context"]
        for choice, text in enumerate(item["choices"]):
            own = isinstance(contexts, list)
            ids, start = encode_pair(tokenizer, contexts[choice] if own else contexts, text)
            yield {"group": group, "line": line, "choice": choice, "answer": int(choice == item["answer"]),
                   "tokens": len(ids) - start, "length": len(contexts[choice] if own else text),
                   "loglikelihood": loglikelihood(model, ids, start)}


def accuracies(rows):
    """(acc, acc_norm): the first of equal choices counts."""
    questions = {}
    for row in rows:
        questions.setdefault(row["line"], []).append(row)
    sums = [0, 0]
    for choices in questions.values():
        for k, value in enumerate((lambda r: r["loglikelihood"], lambda r: r["loglikelihood"] / r["length"])):
            sums[k] += max(choices, key=value)["answer"]
    return [s / len(questions) for s in sums]


def read_rows(path, group):
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == group]
    for row in rows:
        row.update({name: int(row[name]) for name in COLUMNS[1:6]}, loglikelihood=float(row["loglikelihood"]))
    return rows


def compare(ours, theirs):
    """Complaints about a file's rows, and the largest difference."""
    exact = COLUMNS[:6]
    if [[row[name] for name in exact] for row in ours] != [[row[name] for name in exact] for row in theirs]:
        return ["the choices, their tokens or their lengths differ"], float("nan")
    differences = [abs(a["loglikelihood"] - b["loglikelihood"]) for a, b in zip(ours, theirs)]
    complaints = []
    wrong = sum(not difference <= ALLOWED for difference in differences)
    if wrong:
        complaints.append(f"{wrong} of {len(ours)} log-likelihoods differ by more than {ALLOWED}")
    if accuracies(ours) != accuracies(theirs):
        complaints.append(f"the accuracies differ: {accuracies(theirs)}, not {accuracies(ours)}")
    return complaints, max(differences)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("task")
    parser.add_argument("output", nargs="?")
    parser.add_argument("--limit", type=int, help="the first so many questions")
    parser.add_argument("--heads", help="L:H,L:H...: ablated together")
    parser.add_argument("--against", help="a file of caravan utility --output")
    add_choice(parser)
    return parser.parse_args()


def main():
    choice = parse_arguments()
    model, tokenizer = load_model(choice.model), AutoTokenizer.from_pretrained(choice.model, local_files_only=True)
    lines = enumerate(Path(choice.task).read_text(encoding="utf-8").split("\n"), 1)
    items = [(number, json.loads(line)) for number, line in lines if line.strip()][:choice.limit]
    group = "ablated" if choice.heads else "none"
    heads = {}
    for pair in choice.heads.split(",") if choice.heads else []:
        layer, head = map(int, pair.split(":"))
        heads.setdefault(layer, []).append(head)
    span = model.config.num_attention_heads // model.config.num_key_value_heads
    span = span if choice.granularity == "kv_group" else 1
    for index, of_layer in heads.items():
        layer = Layer(model, index)
        check_layer(layer, model, encode_pair(tokenizer, "one two three four", "five")[0])
        layer.replace([[h * span + i for h in of_layer for i in range(span)]], choice)

    rows = list(rows_of(model, tokenizer, items, group))
    print(f"{group}: {len(items)} questions, {len(rows)} choices, acc {accuracies(rows)[0]:.4f}, "
          f"acc_norm {accuracies(rows)[1]:.4f}")
    if choice.output:
        with open(choice.output, "w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    if choice.against:
        complaints, largest = compare(rows, read_rows(choice.against, group))
        print(f"largest difference {largest:.3g}")
        for complaint in complaints:
            print("WRONG:", complaint)
        sys.exit(1 if complaints else 0)


main()
