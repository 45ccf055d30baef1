"""Holds Caravan's Ships against the reference's.

    python tests/reference/compare_ships.py SCORES.h5 REFERENCE.json

REFERENCE.json comes from ships_reference.py (an .npy array of all scores will do too). Every score must
be finite and agree, |difference| <= 1e-6 + 1e-3 * reference; the ten heads with the largest mean over
the prompts must be the same, in the same order; and the token ids must be the same. The exit status is
0 only then.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np

ABSOLUTE, RELATIVE, TOP = 1e-6, 1e-3, 10


def read_reference(path, shape):
    """scores [layer, head, prompt]; the numbers of its layers, heads and prompts; ids or None."""
    if Path(path).suffix == ".npy":
        return np.load(path), [list(range(count)) for count in shape], None
    fields = json.loads(Path(path).read_text())
    return (np.array(fields["scores"], dtype=float), [fields[name] for name in ("layers", "heads", "prompts")],
            fields["ids"])


def top(scores, numbers):
    """The heads, as (layer, head), by falling mean over prompts; at most ten."""
    means = scores.mean(axis=2)
    order = np.argsort(-means, axis=None, kind="stable")[:TOP]
    return [(numbers[0][l], numbers[1][h]) for l, h in zip(*np.unravel_index(order, means.shape))]


def main():
    scores_path, reference_path = sys.argv[1:3]
    with h5py.File(scores_path) as file:
        scores = file["/harmful/ships"][:]
        tokens = [row.tolist() for row in file["/harmful/tokens"][:]]
    reference, numbers, ids = read_reference(reference_path, scores.shape)

    complaints = []
    if any(max(chosen) >= count for chosen, count in zip(numbers, scores.shape)):
        sys.exit(f"{scores_path}: has {scores.shape} layers, heads, prompts; the reference has more")
    scores = scores[np.ix_(*numbers)]
    if scores.shape != reference.shape or scores.size == 0:
        sys.exit(f"{reference_path}: scores of shape {reference.shape} do not go with {scores.shape}")
    if ids is not None and [tokens[prompt] for prompt in numbers[2]] != ids:
        complaints.append("the token ids differ")

    difference = np.abs(scores - reference)
    fine = np.isfinite(scores) & np.isfinite(reference) & (difference <= ABSOLUTE + RELATIVE * reference)
    worst = np.max(difference / (ABSOLUTE + RELATIVE * reference)) # NaN if there is one
    if not fine.all():
        l, h, p = np.argwhere(~fine)[0]
        complaints.append(f"{(~fine).sum()} of {fine.size} scores differ, the first at layer {numbers[0][l]} head "
                          f"{numbers[1][h]} prompt {numbers[2][p]}: {scores[l, h, p]:.9g}, not {reference[l, h, p]:.9g}")
    ours, theirs = top(scores, numbers), top(reference, numbers)
    if ours != theirs:
        complaints.append(f"the top heads differ: {ours}, not {theirs}")

    print(f"{fine.size} scores, largest {reference.max():.4g} nats; the worst difference is {worst:.3f} of what is "
          f"allowed; top heads: {' '.join(f'L{l}H{h}' for l, h in theirs)}")
    for complaint in complaints:
        print("WRONG:", complaint)
    sys.exit(1 if complaints else 0)


main()
