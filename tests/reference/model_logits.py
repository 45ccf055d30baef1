"""Logits after the last token of prompts, as transformers computes them (float32, eager attention).

    python tests/reference/model_logits.py MODEL_DIR --ids 1,2,3 --ids 4,5
    python tests/reference/model_logits.py MODEL_DIR --prompts IDS.json --output REFERENCE.json
    python tests/reference/model_logits.py MODEL_DIR --prompts IDS.json --compare LOGITS.json

IDS.json is a list of lists of token ids, or a file like the output, or a scores.h5 of Caravan. The
output has the format of tests/fixtures/models/README.md. With --compare the logits of another program,
in that format or as a JSON list of rows, are held against the reference: the relative L2 error must be
at most 1e-5 and the largest logit the same; the exit status tells. Without either the ten largest
logits are printed. With --attention-from DIR the model gets the attention weights of the model in DIR.
"""

import argparse
import json
import sys
from pathlib import Path

from model_common import last_logits, load_model, read_prompts, write_reference

import torch

TOLERANCE = 1e-5


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--ids", action="append", default=[], help="one prompt: token ids with commas")
    parser.add_argument("--prompts", help="a file with token ids")
    parser.add_argument("--output", help="where to write all logits")
    parser.add_argument("--attention-from", help="a model whose self_attn weights take the place of this one's")
    parser.add_argument("--compare", help="a file with logits to hold against the reference")
    arguments = parser.parse_args()
    if not arguments.ids and not arguments.prompts:
        parser.error("give --ids or --prompts")
    return arguments


def read_logits(path):
    rows = json.loads(Path(path).read_text())
    if isinstance(rows, dict):
        rows = [prompt["logits"] for prompt in rows["prompts"]]
    return rows


def compare(reference, rows):
    """True if every row agrees; NaN agrees with nothing."""
    if len(reference) != len(rows):
        print(f"{len(rows)} rows of logits for {len(reference)} prompts")
        return False
    agree = True
    for p, (expected, row) in enumerate(zip(reference, rows)):
        expected, row = expected.double(), torch.tensor(row, dtype=torch.float64)
        if expected.shape != row.shape:
            print(f"prompt {p}: {len(row)} logits, {len(expected)} expected")
            agree = False
            continue
        error = ((row - expected).norm() / expected.norm()).item()
        same = row.argmax() == expected.argmax()
        fine = error <= TOLERANCE and bool(same)
        print(f"prompt {p}: relative L2 error {error:.2e}, largest logit {'the same' if same else 'ANOTHER'}"
              f"{'' if fine else '  WRONG'}")
        agree = agree and fine
    return agree


def graft(model, donor):
    """Gives model all of donor's weights below self_attn."""
    weights = {name: value for name, value in donor.state_dict().items() if ".self_attn." in name}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if not weights or unexpected or any(".self_attn." in name for name in missing):
        sys.exit("model_logits.py: the models' attention weights do not fit each other")


def main():
    arguments = parse_arguments()
    prompts = [[int(word) for word in ids.split(",")] for ids in arguments.ids]
    if arguments.prompts:
        prompts += read_prompts(arguments.prompts)
    model = load_model(arguments.model)
    if arguments.attention_from:
        graft(model, load_model(arguments.attention_from))
    logits = [last_logits(model, ids) for ids in prompts]
    if arguments.output:
        write_reference(arguments.output, prompts, logits)
    if arguments.compare:
        sys.exit(0 if compare(logits, read_logits(arguments.compare)) else 1)
    if not arguments.output:
        for p, row in enumerate(logits):
            largest = torch.topk(row, min(10, len(row)))
            print(f"prompt {p}:", " ".join(f"{i}:{v:.6f}" for v, i in zip(*map(torch.Tensor.tolist, largest))))


main()
