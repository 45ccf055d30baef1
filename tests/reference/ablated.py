"""Heads switched off in any of transformers' decoders, by its eager attention function alone.

Every decoder hands that function q and k (after norms and rotation), v, the mask, the scale and the soft cap, and
puts what it returns through the output projection. So one replacement serves all families, whatever their
projections and norms look like. The mean over heads is taken after rotation here: tokens are turned by
their position, whatever the head, so it is the mean before, turned.
"""

import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch


@dataclass
class Switch:
    """One head, or one group of heads with a common key head, that is switched off."""
    layer: int
    head: int
    kind: str = "uniform_attention"
    epsilon: float = 0.0
    mean_of: str = "q"
    granularity: str = "head"

    def fields(self):
        return asdict(self)


def visible_tokens(mask, tokens):
    """[tokens, tokens] from the additive mask: what each token sees."""
    if mask is None:
        assert tokens == 1
        return torch.ones(1, 1, dtype=torch.bool)
    assert mask.is_floating_point() and mask.shape[-2:] == (tokens, tokens)
    return mask[0, 0] > -1


def attend(q, k, v, visible, scaling, softcap, epsilon=1.0):
    """z [tokens, head_dim] of one head; the scores are multiplied by epsilon, then capped, then masked."""
    scores = q @ k.T * scaling * epsilon
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return torch.softmax(scores.masked_fill(~visible, float("-inf")), dim=-1) @ v


def replacement(switch, head, q, k, v, z, visible, scaling, softcap):
    """What replaces z[head]; q, z [heads, tokens, head_dim], k, v [key heads, tokens, head_dim]."""
    key_head = head // (len(q) // len(k))
    arguments = visible, scaling, softcap
    if switch.kind == "uniform_attention" and switch.epsilon == 0:
        return visible.float() @ v[key_head] / visible.sum(-1, keepdim=True)
    if switch.kind == "uniform_attention":
        return attend(q[head], k[key_head], v[key_head], *arguments, switch.epsilon)
    if switch.kind == "value_scale":
        return z[head] * switch.epsilon
    assert switch.kind == "mean_over_heads"
    if switch.mean_of == "q":
        return attend(q.mean(0), k[key_head], v[key_head], *arguments)
    if switch.mean_of == "k":
        return attend(q[head], k.mean(0), v[key_head], *arguments)
    return z.mean(0)


def check_attention(q, k, v, z, *arguments):
    """Our own attention, nothing switched off, is the model's."""
    group = len(q) // len(k)
    ours = torch.stack([attend(q[head], k[head // group], v[head // group], *arguments) for head in range(len(q))])
    assert (ours - z).norm() <= 1e-5 * z.norm(), "attention computed here differs from the model's"


@contextmanager
def switched_off(model, switches, windows=None, check=True):
    """The model, loaded with eager attention, with these heads off together; one prompt at a time.
    windows: what each layer is known to see (None: everything), to be checked too; check: whether our
    arithmetic is held against the model's in every layer."""
    module = sys.modules[type(model).__module__]
    original = module.eager_attention_forward
    seen = set()

    def attention(layer, query, key, value, mask, scaling, **rest):
        output, weights = original(layer, query, key, value, mask, scaling=scaling, **rest)
        assert len(query) == 1
        q, k, v, z = query[0], key[0], value[0], output[0].transpose(0, 1)
        visible = visible_tokens(mask, q.shape[1])
        if windows is not None:
            position = torch.arange(q.shape[1])
            distance = position[:, None] - position[None]
            assert torch.equal(visible, (distance >= 0) & (distance < (windows[layer.layer_idx] or len(position))))
        arguments = visible, scaling, rest.get("softcap")
        if check:
            check_attention(q, k, v, z, *arguments)
        changed = z.clone()
        for switch in switches:
            if switch.layer != layer.layer_idx:
                continue
            span = len(q) // len(k) if switch.granularity == "kv_group" else 1
            for head in range(switch.head * span, (switch.head + 1) * span):
                changed[head] = replacement(switch, head, q, k, v, z, *arguments)
                assert torch.isfinite(changed[head]).all() and not torch.equal(changed[head], z[head])
        seen.add(layer.layer_idx)
        return changed.transpose(0, 1)[None].contiguous(), weights

    module.eager_attention_forward = attention
    try:
        yield
    finally:
        module.eager_attention_forward = original
    assert {switch.layer for switch in switches} <= seen, "a layer's attention was not seen"
