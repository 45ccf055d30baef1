"""Holds `caravan utility` against the Language Model Evaluation Harness (Python package lm_eval).

    python harness.py CARAVAN MODEL_DIR

Two local tasks of the harness read the very files that Caravan reads: harness-choices.jsonl (one context,
several choices, also with blanks at its end and in other scripts) and harness-contexts.jsonl (a context
for each choice). The harness runs transformers in single precision. Every choice's log-likelihood must
agree, |difference| <= ALLOWED and NaN fails; so must acc and acc_norm, of every question and in the mean.

Exits with 77 where lm_eval is not installed.
"""

import argparse
import contextlib
import csv
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALLOWED = 5e-4  # 1.8e-4 was measured, where sums go to -200

# The fields by their names, so that nothing is rendered by a template; target_delimiter is a blank by default.
TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: {text}
doc_to_target: {target}
doc_to_choice: {choice}
num_fewshot: 0
metric_list:
  - metric: acc
  - metric: acc_norm
"""


def write_functions(folder):
    """With a context for each choice, the harness takes the contexts for choices, the continuation for the
    target, and the answer for the text."""
    (folder / "fields.py").write_text(
        "def contexts(doc):\n    return doc['context']\n\n\n"
        "def ending(doc):\n    return doc['choices'][0]\n\n\n"
        "def answer(doc):\n    return doc['answer']\n")


def by_harness(model, work):
    """{task: results of its questions, [(sums of its choices, acc, acc_norm)]} and {task: (acc, acc_norm)}"""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    tasks = work / "tasks"
    tasks.mkdir()
    write_functions(tasks)
    (tasks / "choices.yaml").write_text(TASK.format(
        name="caravan_choices", file=HERE / "harness-choices.jsonl", text="context", target="answer", choice="choices"))
    (tasks / "contexts.yaml").write_text(TASK.format(
        name="caravan_contexts", file=HERE / "harness-contexts.jsonl", text="!function fields.answer",
        target="!function fields.ending", choice="!function fields.contexts"))
    names = {"choices": "caravan_choices", "contexts": "caravan_contexts"}
    result = lm_eval.simple_evaluate(
        model=HFLM(pretrained=model, dtype="float32", device="cpu", batch_size=1), tasks=list(names.values()),
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False), bootstrap_iters=0)
    questions, means = {}, {}
    for short, name in names.items():
        samples = sorted(result["samples"][name], key=lambda sample: sample["doc_id"])
        questions[short] = [([float(response[0]) for response in sample["filtered_resps"]], sample["acc"],
                             sample["acc_norm"]) for sample in samples]
        means[short] = [result["results"][name][f"{metric},none"] for metric in ("acc", "acc_norm")]
    return questions, means


def by_caravan(caravan, model, short, work):
    """Results as above, from the choices that Caravan writes, and the means that it prints."""
    output = work / f"{short}.csv"
    text = subprocess.run([caravan, "utility", model, "--task", HERE / f"harness-{short}.jsonl", "--output", output],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    questions = {}
    with open(output, newline="") as file:
        for row in csv.DictReader(file):
            questions.setdefault(int(row["line"]), []).append(row)
    results = []
    for rows in questions.values():
        sums = [float(row["loglikelihood"]) for row in rows]
        by_length = [value / int(row["length"]) for value, row in zip(sums, rows)]
        right = [row["answer"] for row in rows].index("1")
        results.append((sums, float(sums.index(max(sums)) == right), float(by_length.index(max(by_length)) == right)))
    printed = [float(line.split()[2]) for line in text.splitlines() if line.startswith("none")]
    return results, printed


def compare(short, ours, theirs, our_means, their_means):
    """(complaints, the largest difference of a sum)"""
    complaints, largest, wrong = [], 0.0, 0
    if [len(question[0]) for question in ours] != [len(question[0]) for question in theirs]:
        return [f"{short}: other numbers of questions or choices"], float("nan")
    for number, (one, other) in enumerate(zip(ours, theirs), 1):
        differences = [abs(a - b) for a, b in zip(one[0], other[0])]
        wrong += sum(not difference <= ALLOWED for difference in differences)
        largest = max([largest, *differences])
        if one[1:] != other[1:]:
            complaints.append(f"{short}: question {number}: acc and acc_norm {one[1:]}, the harness has {other[1:]}")
    if wrong:
        complaints.append(f"{short}: {wrong} log-likelihoods differ by more than {ALLOWED}")
    if not all(abs(a - b) <= 5e-5 for a, b in zip(our_means, their_means, strict=True)):  # printed with 4 decimals
        complaints.append(f"{short}: means {our_means}, the harness has {their_means}")
    return complaints, largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("caravan")
    parser.add_argument("model")
    options = parser.parse_args()
    if importlib.util.find_spec("lm_eval") is None:
        print("skipped: the Python package lm_eval is not installed")
        sys.exit(77)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    logging.disable(logging.WARNING)
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ["HF_DATASETS_CACHE"] = str(work / "cache")
        with open(work / "log", "w") as log, contextlib.redirect_stderr(log):  # its bars of progress
            questions, means = by_harness(options.model, work)
        for short in questions:
            ours, printed = by_caravan(options.caravan, options.model, short, work)
            complaints, largest = compare(short, ours, questions[short], printed, means[short])
            failures += complaints
            print(f"{short}: {len(ours)} questions, {sum(len(q[0]) for q in ours)} choices, acc {means[short][0]:.4f}, "
                  f"acc_norm {means[short][1]:.4f}; largest difference of a log-likelihood {largest:.2g}")
    for complaint in failures:
        print("WRONG:", complaint)
    sys.exit(1 if failures else 0)


main()
