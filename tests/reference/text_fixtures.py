"""Makes tests/fixtures/text: our strings, tiny tokenizers trained on them, and what Hugging Face's
tokenizers and transformers make of strings and conversations.

    python tests/reference/text_fixtures.py                     # all that needs nothing else
    python tests/reference/text_fixtures.py NAME=FOLDER ...     # ids/NAME.json of a real tokenizer

A real tokenizer's ids are kept, the tokenizer itself is not.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

from text_chats import PROMPTS, SYSTEMS, TEMPLATES, TOKENS, conversation, render
from text_ids import open_tokenizer, reference, spell
from text_strings import strings

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "text"
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def write_json(name, value):
    """Each string on a line of its own, so that a difference shows where it is."""
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n", encoding="utf-8", newline="\n")


def alphabet(size):
    """The most frequent characters: fewer than occur, so that some stay unknown. The trainer's own choice
    among equally frequent ones differs from run to run."""
    counts = Counter(c for s in strings() for c in s if c not in " \0")
    return set(sorted(counts, key=lambda c: (-counts[c], c))[:size])


def train(tokenizer, size, special, initial=(), known=None):
    texts = ["".join(c for c in s if known is None or c == " " or c in known) for s in strings() if len(s) < 300]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=list(initial), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)


def byte_level():
    """As Llama-3 and Qwen: bytes in disguise, a text's words by a pattern."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 700, ["<begin>", "<end>"], sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<begin> $A", pair="<begin> $A $B:1", special_tokens=[("<begin>", 0)]),
    ])
    tokenizer.add_tokens([
        AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("<|im_end|>", special=True, normalized=False),
        AddedToken("<mask>", lstrip=True, special=True, normalized=False),
        AddedToken("<strip>", lstrip=True, rstrip=True, special=True, normalized=False),
        AddedToken("<word>", single_word=True, normalized=False), AddedToken("<Norm>"), AddedToken("e\u0301a"),
        AddedToken("<think>", normalized=False), AddedToken("<unused1>", special=True, normalized=False),
        AddedToken("<unused10>", special=True, normalized=False),
    ])
    return tokenizer


def gpt2():
    """As GPT-2 and GPT-NeoX: ByteLevel's own pattern, a blank before every text, runs of blanks as added tokens
    that are looked for in normalized text."""
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    train(tokenizer, 600, ["<|endoftext|>"], sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in (24, 8, 4, 3, 2)])
    return tokenizer


def as_in_2020(fields):
    """tokenizer.json as it was written then: no type of model, merges as strings."""
    model = fields["model"]
    for key in ("type", "byte_fallback", "ignore_merges"):
        del model[key]
    model["merges"] = [" ".join(pair) for pair in model["merges"]]
    del fields["pre_tokenizer"]["use_regex"], fields["post_processor"]["use_regex"], fields["decoder"]["use_regex"]
    return fields


def blocks():
    """SentencePiece: a text in one piece, blanks as U+2581, unknown characters as bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    train(tokenizer, 1000, ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % byte for byte in range(256)], known=alphabet(200))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0),
    ])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken("</s>", rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("▁▁")])
    return tokenizer


def prepended():
    """As Llama-2 and Mistral: the normalizer puts U+2581 before every stretch between special tokens."""
    tokenizer = blocks()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = None
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def words():
    """What else occurs: every normalizer and every way to cut, unknown characters, no decoder."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Strip(left=True, right=False), normalizers.NFKD(), normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\p{M}+"), ""), normalizers.Replace("ß", "ss"),
    ])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Split("_", "merged_with_next"),
        pre_tokenizers.Split(Regex("[!?.,;]+"), "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), "removed", invert=True),
        pre_tokenizers.Split(Regex(r"\p{Han}"), "contiguous"),
        pre_tokenizers.Digits(individual_digits=False),
    ])
    train(tokenizer, 500, ["<unk>"], known=alphabet(200))
    tokenizer.add_special_tokens([
        AddedToken("</s>", single_word=True, lstrip=True, normalized=False), AddedToken("<NORM>", normalized=True),
    ])
    tokenizer.add_tokens([AddedToken("ﬁn", rstrip=True)])
    return tokenizer


TINY = {"tiny-bytes": byte_level, "tiny-gpt2": gpt2, "tiny-blocks": blocks, "tiny-prepended": prepended, "tiny-words": words}


def chats(folder, width):
    """Ids of conversations, where the model has a chat template and does not refuse them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        return []
    found = []
    for system in SYSTEMS:
        for prompt in PROMPTS:
            ids = tokenizer.apply_chat_template(
                conversation(system, prompt), add_generation_prompt=True, return_dict=False
            )
            found.append({"system": system, "prompt": prompt, "ids": spell(ids, width)})
    return found


def rendered_templates():
    templates = []
    for name, template in TEMPLATES.items():
        cases = [{"system": s, "prompt": p, "text": render(template, s, p)} for s in SYSTEMS for p in PROMPTS]
        templates.append({"name": name, "template": template, "tokens": TOKENS, "cases": cases})
    return {"transformers": transformers.__version__, "templates": templates}


def main(arguments):
    if not arguments:
        write_json("strings.json", {"strings": strings()})
        write_json("chat.json", rendered_templates())
        for name, make in TINY.items():
            fields = json.loads(make().to_str())
            write_json(name + "/tokenizer.json", as_in_2020(fields) if make is gpt2 else fields)
            arguments.append(f"{name}={FOLDER / name}")
    for argument in arguments:
        name, folder = argument.split("=", 1)
        made = reference(open_tokenizer(folder), strings())
        write_json(f"ids/{name}.json", {**made, "chats": chats(folder, made["width"])})


if __name__ == "__main__":
    main(sys.argv[1:])
