"""Makes tests/fixtures/stats/overlap.json: the statistics of overlap as SciPy, PyPI's rbo and the definitions give them.

    python tests/reference/overlap_reference.py [RESULTS [RBO_TIES]]

RESULTS is the demo's results folder (results/demo after ./demo.sh), whose rankings are the real ones; without it those
in the fixture are taken again. PyPI's rbo knows no ties; RBO_TIES is rbo.py of Corsi and Urbano's repository
julian-urbano/sigir2024-rbo, whose variant "w" is Webber, Moffat and Zobel's way with ties: if it is given, the
definition written out here is held to it.

Permutations and resamples are drawn by the Philox of stats_reference.py, so that a whole comparison must agree number
for number.

PyPI's rbo is not among the requirements, as it asks for a NumPy before 2, though it runs with this one:
pip install --no-deps rbo==0.1.3.
"""

import csv
import importlib.util
import json
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import rbo as pypi_rbo
from scipy import stats
from stats_reference import FOLDER, Random, SEED, ranks, write

PERMUTATION, RESIDUALS = 6, 9  # cv_random_use
PERSISTENCE = 0.9
FIXTURE = FOLDER / "overlap.json"


# ---- single statistics ----


def tail(n, marked, drawn, least):
    """The exact probability of least or more, as a fraction; SciPy's must agree to its own precision."""
    ways = sum(math.comb(marked, x) * math.comb(n - marked, drawn - x) for x in range(least, min(marked, drawn) + 1))
    exact = float(Fraction(ways, math.comb(n, drawn)))
    assert math.isclose(exact, stats.hypergeom.sf(least - 1, n, marked, drawn), rel_tol=1e-9), (n, marked, drawn, least)
    return exact


def hypergeometric():
    cases = [(10, 3, 4), (32, 5, 5), (48, 20, 20), (48, 30, 40), (270, 10, 10), (1024, 20, 20), (1024, 5, 10),
             (5120, 100, 100), (16128, 20, 20), (7, 7, 7), (7, 0, 3), (1, 1, 1), (64, 32, 32)]  # fmt: skip
    return [[*case, least, tail(*case, least)] for case in cases
            for least in sorted({0, 1, 2, 3, min(case[1:]) // 2, min(case[1:])}) if least <= min(case[1:])]  # fmt: skip


def sets_of(scores):
    """[(first rank from 1, items)] by falling score."""
    scores = np.asarray(scores)
    groups, rank = [], 1
    for score in sorted(set(scores.tolist()), reverse=True):
        items = np.flatnonzero(scores == score).tolist()
        groups.append((rank, items))
        rank += len(items)
    return groups


def rank_biased_overlap(x, y, p):
    """Webber, Moffat and Zobel 2010, equation 32 for two rankings of the same items, ties by their section 4.4."""
    total, groups, n = 0.0, (sets_of(x), sets_of(y)), len(x)
    for depth in range(1, n + 1):
        first, second = ({i for rank, items in g if rank <= depth for i in items} for g in groups)
        agreement = 2 * len(first & second) / (len(first) + len(second))
        total += (1 - p) / p * agreement * p**depth
    return total + agreement * p**n


def published_rbo(x, y, p, ties):
    """None where no published implementation can tell."""
    if len(set(x)) == len(x) and len(set(y)) == len(y):
        lists = [np.argsort(-np.asarray(scores), kind="stable").tolist() for scores in (x, y)]
        return pypi_rbo.RankingSimilarity(*lists).rbo_ext(p=p)
    if not ties:
        return None
    lists = [[str(items[0]) if len(items) == 1 else {str(i) for i in items} for _, items in sets_of(s)] for s in (x, y)]
    return ties.rbo(*lists, p, ties="w", score=("ext",))["ext"]


def rbo_cases(rankings, ties):
    checked = 0
    for x, y in rankings:
        for p in (0.5, 0.9, 0.98):
            value = rank_biased_overlap(x, y, p)
            other = published_rbo(x, y, p, ties)
            assert other is None or math.isclose(value, other, rel_tol=1e-12), (value, other)
            checked += other is not None
            yield {"x": x, "y": y, "persistence": p, "rbo": value, "kendall_tau": tau(x, y)}
    print(f"rank-biased overlap: {checked} values equal to a published implementation's")


def tau(x, y):
    return math.nan if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0 else stats.kendalltau(x, y).statistic


def random_rankings():
    rng = np.random.default_rng(5)
    for n in (1, 2, 7, 40, 64, 65, 200):
        x = rng.normal(size=n)
        yield x, x + rng.normal(size=n)
        yield rng.integers(0, n // 3 + 2, n).astype(float), rng.integers(0, n // 2 + 2, n).astype(float)
        yield x, -x


def real_rankings(real):
    """Every two models as they are, and rounded so that many heads are tied."""
    names = sorted(real)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            yield real[a], real[b]
            yield np.round(real[a], 2), np.round(real[b], 2)


def read_real(folder):
    if folder is None:
        return json.loads(FIXTURE.read_text())["real"]
    real = {}
    for path in sorted(Path(folder).glob("*/uniform_attention/heads.csv")):
        rows = sorted(csv.DictReader(path.open()), key=lambda row: (int(row["layer"]), int(row["head"])))
        real[path.parts[-3]] = [float(row["ships_mean"]) for row in rows]
    assert len(real) >= 3, folder
    return real


def depth_distances():
    rng = np.random.default_rng(6)
    for a, b in [(4, 4), (6, 6), (30, 18), (32, 32), (1, 5), (2, 3), (7, 1)]:
        u, v = rng.exponential(size=a), rng.exponential(size=b)
        u, v = u / u.sum(), v / v.sum()
        places = [(np.arange(n) + 0.5) / n for n in (a, b)]
        yield {"a": u, "b": v, "distance": stats.wasserstein_distance(*places, u, v)}


def concentrations():
    rng = np.random.default_rng(7)
    for values in (rng.exponential(size=40), rng.lognormal(0, 2, 100), np.ones(5), [0, 0, 3], [2], np.arange(6)):
        x = np.asarray(values, dtype=float)
        gini = np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean())
        yield {"values": x, "gini": gini, "top_3": np.sort(x)[::-1][:3].sum() / x.sum()}


def false_discoveries():
    rng = np.random.default_rng(8)
    for p in (rng.uniform(size=30) ** 3, [0.01, 0.01, 0.5], [1], [0.04, 0.03, 0.02, 0.01], rng.uniform(size=200)):
        yield {"p": p, "q": stats.false_discovery_control(p)}


# ---- a whole comparison ----


def normal_scores(values):
    return stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values))


def split(harmful, control):
    x, y = normal_scores(control), normal_scores(harmful)
    fitted = x * (x @ y) / (x @ x)
    return fitted, y - fitted


def top(values, k):
    return set(np.argsort(-np.asarray(values), kind="stable")[:k].tolist())


def kinds(harmful, control):
    return [harmful, control, harmful - control, split(harmful, control)[1]]


def profile(values, layers):
    return values.reshape(layers, -1).sum(axis=1) / values.sum()


def distance(a, b, layers):
    places = (np.arange(layers) + 0.5) / layers
    return stats.wasserstein_distance(places, places, profile(a, layers), profile(b, layers))


def gini(x):
    return np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean())


