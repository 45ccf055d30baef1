"""How often the bootstrap's 95 % intervals of Kendall's tau and of shared heads hold the true value.

    python tests/reference/overlap_coverage.py [TRIALS]

Two models of 48 heads whose scores on a prompt are a head's strength times lognormal noise, partly common to both
models as both were asked the same prompts. True are the values by the strengths, as endless prompts would give them.
"""

import sys

import numpy as np
from scipy import stats

HEADS, RESAMPLES, TOP = 48, 200, 10


def top(values):
    return set(np.argsort(-values)[:TOP].tolist())


def measures(a, b):
    return stats.kendalltau(a, b).statistic, len(top(a) & top(b))


def trial(rng, prompts, likeness):
    strength = rng.lognormal(0, 1, HEADS)
    true = [strength * rng.lognormal(0, likeness, HEADS) for _ in range(2)]
    common = rng.normal(0, 0.7, (HEADS, prompts))
    noise = [np.exp(common + rng.normal(0, 0.7, (HEADS, prompts))) for _ in range(2)]
    scores = [t[:, None] * n for t, n in zip(true, noise, strict=True)]
    samples = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, prompts, prompts)
        samples.append(measures(*(s[:, drawn].mean(axis=1) for s in scores)))
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    value, truth = measures(*(s.mean(axis=1) for s in scores)), np.array(measures(*true))
    return [(low <= truth) & (truth <= high), truth > high, truth < low, (value < low) | (value > high)]


def main(trials=200):
    rng = np.random.default_rng(1)
    print("prompts  likeness  measure  holds the truth  lies below it  lies above it  leaves its own value")
    for prompts in (40, 200, 520):
        for likeness in (0.2, 1.0):
            rates = np.mean([trial(rng, prompts, likeness) for _ in range(trials)], axis=0)
            for name, column in (("tau", 0), ("shared", 1)):
                print(f"{prompts:7}  {likeness:8}  {name:7}", *(f"{rate:14.3f}" for rate in rates[:, column]))


main(*(int(word) for word in sys.argv[1:]))
