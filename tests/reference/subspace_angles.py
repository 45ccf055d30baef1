"""Generalized Ships by NumPy and by exact arithmetic: writes tests/fixtures/subspace.

    python tests/reference/subspace_angles.py

Two fixtures. chat-a: last-position states of a demo model, clean and with one head switched off, dumped by
PyTorch, with the angles that NumPy in double precision makes of them. pairs.json: pairs of matrices built to
have small, large and mixed angles, with the angles of these very numbers by mpmath at 60 digits; NumPy's and
(if it is installed) SciPy's error against them is printed and must be small.
"""

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

from model_common import Layer, check_layer, load_model

import mpmath
import numpy as np
import torch
from transformers import AutoTokenizer

try:
    from scipy.linalg import subspace_angles as scipy_angles
except ImportError:
    scipy_angles = None

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/fixtures/subspace"
RANKS = 8

mpmath.mp.dps = 60


def numpy_angles(a, b):
    """Sums in degrees of the first r principal angles between the first r left singular vectors, r = 1..8
    at most: sines for small angles, cosines for large ones."""
    u, v = (np.linalg.svd(m, full_matrices=False)[0] for m in (a, b))
    sums = []
    for r in range(1, min(*a.shape, RANKS) + 1):
        p, q = u[:, :r], v[:, :r]
        cosines = np.linalg.svd(p.T @ q, compute_uv=False)
        sines = np.linalg.svd(q - p @ (p.T @ q), compute_uv=False)[::-1]
        small = cosines ** 2 >= 0.5
        angles = np.where(small, np.arcsin(np.minimum(sines, 1)), np.arccos(np.minimum(cosines, 1)))
        # SciPy takes the sine for the wrong angles where some are below 45 degrees and some above.
        if scipy_angles and len(set(small)) == 1:
            theirs = scipy_angles(p, q)
            assert abs(angles.sum() - theirs.sum()) <= 1e-9 * theirs.sum() + 1e-14, "SciPy differs"
        sums.append(np.degrees(angles.sum()))
    return sums


def exact_vectors(matrix):
    """Left singular vectors of doubles taken as exact, from the Gram matrix: at 60 digits its squared
    condition does no harm."""
    m = mpmath.matrix(matrix.tolist())
    values, vectors = mpmath.eigsy(m * m.T)
    falling = sorted(range(len(values)), key=lambda i: -values[i])
    return [[vectors[row, i] for row in range(vectors.rows)] for i in falling]


def dot(x, y):
    return mpmath.fsum(a * b for a, b in zip(x, y))


def exact_angles(a, b, count):
    u, v = exact_vectors(a), exact_vectors(b)
    sums = []
    for r in range(1, count + 1):
        inside = [[dot(u[i], v[j]) for j in range(r)] for i in range(r)]
        outside = [[x - mpmath.fsum(inside[i][j] * u[i][p] for i in range(r)) for p, x in enumerate(v[j])]
                   for j in range(r)]
        squares = mpmath.eigsy(mpmath.matrix([[dot(x, y) for y in outside] for x in outside]), eigvals_only=True)
        angles = [mpmath.asin(mpmath.sqrt(min(max(s, 0), 1))) for s in squares]
        sums.append(float(mpmath.degrees(mpmath.fsum(angles))))
    return sums


def orthogonal(rng, n):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def make_pair(seed, prompts, d, sigma, degrees):
    """Two matrices with singular values sigma. The i-th left singular vector of the second is that of the
    first, turned by degrees[i] in a plane of its own."""
    rng = np.random.default_rng(seed)
    u, n = orthogonal(rng, prompts), len(sigma)
    turned = u.copy()
    for i, angle in enumerate(np.radians(degrees)):
        other = prompts - 1 - i
        turned[:, i] = np.cos(angle) * u[:, i] + np.sin(angle) * u[:, other]
        turned[:, other] = np.cos(angle) * u[:, other] - np.sin(angle) * u[:, i]
    return [x[:, :n] * sigma @ orthogonal(rng, d)[:n] for x in (u, turned)]


def steps(base, count):
    return [base * (1 + 0.3 * i) for i in range(count)]


def falling(ratio, count):
    return [ratio ** i for i in range(count)]


