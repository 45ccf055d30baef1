"""Makes results folders as caravan run leaves them, with scores drawn at random: for measuring caravan overlap.

    python tests/reference/overlap_folders.py OUT [MODELS LAYERS HEADS PROMPTS]

OUT/run holds MODELS models (20 by default, of 32 layers of 32 heads, with 520 harmful and 520 harmless prompts), half
of them of one base and half of another, whose heads' strengths are those of the base with noise.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np


def scores(rng, strength, prompts):
    return strength[:, :, None] * rng.lognormal(0, 0.7, (*strength.shape, prompts))


def write_model(path, name, rng, importance, safety, prompts):
    path.mkdir(parents=True)
    noise = rng.lognormal(0, 0.5, (2, *importance.shape))
    with h5py.File(path / "scores.h5", "w") as file:
        file.attrs["model"], file.attrs["ablation"] = name, "uniform_attention"
        for group, strength in (("harmful", importance * noise[0] + safety), ("harmless", importance * noise[1])):
            file.create_group(group).attrs["sha256"] = group
            file[f"{group}/ships"] = scores(rng, strength, prompts)
            angles = np.cumsum(strength[:, :, None] * rng.lognormal(0, 0.1, (*strength.shape, 8)), axis=2)
            file[f"{group}/angles_deg"] = angles


def main(out, models=20, layers=32, heads=32, prompts=520):
    rng = np.random.default_rng(1)
    shape = layers, heads
    manifest = {
        "name": "run",
        "models": [{"name": f"model-{m}", "base": f"base-{m % 2}"} for m in range(models)],
        "definitions": {
            "subspace": {"rank": 1},
            "ablations": [{"name": "uniform_attention", "granularity": "head"}],
        },
    }
    bases = [(rng.lognormal(-3, 1.5, shape), rng.lognormal(-6, 2, shape)) for _ in range(2)]
    for m, model in enumerate(manifest["models"]):
        write_model(Path(out) / "run" / model["name"] / "uniform_attention", model["name"], rng, *bases[m % 2], prompts)
    (Path(out) / "run" / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
