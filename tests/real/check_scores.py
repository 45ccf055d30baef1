"""Checks that a scores.h5 holds what a finished sweep must: python check_scores.py FILE LAYERS HEADS PROMPTS"""

import sys

import h5py
import numpy as np

path, shape = sys.argv[1], tuple(int(number) for number in sys.argv[2:5])
with h5py.File(path) as file:
    ships = file["/harmful/ships"][:]
    tokens, prompts = file["/harmful/tokens"][:], file["/harmful/prompt"][:]
complaints = []
if ships.shape != shape or ships.dtype != np.float64:
    complaints.append(f"/harmful/ships is {ships.dtype} {ships.shape}, not float64 {shape}")
if not (np.isfinite(ships) & (ships >= 0)).all():
    complaints.append(f"{(~(np.isfinite(ships) & (ships >= 0))).sum()} scores are negative or not finite")
if not (ships.mean(axis=2) > 0).all():
    complaints.append("a head has no effect on any prompt")
if len(tokens) != shape[2] or len(prompts) != shape[2]:
    complaints.append(f"{len(tokens)} token lists and {len(prompts)} prompts, not {shape[2]}")
print(f"{ships.size} scores from {ships.min():.3g} to {ships.max():.3g} nats")
for complaint in complaints:
    print("WRONG:", complaint)
sys.exit(1 if complaints else 0)