def layer_distribution(a, b, layers, heads):
    """Of the number of shared heads if both sets were spread over their layers anew."""
    total = np.array([1.0])
    for layer in range(layers):
        in_a, in_b = (sum(h // heads == layer for h in s) for s in (a, b))
        total = np.convolve(total, stats.hypergeom.pmf(range(min(in_a, in_b) + 1), heads, in_a, in_b))
    return total


def permutations(members, layers, heads, rounds):
    """[round][member]: within layers, and of all heads."""
    for r in range(rounds):
        both = []
        for m in range(members):
            item = m * 2**32 + r
            within, random = [], Random(PERMUTATION, item)
            for layer in range(layers):
                within += [layer * heads + h for h in random.shuffled(heads)]
            both.append((within, Random(RESIDUALS, item).shuffled(layers * heads)))
        yield both


def concordance(x, y):
    return sum(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i in range(len(x)) for j in range(i))


def permutation_tests(members, layers, heads, rounds, ks):
    pairs = [(a, b) for a in range(len(members)) for b in range(a + 1, len(members))]
    harmful = [m["harmful"].mean(axis=2).ravel() for m in members]
    splits = [split(h, m["harmless"].mean(axis=2).ravel()) for h, m in zip(harmful, members, strict=True)]
    reached = {(pair, name): 0 for pair in pairs for name in ("tau", *((null, k) for null in (0, 1) for k in ks))}
    total = dict.fromkeys(reached, 0)
    observed = {(pair, k): len(top(harmful[pair[0]], k) & top(harmful[pair[1]], k)) for pair in pairs for k in ks}
    base = {pair: concordance(harmful[pair[0]], harmful[pair[1]]) for pair in pairs}
    for drawn in permutations(len(members), layers, heads, rounds):
        moved, made = [], []
        for m, (within, across) in enumerate(drawn):
            relabelled = np.empty(layers * heads)
            relabelled[within] = harmful[m]
            moved.append(relabelled)
            fitted, residual = splits[m]
            made.append((fitted + residual[across], fitted + residual[within]))
        for pair in pairs:
            a, b = pair
            reached[pair, "tau"] += concordance(moved[a], moved[b]) >= base[pair]
            for null in (0, 1):
                for k in ks:
                    shared = len(top(made[a][null], k) & top(made[b][null], k))
                    total[pair, (null, k)] += shared
                    reached[pair, (null, k)] += shared >= observed[pair, k]
    return {key: [total[key] / rounds, (count + 1) / (rounds + 1)] for key, count in reached.items()}


def interval(value, samples):
    return [value, *np.percentile(samples, [2.5, 97.5])]


def comparison(a, b, layers, heads, ks, samples_a, samples_b):
    """One pair by one kind of score; samples are the scores in all resamples."""
    n = layers * heads
    shared = {k: len(top(a, k) & top(b, k)) for k in ks}
    resampled = list(zip(samples_a, samples_b, strict=True))
    distribution = {k: layer_distribution(top(a, k), top(b, k), layers, heads) for k in ks}
    return {
        "tau": interval(tau(a, b), [tau(x, y) for x, y in resampled]),
        "rbo": interval(rank_biased_overlap(a, b, PERSISTENCE),
                        [rank_biased_overlap(x, y, PERSISTENCE) for x, y in resampled]),
        "shared": [interval(shared[k], [len(top(x, k) & top(y, k)) for x, y in resampled]) for k in ks],
        "jaccard": [shared[k] / (2 * k - shared[k]) for k in ks],
        "uniform": [[k * k / n, tail(n, k, k, shared[k])] for k in ks],
        "layers": [[np.arange(len(d)) @ d, d[shared[k] :].sum()] for k, d in distribution.items()],
        "distance": [math.nan] * 3 if min(a) < 0 or min(b) < 0 else
        interval(distance(a, b, layers), [distance(x, y, layers) for x, y in resampled]),
    }  # fmt: skip


def whole():
    """Three members of one shape; the first two share their prompts, the third has more harmless ones."""
    layers, heads, resamples, rounds, ks = 4, 5, 60, 80, [3, 6, 10]
    rng = np.random.default_rng(9)
    strength, special = rng.lognormal(0, 1, (layers, heads)), rng.lognormal(-1, 1, (layers, heads))
    members = []
    for draws, counts in (((0, 0), (11, 11)), ((0, 0), (11, 11)), ((4, 5), (9, 14))):
        noise = rng.lognormal(0, 0.6, (2, layers, heads))
        scale = strength * noise[0] + special, strength * noise[1]
        scores = [s[:, :, None] * rng.lognormal(0, 0.8, (layers, heads, c)) for s, c in zip(scale, counts, strict=True)]
        # Eighths are exact in any order of adding; the third member's are coarse, so that its means tie.
        grain = 64 if draws == (0, 0) else 1
        harmful, harmless = (np.round(s * grain) / grain for s in scores)
        members.append({"harmful": harmful, "harmless": harmless, "draws": draws})
    values = [kinds(m["harmful"].mean(axis=2).ravel(), m["harmless"].mean(axis=2).ravel()) for m in members]
    samples = []
    for m in members:
        rows = []
        for r in range(resamples):
            means = []
            for key, number in zip(("harmful", "harmless"), m["draws"], strict=True):
                random, prompts = Random(3, number * 2**32 + r), m[key].shape[2]
                drawn = [random.below(prompts) for _ in range(prompts)]
                means.append(m[key][:, :, drawn].sum(axis=2).ravel() / prompts)
            rows.append(kinds(*means))
        samples.append(rows)
    tests = permutation_tests(members, layers, heads, rounds, ks)
    pairs = []
    for a in range(3):
        for b in range(a + 1, 3):
            by_kind = [comparison(values[a][i], values[b][i], layers, heads, ks, [row[i] for row in samples[a]],
                                  [row[i] for row in samples[b]]) for i in range(4)]  # fmt: skip
            pairs.append({"kinds": by_kind, "tau_p": tests[(a, b), "tau"][1],
                          "general": [tests[(a, b), (0, k)] for k in ks],
                          "general_layers": [tests[(a, b), (1, k)] for k in ks]})  # fmt: skip
    spreads = [[{"ranks": ranks(v[i]), "gini": interval(gini(v[i]), [gini(row[i]) for row in rows]),
                 "top": [interval(np.sort(v[i])[::-1][:k].sum() / v[i].sum(),
                                  [np.sort(row[i])[::-1][:k].sum() / row[i].sum() for row in rows]) for k in ks],
                 "profile": profile(v[i], layers)} for i in (0, 1)]
               for v, rows in zip(values, samples, strict=True)]  # fmt: skip
    return {"layers": layers, "heads": heads, "seed": SEED, "resamples": resamples, "permutations": rounds, "top_k": ks,
            "members": [{"draws": m["draws"], "harmful": m["harmful"].reshape(layers * heads, -1),
                         "harmless": m["harmless"].reshape(layers * heads, -1)} for m in members],
            "pairs": pairs, "spreads": spreads}  # fmt: skip


def load_ties(path):
    if not hasattr(np, "in1d"):
        np.in1d = np.isin  # which it was renamed to after that file was written
    spec = importlib.util.spec_from_file_location("rbo_ties", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(results=None, ties=None):
    real = read_real(results)
    module = load_ties(ties) if ties else None
    quantiles = [1e-300, 1e-20, 0.001, 0.02425, 0.25, 0.4999, 0.5, 0.75, 0.975, 1 - 1e-12]
    write("overlap.json", {
        "real": real,
        "hypergeometric": hypergeometric(),
        "rankings": list(rbo_cases([*random_rankings(), *real_rankings(real)], module)),
        "depth": list(depth_distances()),
        "concentration": list(concentrations()),
        "false_discovery": list(false_discoveries()),
        "quantiles": [[p, stats.norm.ppf(p)] for p in quantiles],
    })  # fmt: skip
    write("overlap-whole.json", whole())


if __name__ == "__main__":
    main(*sys.argv[1:])
