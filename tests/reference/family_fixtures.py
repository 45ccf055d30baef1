"""Makes tests/fixtures/families: small random models, one or two for each family of decoders, each with the logits
that transformers computes (float32, eager attention), clean and with heads switched off in every way.

    python tests/reference/family_fixtures.py [NAME...]

Every switch that a fixture is for has a control: the logits are computed a second time without it, and
must differ (Fixture.without).
"""

import copy
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from model_common import last_logits, load_model  # before transformers: it sets how that speaks
from ablated import Switch, switched_off
from model_fixtures import check_spread, edit_config, make_prompts, zero_biases

import torch
import transformers
from safetensors.torch import load_file, save_file

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "families"
VOCABULARY = 64
SHAPE = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=3,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, bos_token_id=None,
             eos_token_id=None, pad_token_id=None)
NEOX_SHAPE = {key: value for key, value in SHAPE.items() if key != "num_key_value_heads"}
GPT2_SHAPE = dict(vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, n_positions=128, bos_token_id=None,
                  eos_token_id=None, pad_token_id=None)
FULL, SLIDING = "full_attention", "sliding_attention"
ABLATED_PROMPTS = [3, 6]  # of 40 and of 25 tokens


@dataclass
class Fixture:
    """config: all of the configuration. without: for each control what of config.json to change, or the name of a
    function here that takes the weights and changes them. windows: what each layer sees, None for all.
    edit: a function that takes the fields of config.json and changes how they are written; store: one that takes
    the weights and gives them as they are published."""
    family: str
    config: dict
    without: list = field(default_factory=list)
    windows: list | None = None
    dtype: torch.dtype = torch.bfloat16
    edit: object = None
    store: object = None


def rope(theta, **more):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}}


def without_layer_types(fields):
    del fields["layer_types"]


def gemma2_as_published(fields):
    """As transformers wrote it in 2024."""
    del fields["layer_types"]
    fields["rope_theta"] = fields.pop("rope_parameters")["rope_theta"]
    fields["hidden_act"] = fields["hidden_activation"]
    fields["cache_implementation"] = "hybrid"
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.42.0"


def gemma3_as_published(fields):
    """As transformers wrote it in 2025."""
    ropes = fields.pop("rope_parameters")
    fields["rope_theta"] = ropes[FULL]["rope_theta"]
    fields["rope_local_base_freq"] = ropes[SLIDING]["rope_theta"]
    fields["rope_scaling"] = {"rope_type": "linear", "factor": ropes[FULL]["factor"]}
    fields["sliding_window_pattern"] = 2
    del fields["layer_types"], fields["_sliding_window_pattern"]
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.50.0"


def gpt_neox_as_published(fields):
    parameters = fields.pop("rope_parameters")
    fields["rotary_emb_base"] = parameters["rope_theta"]
    fields["rotary_pct"] = parameters["partial_rotary_factor"]
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.24.0"


def phi3_as_published(fields):
    parameters = fields.pop("rope_parameters")
    fields["rope_theta"] = parameters["rope_theta"]
    fields["partial_rotary_factor"] = parameters["partial_rotary_factor"]
    fields["rope_scaling"] = None
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.45.0"


def gpt_neox_tensors(weights):
    """Pythia's: with the mask and the frequencies that transformers once kept beside the weights."""
    buffers = {}
    for layer in range(SHAPE["num_hidden_layers"]):
        prefix = f"gpt_neox.layers.{layer}.attention."
        buffers[prefix + "bias"] = torch.ones(1, 1, 60, 60, dtype=torch.bool).tril()
        buffers[prefix + "masked_bias"] = torch.tensor(-1e9)
        buffers[prefix + "rotary_emb.inv_freq"] = torch.ones(1)
    return weights | buffers


def gpt2_tensors(weights):
    """GPT-2's own: names without the model's, and each layer's mask."""
    weights = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    for layer in range(GPT2_SHAPE["n_layer"]):
        weights[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 60, 60).tril()
    return weights


def flat_positions(weights):
    weights["transformer.wpe.weight"].zero_()


