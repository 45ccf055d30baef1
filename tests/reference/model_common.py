"""What the model references share: loading a model for exact comparison, prompts as token ids."""

import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()
torch.set_grad_enabled(False)


def load_model(folder):
    """The model in single precision (weights of 16 bits are widened exactly) with eager attention."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                 local_files_only=True)
    return model.eval()


def last_logits(model, ids):
    """Logits after the last token of one prompt, computed alone: no batch, no padding, no cache."""
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]


def read_prompts(path):
    """Token ids of prompts. JSON: a list of lists, or {"prompts": [{"ids": [...]}]}; HDF5: Caravan's
    scores.h5, its harmful prompts."""
    if Path(path).suffix == ".h5":
        import h5py
        with h5py.File(path) as file:
            return [row.tolist() for row in file["/harmful/tokens"][:]]
    prompts = json.loads(Path(path).read_text())
    if isinstance(prompts, dict):
        prompts = [prompt["ids"] for prompt in prompts["prompts"]]
    return prompts


def write_reference(path, prompts, logits):
    """prompts: lists of ids; logits: one float32 row each. Nine digits give a float32 back exactly."""
    rows = []
    for ids, row in zip(prompts, logits, strict=True):
        numbers = ", ".join(f"{value:.9g}" for value in row.tolist())
        rows.append(f'{{"ids": {json.dumps(ids)},\n "logits": [{numbers}]}}')
    Path(path).write_text('{"prompts": [\n' + ",\n".join(rows) + "\n]}\n")
