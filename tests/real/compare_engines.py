"""Holds the Ships of two engines against each other: python compare_engines.py SCORES.h5 PLAIN_SCORES.h5

Each score may differ by 1e-7 + 1e-4 times its value; NaN differs."""

import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as ours, h5py.File(sys.argv[2]) as plain:
    scores, expected = ours["/harmful/ships"][:], plain["/harmful/ships"][:]
if scores.shape != expected.shape or scores.size == 0:
    sys.exit(f"WRONG: scores of shape {scores.shape} and {expected.shape}")
part = np.abs(scores - expected) / (1e-7 + 1e-4 * expected)
print(f"{scores.size} scores; the worst difference is {np.max(part):.3f} of what is allowed")  # NaN if there is one
sys.exit(0 if (part <= 1).all() else 1)