def flat_norms(weights):
    """Norms that only normalise: ones, or for Gemma's 1 + w zeros."""
    for name in weights:
        if name.endswith("norm.weight"):
            weights[name].fill_(0 if "pre_feedforward_layernorm" in " ".join(weights) else 1)


def flat_qk_norms(weights):
    """The same for those of q and k alone."""
    gemma = "pre_feedforward_layernorm" in " ".join(weights)
    for name in weights:
        if name.endswith(("q_norm.weight", "k_norm.weight")):
            weights[name].fill_(0 if gemma else 1)


WIDE = {"sliding_window": 4096}
GEMMA2 = SHAPE | rope(10000.0) | dict(head_dim=12, query_pre_attn_scalar=5, attn_logit_softcapping=2.0,
                                      final_logit_softcapping=3.0, sliding_window=6,
                                      layer_types=[SLIDING, FULL, SLIDING])
GEMMA3_ROPE = {FULL: {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0},
               SLIDING: {"rope_type": "default", "rope_theta": 50.0}}
GEMMA3 = SHAPE | dict(head_dim=12, query_pre_attn_scalar=7, sliding_window=6, rope_parameters=GEMMA3_ROPE,
                      rms_norm_eps=1e-6)
OTHER_ROPE = {FULL: {"rope_type": "default", "rope_theta": 1e4}, SLIDING: GEMMA3_ROPE[SLIDING]}
SAME_ROPE = {FULL: GEMMA3_ROPE[FULL], SLIDING: {"rope_type": "default", "rope_theta": 1e4}}

FIXTURES = {
    "llama": Fixture("Llama", SHAPE | rope(1e4)),
    "mistral-window": Fixture("Mistral", SHAPE | rope(1e4) | {"sliding_window": 6}, [WIDE, {"sliding_window": 7}],
                              [6, 6, 6]),
    "qwen2-window": Fixture("Qwen2", SHAPE | rope(1e6) | dict(use_sliding_window=True, sliding_window=6,
                                                             max_window_layers=1),
                            ["zero_biases", {"use_sliding_window": False}, {"max_window_layers": 2}], [None, 6, 6],
                            edit=without_layer_types),
    "qwen3": Fixture("Qwen3", SHAPE | rope(1e6) | dict(head_dim=12, tie_word_embeddings=True, attention_bias=False),
                     ["flat_qk_norms"]),
    "qwen3-window": Fixture("Qwen3", SHAPE | rope(1e6) | dict(
        head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=6,
        layer_types=[SLIDING, FULL, SLIDING]), ["zero_biases", {"layer_types": [SLIDING, SLIDING, FULL]}],
        [6, None, 6]),
    "gemma2": Fixture("Gemma2", GEMMA2, [
        {"attn_logit_softcapping": None}, {"final_logit_softcapping": None}, WIDE, {"query_pre_attn_scalar": 12},
        {"hidden_activation": "silu"}, {"hidden_activation": "gelu"}, "flat_norms"], [6, None, 6],
        edit=gemma2_as_published),
    "gemma3": Fixture("Gemma3Text", GEMMA3 | dict(layer_types=[SLIDING, SLIDING, FULL]), [
        {"rope_parameters": OTHER_ROPE}, {"rope_parameters": SAME_ROPE}, WIDE, {"query_pre_attn_scalar": 12},
        "flat_qk_norms", "flat_norms"], [6, 6, None]),
    "gemma3-2025": Fixture("Gemma3Text", GEMMA3 | dict(layer_types=[SLIDING, FULL, SLIDING], final_logit_softcapping=3.0),
                           [{"rope_scaling": None}, {"rope_local_base_freq": 1e4}, {"sliding_window_pattern": 3},
                            {"final_logit_softcapping": None}], [6, None, 6], edit=gemma3_as_published),
    "phi3": Fixture("Phi3", SHAPE | rope(1e4, partial_rotary_factor=0.5) | {"sliding_window": 6},
                    [WIDE, {"partial_rotary_factor": 1.0}], [6, 6, 6], edit=phi3_as_published),
    "olmo2": Fixture("Olmo2", SHAPE | rope(5e5) | dict(rms_norm_eps=1e-6), ["flat_qk_norms", "flat_norms"]),
    "gpt-neox": Fixture("GPTNeoX", NEOX_SHAPE | rope(1e4, partial_rotary_factor=0.25) | dict(layer_norm_eps=0.05), [
        {"use_parallel_residual": False}, {"rotary_pct": 1.0}, {"layer_norm_eps": 1e-5}, {"hidden_act": "relu"},
        {"hidden_act": "gelu_new"}, "zero_biases"], dtype=torch.float16, edit=gpt_neox_as_published,
        store=gpt_neox_tensors),
    "gpt-neox-sequential": Fixture("GPTNeoX", NEOX_SHAPE | rope(100.0, partial_rotary_factor=1.0) | dict(
        use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_new"),
        [{"use_parallel_residual": True}, {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}},
         {"hidden_act": "gelu"}], dtype=torch.float16),
    "gpt2": Fixture("GPT2", GPT2_SHAPE | dict(layer_norm_epsilon=0.05), [
        "flat_positions", "zero_biases", {"layer_norm_epsilon": 1e-5}, {"activation_function": "relu"},
        {"activation_function": "gelu"}], dtype=torch.float16),
    "gpt2-inner": Fixture("GPT2", GPT2_SHAPE | dict(n_positions=60, n_inner=48, scale_attn_weights=False),
                          [{"scale_attn_weights": True}], dtype=torch.float16, store=gpt2_tensors),
}


