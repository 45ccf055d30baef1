"""Makes tests/fixtures/stats/*.json: statistics of small data sets as SciPy and NumPy give them.

    python tests/reference/stats_reference.py

Resamples are drawn here by a Philox of Python integers, so that bootstraps and splits must agree number
for number; SciPy's own bootstrap, with its own random numbers, is there as a second opinion. NaN is
written as null.
"""

import json
import math
from pathlib import Path

import numpy as np
from scipy import stats

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "stats"
WORD = 2**32
BOOTSTRAP, CONTROL, HALVES = 3, 4, 5  # cv_random_use
SEED, RESAMPLES, TOP = 0x0123456789ABCDEF, 400, 4


def philox(key, counter):
    k0, k1 = key
    c = list(counter)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 // WORD ^ c[1] ^ k0, p1 % WORD, p0 // WORD ^ c[3] ^ k1, p0 % WORD]
        k0, k1 = (k0 + 0x9E3779B9) % WORD, (k1 + 0xBB67AE85) % WORD
    return c


assert philox((0xA4093822, 0x299F31D0), (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)) == [
    0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]  # fmt: skip


class Random:
    """The numbers of one item of one use of the seed."""

    def __init__(self, use, item):
        self.use, self.item, self.block, self.words = use, item, 0, []

    def word(self):
        if not self.words:
            key, counter = (SEED % WORD, SEED // WORD), (self.block, self.use, self.item % WORD, self.item // WORD)
            self.words, self.block = philox(key, counter), self.block + 1
        return self.words.pop(0)

    def below(self, n):
        while True:
            high, low = divmod(self.word() * n, WORD)
            if low >= WORD % n:
                return high

    def shuffled(self, n):
        items = list(range(n))
        for left in range(n, 1, -1):
            taken = self.below(left)
            items[taken], items[left - 1] = items[left - 1], items[taken]
        return items


def draws(use, prompts):
    return [[random.below(prompts) for _ in range(prompts)] for random in (Random(use, b) for b in range(RESAMPLES))]


def ranks(means):
    """From 1, by falling mean; equal means by index."""
    order = np.argsort(-means, kind="stable")
    result = np.empty(len(means))
    result[order] = np.arange(1, len(means) + 1)
    return result


def estimates(values, samples):
    """One row of value, low and high a head, from samples [resamples, heads]."""
    return np.column_stack([values, *np.percentile(samples, [2.5, 97.5], axis=0)])


def bootstrap(scores):
    means = np.array([scores[:, drawn].mean(axis=1) for drawn in draws(BOOTSTRAP, scores.shape[1])])
    ranked = np.array([ranks(row) for row in means])
    own = scores.mean(axis=1)
    return {"mean": estimates(own, means), "rank": estimates(ranks(own), ranked),
            "top_probability": (ranked <= TOP).mean(axis=0)}  # fmt: skip


def specificity(harmful, harmless):
    paired = harmful.shape[1] == harmless.shape[1]
    first, second = draws(BOOTSTRAP, harmful.shape[1]), draws(BOOTSTRAP if paired else CONTROL, harmless.shape[1])
    samples = [harmful[:, a].mean(axis=1) - harmless[:, b].mean(axis=1) for a, b in zip(first, second, strict=True)]
    return estimates(harmful.mean(axis=1) - harmless.mean(axis=1), np.array(samples))


def split_half(scores):
    prompts, rho = scores.shape[1], []
    for s in range(RESAMPLES):
        order = Random(HALVES, s).shuffled(prompts)
        halves = scores[:, order[: prompts // 2]], scores[:, order[prompts // 2 :]]
        rho.append(stats.spearmanr(*(half.mean(axis=1) for half in halves)).statistic)
    return [np.mean(rho), *np.percentile(rho, [2.5, 97.5])]


def scipy_interval(sets, paired):
    """SciPy's percentile intervals of each head's mean, or of the difference of two sets' means."""

    def statistic(x, y=0, axis=-1):
        return x.mean(axis=axis) - (y.mean(axis=axis) if len(sets) == 2 else 0)

    rows = []
    for head in range(len(sets[0])):
        interval = stats.bootstrap([scores[head] for scores in sets], statistic, method="percentile", paired=paired,
                                   n_resamples=20000, rng=head).confidence_interval  # fmt: skip
        rows.append([interval.low, interval.high])
    return rows


def score_sets():
    """By name: harmful and harmless scores [heads, prompts]."""
    rng = np.random.default_rng(3)
    strength = np.linspace(0, 1.5, 11)[:, None]
    harmful = rng.lognormal(strength, 0.6, (11, 13))
    # Eighths: sums are exact, so that equal means are equal in any order of adding. Heads 2 and 5 are the
    # same, and so are heads 3 and 8 but for the order of their prompts.
    tied = rng.integers(0, 9, (12, 9)) / 8
    tied[5], tied[8] = tied[2], tied[3][::-1]
    return {
        "paired": (harmful, harmful[:, ::-1] * 0.3 + rng.lognormal(0, 0.4, (11, 13))),
        "unpaired": (harmful, rng.lognormal(strength / 2, 0.4, (11, 8))),
        "tied": (tied, rng.integers(0, 9, (12, 9)) / 8),
    }


def resampling_case(harmful, harmless):
    paired = harmful.shape[1] == harmless.shape[1]
    return {"harmful": harmful, "harmless": harmless, "bootstrap": bootstrap(harmful),
            "specificity": specificity(harmful, harmless), "split_half": split_half(harmful),
            "scipy_mean": scipy_interval([harmful], False),
            "scipy_specificity": scipy_interval([harmful, harmless], paired)}  # fmt: skip


def correlation_cases():
    rng = np.random.default_rng(4)
    x = rng.normal(size=40).round(3)
    yield x, (x + rng.normal(size=40)).round(3)
    yield x, -x
    yield rng.integers(0, 6, 60), rng.integers(0, 4, 60)
    steps = rng.integers(0, 5, 50)
    yield steps, steps + rng.integers(0, 3, 50)
    yield steps, 7 - steps // 2
    yield [1, 2], [3, 1]
    yield [1, 2, 2], [5, 5, 9]
    yield [1, 2, 3], [4, 4, 4]
    yield [1], [2]


def correlation(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    alone = len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0
    rho, tau = (math.nan, math.nan) if alone else (stats.spearmanr(x, y).statistic, stats.kendalltau(x, y).statistic)
    return {"x": x, "y": y, "spearman": rho, "kendall_tau": tau}


def wilson(k, n):
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    return [k, n, interval.low, interval.high]


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (int, str)):
        return value
    value = float(value)
    return None if math.isnan(value) else int(value) if value.is_integer() else value


def write(name, fields):
    """One line for each member, so that a difference can be read."""
    lines = ",\n".join(f'"{key}": {json.dumps(plain(value), allow_nan=False)}' for key, value in fields.items())
    (FOLDER / name).write_text("{\n" + lines + "\n}\n")


def main():
    FOLDER.mkdir(exist_ok=True)
    counts = [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (64, 100), (1, 520), (519, 520), (520, 520), (12345, 100000)]
    write("proportion.json", {"wilson": [wilson(k, n) for k, n in counts]})
    write("rank_correlation.json", {"cases": [correlation(x, y) for x, y in correlation_cases()]})
    header = {"seed": SEED, "resamples": RESAMPLES, "top": TOP}
    for name, sets in score_sets().items():
        write(f"resampling-{name}.json", header | resampling_case(*sets))


if __name__ == "__main__":
    main()
