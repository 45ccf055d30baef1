"""What the model references share: a model loaded for exact comparison, its heads ablated, prompts as token ids."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()
torch.set_grad_enabled(False)


def load_model(folder):
    """The model in single precision (weights of 16 bits are widened exactly) with eager attention."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                 local_files_only=True)
    return model.eval()


def load_model_in_double(folder):
    """The same function of the same weights, but in double precision, to see what single precision adds.
    transformers' eager attention and norms go through single precision whatever the model's type is;
    so attention is PyTorch's own, and the norms are replaced. The rotary table stays in single precision:
    its rounding belongs to the models' definition."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="sdpa",
                                                 local_files_only=True)
    for module in model.modules():
        if "Norm" in type(module).__name__:
            if not hasattr(module, "variance_epsilon"):
                sys.exit(f"{Path(sys.argv[0]).name}: {type(module).__name__} is not known in double precision")
            module.forward = lambda x, norm=module: norm.weight * x * torch.rsqrt(
                x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)
    return model.eval()


def last_logits(model, ids):
    """Logits after the last token of one prompt, computed alone: no batch, no padding, no cache."""
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]


def add_choice(parser):
    """The options that say what is done to a head; Layer.replace takes the parsed arguments as its choice."""
    parser.add_argument("--kind", default="uniform_attention",
                        choices=["uniform_attention", "value_scale", "mean_over_heads"])
    parser.add_argument("--epsilon", type=float, default=0.0)
    parser.add_argument("--mean-of", default="q", choices=["q", "k", "z"])
    parser.add_argument("--granularity", default="head", choices=["head", "kv_group"])


class Layer:
    """One decoder layer of a Hugging Face model, with what its last pass put through q, k and v.

    A pass is over a batch of rows, all of one length; each row has heads of its own that are ablated."""

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
            setattr(self, name[0], self.split(output))
        return hook

    def split(self, x):
        """[rows, tokens, heads * head_dim] to [rows, heads, tokens, head_dim]"""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

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

    def ablated(self, row, z, head, choice):
        """z [heads, tokens, head_dim] is what the pass computed in that row; returns what replaces z[head]."""
        q, k, v = self.q[row, head], self.k[row, head // self.group], self.v[row, head // self.group]
        if choice.kind == "uniform_attention" and choice.epsilon == 0:
            return v.cumsum(0) / torch.arange(1, len(v) + 1)[:, None]
        if choice.kind == "uniform_attention":
            return self.attend(q, k, v, choice.epsilon)
        if choice.kind == "value_scale":
            return z[head] * choice.epsilon
        if choice.mean_of == "q":
            return self.attend(self.q[row].mean(0), k, v)
        if choice.mean_of == "k":
            return self.attend(q, self.k[row].mean(0), v)
        return z.mean(0)

    def replace(self, heads_of_rows, choice):
        """A hook before o_proj, to be removed by the caller; heads_of_rows: for each row of the batch the
        heads of this layer that are ablated in it."""
        def hook(module, inputs):
            z = self.split(inputs[0])
            changed = z.clone()
            for row, heads in enumerate(heads_of_rows):
                for head in heads:
                    changed[row, head] = self.ablated(row, z[row], head, choice)
            return (changed.transpose(1, 2).flatten(-2),)
        return self.attention.o_proj.register_forward_pre_hook(hook)


def check_layer(layer, model, ids):
    """z is what we think it is: put through its own columns of o_proj, the heads add up to the layer's
    attention output; and our own attention, without ablation, gives z again."""
    seen = {}

    def look(module, inputs, output):
        seen.update(z=inputs[0], output=output[0])
    handle = layer.attention.o_proj.register_forward_hook(look)
    model.model(input_ids=torch.tensor([ids]), use_cache=False)
    handle.remove()
    z = layer.split(seen["z"])[0]
    weight, bias = layer.attention.o_proj.weight, layer.attention.o_proj.bias
    columns = weight.unflatten(1, (layer.heads, layer.head_dim))
    total = sum(z[head] @ columns[:, head].T for head in range(layer.heads)) + (0 if bias is None else bias)
    q, k, v = layer.q[0], layer.k[0], layer.v[0]
    again = torch.stack([layer.attend(q[head], k[head // layer.group], v[head // layer.group])
                         for head in range(layer.heads)])
    for ours, theirs, what in ((total, seen["output"], "heads do not add up to the attention output"),
                               (again, z, "attention computed here differs from the model's")):
        if not (ours - theirs).norm() <= 1e-5 * theirs.norm():
            sys.exit(f"{Path(sys.argv[0]).name}: {what}")


def selection(text, count):
    """"0-3,7" to [0, 1, 2, 3, 7]; None to all."""
    if text is None:
        return list(range(count))
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or max(numbers) >= count:
        sys.exit(f"{Path(sys.argv[0]).name}: {text} goes past {count - 1}")
    return numbers


def read_prompts(path):
    """Token ids of prompts. JSON: a list of lists, or {"prompts": [{"ids": [...]}]}; HDF5: Caravan's
    scores.h5, its harmful prompts."""
    if Path(path).suffix == ".h5":
        import h5py
        with h5py.File(path) as file:
            return [row.tolist() for row in file["/harmful/tokens"][:]]
    prompts = json.loads(Path(path).read_text())
    if isinstance(prompts, dict):
        prompts = [prompt["ids"] for prompt in prompts["prompts"]]
    return prompts


def write_reference(path, prompts, logits):
    """prompts: lists of ids; logits: one float32 row each. Nine digits give a float32 back exactly."""
    rows = []
    for ids, row in zip(prompts, logits, strict=True):
        numbers = ", ".join(f"{value:.9g}" for value in row.tolist())
        rows.append(f'{{"ids": {json.dumps(ids)},\n "logits": [{numbers}]}}')
    Path(path).write_text('{"prompts": [\n' + ",\n".join(rows) + "\n]}\n")
