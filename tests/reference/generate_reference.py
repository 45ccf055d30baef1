"""Answers by transformers.generate, greedy, with heads ablated by hooks or not.

    python tests/reference/generate_reference.py MODEL_DIR PROMPTS.csv OUT.json [options]

The model is Hugging Face's own, in float32 with eager attention, one prompt at a time. --ablate may be
given several times, once a head: KIND:LAYER:HEAD[:EPSILON], or mean_over_heads:LAYER:HEAD[:q|k|z], as
`caravan generate` takes it; all of one layer must have one kind. Without it the model answers as it does
for anybody, with its key/value cache. With it the whole text is read anew for each token, so that a hook
sees all of it and nothing is carried from one token to the next (see ships_reference.py for the hooks).

PROMPTS.csv: the first column, under its header; --template as in the paper's code. OUT.json, compared by
compare_generation.py: for each prompt the ids of its answer, the end-of-sequence token included where it
came, and for each of them the margin, the difference of the two largest logits that it was chosen from.
No text is kept.
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path

from model_common import Layer, check_layer, load_model

import torch
from transformers import AutoTokenizer


def ablations(words, layers):
    """{layer: (heads, choice)} from the --ablate options."""
    found = {}
    for word in words:
        kind, layer, head, *rest = word.split(":")
        parameter = rest[0] if rest else None
        choice = argparse.Namespace(kind=kind, epsilon=0.0, mean_of="q")
        if kind == "mean_over_heads":
            choice.mean_of = parameter or "q"
        elif parameter:
            choice.epsilon = float(parameter)
        heads, known = found.setdefault(int(layer), ([], choice))
        if known != choice or not 0 <= int(head) < layers[int(layer)].heads:
            sys.exit(f"generate_reference.py: --ablate {word} does not go with the model, or with another head")
        heads.append(int(head))
    return found


def answer(model, ids, most, use_cache):
    """The answer's ids, the margin of each."""
    tokens = torch.tensor([ids])
    result = model.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=most, do_sample=False,
                            use_cache=use_cache, output_logits=True, return_dict_in_generate=True)
    best = [logits[0].double().topk(2).values for logits in result.logits]
    return result.sequences[0, len(ids):].tolist(), [(first - second).item() for first, second in best]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("output")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--template", default="## Query:{prompt} \n## Answer:")
    parser.add_argument("--ablate", action="append", default=[])
    options = parser.parse_args()

    model, tokenizer = load_model(options.model), AutoTokenizer.from_pretrained(options.model)
    layers = [Layer(model, index) for index in range(model.config.num_hidden_layers)]
    chosen = ablations(options.ablate, layers)
    with open(options.prompts, newline="") as file:
        texts = [row[0] for row in list(csv.reader(file))[1:options.limit + 1]]
    prompts = [tokenizer(options.template.replace("{prompt}", text))["input_ids"] for text in texts]
    for layer in layers:
        check_layer(layer, model, prompts[0])
    for layer, (heads, choice) in chosen.items():
        layers[layer].replace([heads], choice)

    started, answers = time.time(), []
    for ids in prompts:
        tokens, margins = answer(model, ids, options.max_new_tokens, use_cache=not chosen)
        answers.append({"prompt_tokens": len(ids), "ids": tokens, "margins": margins})
        print(f"prompt {len(answers)}/{len(prompts)}, {time.time() - started:.0f} s", file=sys.stderr)
    eos = model.generation_config.eos_token_id
    Path(options.output).write_text(json.dumps({
        "model": options.model, "ablate": options.ablate, "max_new_tokens": options.max_new_tokens,
        "eos": eos if isinstance(eos, list) else [] if eos is None else [eos], "answers": answers}) + "\n")


main()
