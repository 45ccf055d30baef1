"""Sahara, the greedy search for a group of heads, computed plainly with transformers and NumPy.

    python tests/reference/sahara_reference.py MODEL_DIR IDS.json OUT.json [options]

Independent of Caravan, and as simple as can be, so that it can be checked by reading. Algorithm 1 of the
paper: step s ablates, for every head that is not in the group G, G and that head together; the score is
generalized Ships, the sum of the principal angles, in degrees, between the subspaces that the first
`rank` left singular vectors of the clean and of the ablated states span; the best head joins G, and of
equal ones that of the lowest layer, then of the lowest number. States are those of the last position,
one row a prompt, after the final norm or before it.

The model is Hugging Face's own, in float32 with eager attention. A hook before o_proj replaces z, as in
ships_reference.py. A pass takes one prompt, repeated once for each head of a layer, and ablates another
head in each row: rows are of one length, so nothing is padded, and nothing is carried from one pass to
the next. Singular vectors are those of NumPy, in float64.

IDS.json: see model_logits.py; a scores.h5 of Caravan will do. OUT.json, compared by compare_sahara.py:

    group                    [step] of [layer, head], in the order in which they joined
    angles                   [step, layer, head], null for members of the group
    angles_by_rank           [step, layer, head, r - 1] for r = 1..8 (fewer where there are fewer prompts)
    singular_values          [step, layer, head, i] of the ablated states, one more than there are ranks
    clean_singular_values    [i] of the clean ones
    ids, and the choices

OUT.json.part holds what is done so far; the same command goes on from there. --states FOLDER keeps the
states of the first step: clean.npy [prompt, d] and ablated.npy [layer, head, prompt, d].
"""

import argparse
import json
import sys
import time
from pathlib import Path

from model_common import Layer, add_choice, check_layer, load_model, load_model_in_double, read_prompts

import numpy as np
import torch

RANKS = 8


def left_singular(states):
    """U, the singular values; float64."""
    u, values, _ = np.linalg.svd(np.asarray(states, dtype=np.float64), full_matrices=False)
    return u, values


def principal_angles(a, b):
    """Degrees between the spans of the orthonormal columns of a and of b, ascending. The sines are the
    singular values of b's part outside a: acos of the cosines loses all small angles. Near 90 degrees
    the sines are the blunt ones, hence both."""
    cosines = np.linalg.svd(a.T @ b, compute_uv=False)
    sines = np.linalg.svd(b - a @ (a.T @ b), compute_uv=False)
    return np.degrees(np.arctan2(sines[::-1], cosines))