def classes(family):
    config = getattr(transformers, family + "Config")
    if family == "GPT2":
        return config, transformers.GPT2LMHeadModel
    return config, getattr(transformers, family.removesuffix("Text") + "ForCausalLM")


def sharpen(model, name, parameter):
    """Makes q and k larger where they have weights: attention is then neither uniform nor all on one token."""
    heads = model.config.num_attention_heads
    if name.endswith(("q_proj.weight", "k_proj.weight")):
        parameter *= 1.5
    elif name.endswith("qkv_proj.weight"):
        parameter[:-model.config.num_key_value_heads * parameter.shape[1] // heads] *= 1.5
    elif name.endswith("query_key_value.weight"):
        parameter.unflatten(0, (heads, 3, -1))[:, :2] *= 1.5
    elif name.endswith("c_attn.weight"):
        parameter[:, :2 * parameter.shape[0]] *= 1.5
    elif name.endswith(("q_norm.weight", "k_norm.weight")) and model.config.model_type != "olmo2":
        parameter += 0.4


def spread_weights(model, seed):
    """Random weights of such size that attention is neither uniform nor all on one token, that every
    layer matters, and that logits are a unit or more apart."""
    generator = torch.Generator().manual_seed(seed)
    gemma = model.config.model_type.startswith("gemma")
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith(("norm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight")):
            parameter.copy_((0 if gemma else 1) + 0.3 * noise)
        elif name.endswith(".bias"):
            parameter.copy_(0.3 * noise)
        elif "embed" in name or "wte" in name:
            parameter.copy_(0.3 * noise if gemma else noise)
        elif "wpe" in name:
            parameter.copy_(0.7 * noise)
        else:
            inputs = parameter.shape[0] if type(model).__name__.startswith("GPT2") else parameter.shape[1]
            parameter.copy_(noise / inputs ** 0.5)
        sharpen(model, name, parameter)


def groups_of_switches(model):
    """Each kind of ablation on some head; several heads at once; groups of heads that share a key head."""
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    singles = [Switch(0, 1), Switch(layers - 1, heads - 1), Switch(1, 2, epsilon=0.3),
               Switch(1, 0, "value_scale", 0.5), Switch(0, 3, "mean_over_heads", mean_of="q"),
               Switch(1, 1, "mean_over_heads", mean_of="k"), Switch(2, 0, "mean_over_heads", mean_of="z")]
    pair = [Switch(0, 2), Switch(1, 1, epsilon=0.3), Switch(1, 3)]
    groups = [[switch] for switch in singles] + [pair]
    if getattr(model.config, "num_key_value_heads", heads) < heads:
        groups.append([Switch(1, 1, granularity="kv_group")])
        groups.append([Switch(0, 0, "value_scale", 0.5, granularity="kv_group"),
                       Switch(1, 1, epsilon=0.3, granularity="kv_group")])
    return groups


def control_logits(change, folder, prompts):
    """The logits without one thing that the fixture is for."""
    scratch = folder.with_name(folder.name + ".control")
    shutil.copytree(folder, scratch)
    try:
        if isinstance(change, dict):
            edit_config(scratch, lambda fields: fields.update(change))
        else:
            weights = load_file(scratch / "model.safetensors")
            globals()[change](weights)
            save_file(weights, scratch / "model.safetensors", metadata={"format": "pt"})
        model = load_model(scratch)
        return [last_logits(model, ids) for ids in prompts]
    finally:
        shutil.rmtree(scratch)


def check_controls(name, folder, prompts, logits):
    """Without what the fixture is for, the logits are others: by far more than the tests tolerate."""
    for change in FIXTURES[name].without:
        subtle = isinstance(change, dict) and str(change).count("gelu") == 1
        least = min((row - other).norm() / row.norm() for row, other in
                    zip(logits[3:], control_logits(change, folder, prompts[3:]), strict=True)).item()
        print(f"    without {change}: {least:.2g}")
        assert least > (5e-5 if subtle else 1e-2), f"{name}: it does not matter whether {change}"


def row_text(row):
    return "[" + ", ".join(f"{value:.9g}" for value in row.tolist()) + "]"


def write_reference(path, prompts, logits, ablated):
    clean = [f'{{"ids": {json.dumps(ids)},\n "logits": {row_text(row)}}}' for ids, row in zip(prompts, logits)]
    rest = [f'{{"switches": {json.dumps([switch.fields() for switch in switches])},\n "prompts": {ABLATED_PROMPTS},\n'
            f' "logits": [' + ",\n  ".join(map(row_text, rows)) + "]}" for switches, rows in ablated]
    path.write_text('{"prompts": [\n' + ",\n".join(clean) + '\n],\n"ablated": [\n' + ",\n".join(rest) + "\n]}\n")


def save_model(fixture, folder, seed):
    shutil.rmtree(folder, ignore_errors=True)
    config_class, model_class = classes(fixture.family)
    model = model_class(config_class(**copy.deepcopy(fixture.config)))
    spread_weights(model, seed)
    model.to(fixture.dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    edit_config(folder, fixture.edit or (lambda fields: None))
    if fixture.store:
        path = folder / "model.safetensors"
        save_file(fixture.store(load_file(path)), path, metadata={"format": "pt"})
    for path in folder.iterdir():
        path.chmod(0o644)


def make(name, seed):
    fixture, folder = FIXTURES[name], FOLDER / name
    save_model(fixture, folder, seed)
    prompts = [ids for ids in make_prompts(seed + 1, VOCABULARY) if len(ids) <= 40]
    prompts.insert(4, make_prompts(seed + 2, VOCABULARY)[4][:55])
    model = load_model(folder)
    windows = fixture.windows or [None] * model.config.num_hidden_layers
    with switched_off(model, [], windows):
        logits = [last_logits(model, ids) for ids in prompts]
    check_spread(name, logits)
    check_controls(name, folder, prompts, logits)
    ablated = []
    for switches in groups_of_switches(model):
        with switched_off(model, switches, windows):
            rows = [last_logits(model, prompts[p]) for p in ABLATED_PROMPTS]
        for p, row in zip(ABLATED_PROMPTS, rows):
            moved = ((row - logits[p]).norm() / row.norm()).item()
            assert moved > 1e-4, f"{name}: {switches} change the logits of prompt {p} by {moved:.2g}"
        ablated.append((switches, rows))
    write_reference(folder / "reference.json", prompts, logits, ablated)
    print(f"{name}: {sum(path.stat().st_size for path in folder.iterdir()) // 1024} KiB")


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or FIXTURES:
        make(name, 3000 + 10 * list(FIXTURES).index(name))


if __name__ == "__main__":
    main()
