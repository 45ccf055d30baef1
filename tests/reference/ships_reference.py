"""Ships, computed plainly: one forward pass of transformers per head and prompt.

    python tests/reference/ships_reference.py MODEL_DIR IDS.json OUT.json [options]

Independent of Caravan, and as simple as can be, so that it can be checked by reading: the model is
Hugging Face's own, in float32 with eager attention, one prompt at a time. A hook before o_proj of one
layer replaces z, the head's output, by what it is under the ablation; the score is KL(clean || ablated)
of the next-token distributions, in nats, from log-softmax in double precision.

IDS.json: see model_logits.py; a scores.h5 of Caravan will do. OUT.json holds the choices, the ids, and
scores [layer, head, prompt] for the selected ones; an OUT that ends in .npy gets the array alone.
compare_ships.py holds it against Caravan's scores.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from model_common import Layer, add_choice, check_layer, load_model, read_prompts, selection

import numpy as np
import torch


def log_probabilities(model, ids):
    logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
    return torch.log_softmax(logits.double(), dim=-1)


def kl(p, q):
    return max(0.0, (p.exp() * (p - q)).sum().item())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("output")
    add_choice(parser)
    for name in ("layers", "heads", "prompt-numbers"):
        parser.add_argument(f"--{name}", help="a selection such as 0-3,7; all by default")
    return parser.parse_args()


def main():
    choice = parse_arguments()
    model = load_model(choice.model)
    layers = [Layer(model, index) for index in range(model.config.num_hidden_layers)]
    span = layers[0].group if choice.granularity == "kv_group" else 1

    prompts = read_prompts(choice.prompts)
    which = {"layers": selection(choice.layers, len(layers)),
             "heads": selection(choice.heads, layers[0].heads // span),
             "prompts": selection(choice.prompt_numbers, len(prompts))}
    scores = np.full([len(numbers) for numbers in which.values()], np.nan)
    for layer in layers:
        check_layer(layer, model, prompts[which["prompts"][0]])

    started = time.time()
    for p, prompt in enumerate(which["prompts"]):
        ids = prompts[prompt]
        clean = log_probabilities(model, ids)
        for l, layer in enumerate(which["layers"]):
            for h, head in enumerate(which["heads"]):
                handle = layers[layer].replace([range(head * span, (head + 1) * span)], choice)
                scores[l, h, p] = kl(clean, log_probabilities(model, ids))
                handle.remove()
        print(f"prompt {p + 1}/{len(which['prompts'])}, {time.time() - started:.0f} s", file=sys.stderr)

    if choice.output.endswith(".npy"):
        np.save(choice.output, scores)
        return
    result = {name: getattr(choice, name) for name in ("model", "kind", "epsilon", "mean_of", "granularity")}
    result |= which | {"ids": [prompts[prompt] for prompt in which["prompts"]], "scores": scores.tolist()}
    Path(choice.output).write_text(json.dumps(result) + "\n")


main()
