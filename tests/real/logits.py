"""Holds `caravan logits` against transformers: python logits.py CARAVAN MODEL_DIR [MODEL_DIR ...]

Tokens are compared as well. Relative L2 error at most 1e-5, the same largest logit; NaN fails.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = [
    "Hello",
    "The capital of France is",
    "How do I bake a loaf of rye bread?",
    "## Query:Tips for a quiet evening at home? \n## Answer:",
    "def add(a, b):\n    return a + b\n\nprint(add(2, 3))  # prints",
    "Ein kleines Gedicht über den Herbst: 🍂 " + "Blätter fallen, " * 20,
]


def by_caravan(caravan, model, text):
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "logits.h5"
        subprocess.run([caravan, "logits", model, "--text", text, "--output", output], check=True,
                       stdout=subprocess.DEVNULL)
        with h5py.File(output) as file:
            return file["/tokens"][:].tolist(), torch.from_numpy(file["/logits"][:])


def main():
    caravan, models = sys.argv[1], sys.argv[2:]
    failures = 0
    for path in models:
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
        worst = 0.0
        for text in TEXTS:
            tokens, logits = by_caravan(caravan, path, text)
            expected_tokens = tokenizer(text)["input_ids"]
            with torch.no_grad():
                expected = model(torch.tensor([expected_tokens])).logits[0, -1]
            error = ((logits.double() - expected.double()).norm() / expected.double().norm()).item()
            fine = tokens == expected_tokens and error <= 1e-5 and logits.argmax() == expected.argmax()
            worst = max(worst, error)
            if not fine:
                failures += 1
                print(f"WRONG: {path}: {text[:40]!r}: relative error {error:.3g}, tokens "
                      f"{'equal' if tokens == expected_tokens else 'differ'}, largest {logits.argmax()}, "
                      f"expected {expected.argmax()}")
        print(f"{Path(path).name}: {len(TEXTS)} texts, largest relative error {worst:.2g}")
    sys.exit(1 if failures or not models else 0)


main()
