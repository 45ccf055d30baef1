"""What the fetch scripts share: a GGUF file becomes a model folder in single precision, which is then asked."""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TQDM_DISABLE"] = "1"

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.utils import logging

logging.disable_progress_bar()


def convert_model(gguf, folder, rms_norm_eps):
    """The file has the norms' epsilon as a single-precision number, 9.999999747378752e-06 for 1e-05."""
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32,
                                                 quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(folder)
    config = folder / "config.json"
    fields = json.loads(config.read_text())
    assert abs(fields["rms_norm_eps"] / rms_norm_eps - 1) < 1e-6
    fields["rms_norm_eps"] = rms_norm_eps
    config.write_text(json.dumps(fields, indent=2) + "\n")


def make_readable(folder):
    for path in folder.iterdir():
        path.chmod(0o644)


def check_answer(folder, ask, expected):
    """Loads the folder again and lets the model continue what `ask` makes of its tokenizer, so that a wrong
    conversion cannot pass for a model."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    wide = {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    prompt = ask(tokenizer)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    answer = tokenizer.decode(model.generate(ids, max_new_tokens=16, do_sample=False)[0, ids.shape[1]:],
                              skip_special_tokens=True)
    print(f"{prompt}[{answer}]", file=sys.stderr)
    if not wide or expected not in answer:
        sys.exit(f"{os.path.basename(sys.argv[0])}: the converted model is not what it should be")
