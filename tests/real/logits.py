"""Holds `caravan logits` against transformers: python logits.py [--long] CARAVAN MODEL_DIR [MODEL_DIR ...]

Tokens are compared as well. Relative L2 error at most 1e-5, the same largest logit; NaN fails. With --long one
text more, of some 700 tokens: longer than a sliding window may be.
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
LONG_TEXT = " ".join(f"Box {box} holds {box * 7 % 31} pears and {box * 11 % 17} plums." for box in range(1, 56))


def by_caravan(caravan, model, text):
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "logits.h5"
        subprocess.run([caravan, "logits", model, "--text", text, "--output", output], check=True,
                       stdout=subprocess.DEVNULL)
        with h5py.File(output) as file:
            return file["/tokens"][:].tolist(), torch.from_numpy(file["/logits"][:])


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--long"]
    caravan, models = arguments[0], arguments[1:]
    texts = TEXTS + [LONG_TEXT] * ("--long" in sys.argv)
    failures = 0
    for path in models:
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
        worst = 0.0
        for text in texts:
            tokens, logits = by_caravan(caravan, path, text)
            expected_tokens = tokenizer(text)["input_ids"]
            with torch.no_grad():
                expected = model(torch.tensor([expected_tokens]), logits_to_keep=1).logits[0, -1]
            error = ((logits.double() - expected.double()).norm() / expected.double().norm()).item()
            fine = tokens == expected_tokens and error <= 1e-5 and logits.argmax() == expected.argmax()
            worst = max(worst, error)
            if not fine:
                failures += 1
                print(f"WRONG: {path}: {text[:40]!r}: relative error {error:.3g}, tokens "
                      f"{'equal' if tokens == expected_tokens else 'differ'}, largest {logits.argmax()}, "
                      f"expected {expected.argmax()}")
        print(f"{Path(path).name}: {len(texts)} texts, largest relative error {worst:.2g}")
    sys.exit(1 if failures or not models else 0)


main()
