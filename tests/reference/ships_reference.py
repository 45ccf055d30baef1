"""Ships, computed plainly: one forward pass of transformers per head and prompt.

    python tests/reference/ships_reference.py MODEL_DIR IDS.json OUT.json [options]

Independent of Caravan, and as simple as can be, so that it can be checked by reading: the model is
Hugging Face's own, of any family, in float32 with eager attention, one prompt at a time. What the attention
function of one layer returns for the head is replaced by what it is under the ablation (ablated.py); the
score is KL(clean || ablated) of the next-token distributions, in nats, from log-softmax in double precision.

IDS.json: see model_logits.py; a scores.h5 of Caravan will do. OUT.json holds the choices, the ids, and
scores [layer, head, prompt] for the selected ones; an OUT that ends in .npy gets the array alone.
compare_ships.py holds it against Caravan's scores.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from model_common import add_choice, load_model, read_prompts, selection
from ablated import Switch, switched_off

import numpy as np
import torch


def log_probabilities(model, ids):
    logits = model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=1).logits[0, -1]
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
    heads = model.config.num_attention_heads
    if choice.granularity == "kv_group":
        heads = getattr(model.config, "num_key_value_heads", heads)

    prompts = read_prompts(choice.prompts)
    which = {"layers": selection(choice.layers, model.config.num_hidden_layers),
             "heads": selection(choice.heads, heads),
             "prompts": selection(choice.prompt_numbers, len(prompts))}
    scores = np.full([len(numbers) for numbers in which.values()], np.nan)

    started = time.time()
    for p, prompt in enumerate(which["prompts"]):
        ids = prompts[prompt]
        with switched_off(model, []):
            clean = log_probabilities(model, ids)
        for l, layer in enumerate(which["layers"]):
            for h, head in enumerate(which["heads"]):
                switch = Switch(layer, head, choice.kind, choice.epsilon, choice.mean_of, choice.granularity)
                with switched_off(model, [switch], check=False):
                    scores[l, h, p] = kl(clean, log_probabilities(model, ids))
        print(f"prompt {p + 1}/{len(which['prompts'])}, {time.time() - started:.0f} s", file=sys.stderr)

    if choice.output.endswith(".npy"):
        np.save(choice.output, scores)
        return
    result = {name: getattr(choice, name) for name in ("model", "kind", "epsilon", "mean_of", "granularity")}
    result |= which | {"ids": [prompts[prompt] for prompt in which["prompts"]], "scores": scores.tolist()}
    Path(choice.output).write_text(json.dumps(result) + "\n")


main()