# name, prompts, d, singular values, angles, and how many ranks are determined
PAIRS = [
    ("1e-4 degrees", 18, 20, falling(0.8, 9), steps(1e-4, 9), 8),
    ("1e-7 degrees", 18, 20, falling(0.8, 9), steps(1e-7, 9), 8),
    ("1e-4 degrees, singular values down to 1e-5", 18, 20, falling(0.24, 9), steps(1e-4, 9), 8),
    ("89.999 degrees and less", 18, 20, falling(0.8, 9), [90 - angle for angle in steps(1e-3, 9)], 8),
    ("small and large", 18, 20, falling(0.8, 9), [1e-4, 89.9999, 1e-6, 45, 1, 1e-5, 60, 44.99, 45.01], 8),
    ("more prompts than dimensions", 20, 6, falling(0.7, 6), steps(1e-4, 6), 6),
    ("more prompts than dimensions, large", 20, 6, falling(0.7, 6), [30, 60, 1e-3, 1e-2, 1e-3, 80], 6),
    ("square", 9, 9, falling(0.7, 9), steps(1e-2, 4), 8),
    ("rank 3", 12, 10, falling(0.5, 3), steps(1e-4, 3), 3),
    ("four prompts", 4, 7, [1, 0.5, 0.2, 0.1], [1e-4, 1e-3], 4),
    ("one prompt", 1, 5, [2], [], 1),
]


def write_pairs():
    made, worst = [], 0
    for seed, (name, prompts, d, sigma, degrees, determined) in enumerate(PAIRS):
        a, b = make_pair(seed, prompts, d, np.array(sigma), degrees)
        exact, theirs = exact_angles(a, b, determined), numpy_angles(a, b)[:determined]
        errors = [abs(t - e) / e for t, e in zip(theirs, exact) if e >= 1e-8]
        print(f"{name}: NumPy's worst relative error {max(errors, default=0):.1e}")
        worst = max(worst, *errors, 0)
        made.append({"name": name, "clean": a.tolist(), "ablated": b.tolist(),
                     "angles": exact + [None] * (RANKS - determined)})
    assert worst <= 1e-4
    lines = ",\n".join(json.dumps(pair, separators=(",", ":")) for pair in made)
    (OUT / "pairs.json").write_text(f'{{"pairs": [\n{lines}\n]}}\n')


# layer, head, kind, epsilon: over all layers, and weakened ever so little for small angles
HEADS = [
    (0, 0, "uniform_attention", 0), (1, 3, "uniform_attention", 0), (3, 5, "uniform_attention", 0),
    (5, 2, "uniform_attention", 0), (2, 7, "value_scale", 0), (5, 2, "value_scale", 0.99),
    (5, 6, "value_scale", 0.999), (5, 2, "value_scale", 0.9999),
]


def dump_states(folder, texts):
    """float32 [1 + heads, prompts, d]: what enters the final norm at the last position; clean first."""
    model, tokenizer = load_model(folder), AutoTokenizer.from_pretrained(folder)
    layers = [Layer(model, index) for index in range(model.config.num_hidden_layers)]
    prompts = [tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                             return_dict=False) for text in texts]
    seen, states = {}, []
    model.model.norm.register_forward_pre_hook(lambda module, inputs: seen.update(last=inputs[0][0, -1].numpy().copy()))
    for layer in layers:
        check_layer(layer, model, prompts[0])
    for choice in [None, *HEADS]:
        if choice:
            layer, head, kind, epsilon = choice
            handle = layers[layer].replace([[head]], SimpleNamespace(kind=kind, epsilon=epsilon))
        rows = []
        for ids in prompts:
            model(input_ids=torch.tensor([ids]), use_cache=False)
            rows.append(seen["last"])
        if choice:
            handle.remove()
        states.append(rows)
    return np.array(states, dtype="<f4"), model.model.norm.weight.numpy(), model.config.rms_norm_eps


def final_norm(x, weight, eps):
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * weight


def write_chat():
    with open(ROOT / "jobs/demo/prompts/harmful.csv", newline="") as file:
        texts = [row["prompt"] for row in csv.DictReader(file)]
    states, weight, eps = dump_states(ROOT / "jobs/demo/models/chat-a", texts)
    wide = states.astype(np.float64)
    angles = {"resid_post": [], "final_norm": []}
    for state, x in (("resid_post", wide), ("final_norm", final_norm(wide, weight.astype(np.float64), eps))):
        for i, head in enumerate(HEADS):
            sums = numpy_angles(x[0], x[i + 1])
            exact = exact_angles(x[0], x[i + 1], RANKS)
            worst = max(abs(s - e) / e for s, e in zip(sums, exact))
            print(f"chat-a, {state}, {head}: {sums[0]:.3g} to {sums[-1]:.3g} degrees, NumPy's worst relative "
                  f"error {worst:.1e}")
            assert worst <= 1e-6
            angles[state].append(sums)
    (OUT / "chat-a.f32").write_bytes(states.tobytes())
    fields = {"states": len(HEADS), "num_prompts": states.shape[1], "hidden_size": states.shape[2],
              "heads": HEADS, "rms_norm_eps": eps, "norm": [float(f"{w:.9g}") for w in weight], **angles}
    text = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in fields.items())
    (OUT / "chat-a.json").write_text("{" + text + "}\n")


def main():
    if scipy_angles is None:
        print("SciPy is not installed: its angles are not compared", file=sys.stderr)
    write_pairs()
    write_chat()


main()