class Search:
    """The model, the prompts and what is known so far."""

    def __init__(self, choice):
        self.choice, self.prompts = choice, read_prompts(choice.prompts)
        self.model = (load_model_in_double if choice.precision == "f64" else load_model)(choice.model)
        self.layers = [Layer(self.model, index) for index in range(self.model.config.num_hidden_layers)]
        self.span = self.layers[0].group if choice.granularity == "kv_group" else 1
        self.heads = self.layers[0].heads // self.span
        self.model.model.norm.register_forward_hook(self.look)
        self.ranks = min(RANKS, len(self.prompts), self.model.config.hidden_size)
        if choice.rank > self.ranks:
            sys.exit(f"sahara_reference.py: rank {choice.rank} needs as many prompts, and is at most {RANKS}")

    def look(self, norm, inputs, output):
        self.last = (inputs[0] if self.choice.state == "resid_post" else output)[:, -1]

    def states(self, ids, rows):
        """[rows, d]: the last state of one prompt; each row is a list of (layer, head) that are ablated."""
        handles = []
        for index, layer in enumerate(self.layers):
            heads = [[single for l, head in row if l == index
                      for single in range(head * self.span, (head + 1) * self.span)] for row in rows]
            if any(heads):
                handles.append(layer.replace(heads, self.choice))
        self.model.model(input_ids=torch.tensor([ids] * len(rows)), use_cache=False)
        for handle in handles:
            handle.remove()
        return self.last.numpy()

    def all_states(self, rows):
        """[rows, prompts, d]"""
        return np.stack([self.states(ids, rows) for ids in self.prompts], axis=1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("output")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rank", type=int, default=1, help="singular vectors that a score compares")
    parser.add_argument("--state", default="final_norm", choices=["final_norm", "resid_post"])
    parser.add_argument("--precision", default="f32", choices=["f32", "f64"])
    parser.add_argument("--states", help="a folder for the states of the first step")
    add_choice(parser)
    return parser.parse_args()


def begin(search, part):
    """The fields of the result as far as they are known, from part if it is of the same search."""
    choice, shape = search.choice, [search.choice.steps, len(search.layers), search.heads]
    fields = {name: getattr(choice, name) for name in ("model", "kind", "epsilon", "mean_of", "granularity", "steps",
                                                       "rank", "state", "precision")}
    fields["ids"] = search.prompts
    if part.exists():
        found = json.loads(part.read_text())
        if {name: found[name] for name in fields} == fields:
            return found
        print(f"{part}: of another search, begun anew", file=sys.stderr)
    return fields | {"group": [], "layers_done": 0,
                     "angles": np.full(shape, None).tolist(),
                     "angles_by_rank": np.full(shape, None).tolist(),
                     "singular_values": np.full(shape, None).tolist()}


def save(fields, path):
    """Whole or not at all."""
    unfinished = Path(f"{path}.new")
    unfinished.write_text(json.dumps(fields) + "\n")
    unfinished.replace(path)


def score_layer(search, fields, clean, step, layer, dump):
    """Fills in the heads of one layer."""
    group = [tuple(member) for member in fields["group"]]
    heads = [head for head in range(search.heads) if (layer, head) not in group]
    if not heads:
        return
    ablated = search.all_states([group + [(layer, head)] for head in heads])
    for head, states in zip(heads, ablated):
        u, values = left_singular(states)
        by_rank = [principal_angles(clean[:, :r], u[:, :r]).sum() for r in range(1, search.ranks + 1)]
        fields["angles_by_rank"][step][layer][head] = by_rank
        fields["angles"][step][layer][head] = by_rank[search.choice.rank - 1]
        fields["singular_values"][step][layer][head] = values[:search.ranks + 1].tolist()
    if dump and step == 0:
        save_states(dump, search, layer, ablated)


def save_states(folder, search, layer, ablated):
    shape = (len(search.layers), *ablated.shape)
    file = np.lib.format.open_memmap(Path(folder, "ablated.npy"), "r+" if layer else "w+", ablated.dtype, shape)
    file[layer] = ablated
    file.flush()


def best(angles):
    """The first of the largest, in the order of layers, then of heads."""
    board = np.array(angles, dtype=float) # None becomes NaN
    return [int(number) for number in np.unravel_index(np.nanargmax(board), board.shape)]


def main():
    choice = parse_arguments()
    search = Search(choice)
    for layer in search.layers:
        check_layer(layer, search.model, search.prompts[0])

    part = Path(choice.output + ".part")
    fields = begin(search, part)
    clean_states = search.all_states([[]])[0]
    clean, values = left_singular(clean_states)
    fields["clean_singular_values"] = values[:search.ranks + 1].tolist()
    if choice.states:
        Path(choice.states).mkdir(parents=True, exist_ok=True)
        np.save(Path(choice.states, "clean.npy"), clean_states)

    started = time.time()
    for step in range(len(fields["group"]), choice.steps):
        for layer in range(fields["layers_done"], len(search.layers)):
            score_layer(search, fields, clean, step, layer, choice.states)
            fields["layers_done"] = layer + 1
            save(fields, part)
            print(f"step {step + 1}, layer {layer + 1}/{len(search.layers)}, {time.time() - started:.0f} s",
                  file=sys.stderr)
        fields["group"].append(best(fields["angles"][step]))
        fields["layers_done"] = 0
        save(fields, part)

    del fields["layers_done"]
    save(fields, choice.output)
    part.unlink()
    print("group:", " ".join(f"L{layer}H{head}" for layer, head in fields["group"]))


if __name__ == "__main__":
    main()
