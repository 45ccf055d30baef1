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

from model_common import load_model, read_prompts

import numpy as np
import torch


class Layer:
    """One decoder layer of a Hugging Face model, with what its last pass put through q, k and v."""

    def __init__(self, model, index):
        config = model.config
        self.attention = model.model.layers[index].self_attn
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.group = self.heads // self.key_heads
        self.head_dim = self.attention.head_dim
        self.rotary = model.model.rotary_emb
        for name in ("q_proj", "k_proj", "v_proj"):
            getattr(self.attention, name).register_forward_hook(self.remember(name))

    def remember(self, name):
        def hook(module, inputs, output):
            # [tokens, heads * head_dim] to [heads, tokens, head_dim]
            setattr(self, name[0], output[0].unflatten(-1, (-1, self.head_dim)).transpose(0, 1))
        return hook

    def rotate(self, x):
        """Rotary embedding of x [tokens, head_dim]: pairs are (i, i + head_dim / 2)."""
        cos, sin = self.rotary(x, torch.arange(len(x))[None])
        first, second = x.chunk(2, dim=-1)
        return x * cos[0] + torch.cat((-second, first), dim=-1) * sin[0]

    def attend(self, q, k, v, epsilon=1.0):
        """z [tokens, head_dim] of one head from q and k before rotation; scores times epsilon."""
        scores = self.rotate(q) @ self.rotate(k).T / self.head_dim ** 0.5 * epsilon
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        return torch.softmax(scores.masked_fill(later, float("-inf")), dim=-1) @ v

    def ablated(self, z, head, choice):
        """z [heads, tokens, head_dim] is what the pass computed; returns what replaces z[head]."""
        q, k, v = self.q[head], self.k[head // self.group], self.v[head // self.group]
        if choice.kind == "uniform_attention" and choice.epsilon == 0:
            return v.cumsum(0) / torch.arange(1, len(v) + 1)[:, None]
        if choice.kind == "uniform_attention":
            return self.attend(q, k, v, choice.epsilon)
        if choice.kind == "value_scale":
            return z[head] * choice.epsilon
        if choice.mean_of == "q":
            return self.attend(self.q.mean(0), k, v)
        if choice.mean_of == "k":
            return self.attend(q, self.k.mean(0), v)
        return z.mean(0)

    def replace(self, heads, choice):
        """A hook before o_proj, to be removed by the caller."""
        def hook(module, inputs):
            z = inputs[0][0].unflatten(-1, (self.heads, self.head_dim)).transpose(0, 1)
            changed = z.clone()
            for head in heads:
                changed[head] = self.ablated(z, head, choice)
            return (changed.transpose(0, 1).flatten(-2)[None],)
        return self.attention.o_proj.register_forward_pre_hook(hook)


def log_probabilities(model, ids):
    logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
    return torch.log_softmax(logits.double(), dim=-1)


def kl(p, q):
    return max(0.0, (p.exp() * (p - q)).sum().item())


def check_layer(layer, model, ids):
    """z is what we think it is: put through its own columns of o_proj, the heads add up to the layer's
    attention output; and our own attention, without ablation, gives z again."""
    seen = {}

    def look(module, inputs, output):
        seen.update(z=inputs[0][0], output=output[0])
    handle = layer.attention.o_proj.register_forward_hook(look)
    model(input_ids=torch.tensor([ids]), use_cache=False)
    handle.remove()
    z = seen["z"].unflatten(-1, (layer.heads, layer.head_dim)).transpose(0, 1)
    weight, bias = layer.attention.o_proj.weight, layer.attention.o_proj.bias
    columns = weight.unflatten(1, (layer.heads, layer.head_dim))
    total = sum(z[head] @ columns[:, head].T for head in range(layer.heads)) + (0 if bias is None else bias)
    again = torch.stack([layer.attend(layer.q[head], layer.k[head // layer.group], layer.v[head // layer.group])
                         for head in range(layer.heads)])
    for ours, theirs, what in ((total, seen["output"], "heads do not add up to the attention output"),
                               (again, z, "attention computed here differs from the model's")):
        if not (ours - theirs).norm() <= 1e-5 * theirs.norm():
            sys.exit(f"ships_reference.py: {what}")


def selection(text, count):
    """"0-3,7" to [0, 1, 2, 3, 7]; None to all."""
    if text is None:
        return list(range(count))
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or max(numbers) >= count:
        sys.exit(f"ships_reference.py: {text} goes past {count - 1}")
    return numbers


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("output")
    parser.add_argument("--kind", default="uniform_attention",
                        choices=["uniform_attention", "value_scale", "mean_over_heads"])
    parser.add_argument("--epsilon", type=float, default=0.0)
    parser.add_argument("--mean-of", default="q", choices=["q", "k", "z"])
    parser.add_argument("--granularity", default="head", choices=["head", "kv_group"])
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
                handle = layers[layer].replace(range(head * span, (head + 1) * span), choice)
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
