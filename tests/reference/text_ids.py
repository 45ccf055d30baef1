"""Ids and decoded texts of strings, as Hugging Face's tokenizers gives them, in a compact form."""

from pathlib import Path

import tokenizers
from tokenizers import Tokenizer

# Digits in which ids are written, the lowest first: no quote and no backslash, so that JSON escapes none.
DIGITS = [chr(code) for code in range(35, 127) if chr(code) != "\\"]


def spell(ids, width):
    word = ""
    for value in ids:
        for _ in range(width):
            word += DIGITS[value % len(DIGITS)]
            value //= len(DIGITS)
    return word


def specials(tokenizer):
    """The ids that are added before and behind those of every text."""
    plain = tokenizer.encode("a b", add_special_tokens=False).ids
    whole = tokenizer.encode("a b", add_special_tokens=True).ids
    start = next(i for i in range(len(whole)) if whole[i : i + len(plain)] == plain)
    return whole[:start], whole[start + len(plain) :]


def open_tokenizer(folder):
    return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


def reference(tokenizer, strings):
    """Ids of every string; what they decode to where that is not the string ("decoded"), and where it is
    something else again without special tokens ("skipped"), by the string's number."""
    width = 2 if tokenizer.get_vocab_size() < len(DIGITS) ** 2 else 3
    before, after = specials(tokenizer)
    made = {"tokenizers": tokenizers.__version__, "width": width, "before": before, "after": after, "ids": [],
            "decoded": {}, "skipped": {}}
    for i, string in enumerate(strings):
        ids = tokenizer.encode(string, add_special_tokens=False).ids
        assert tokenizer.encode(string, add_special_tokens=True).ids == before + ids + after
        decoded = tokenizer.decode(ids, skip_special_tokens=False)
        skipped = tokenizer.decode(ids, skip_special_tokens=True)
        made["ids"].append(spell(ids, width))
        if decoded != string:
            made["decoded"][str(i)] = decoded
        if skipped != decoded:
            made["skipped"][str(i)] = skipped
    return made
