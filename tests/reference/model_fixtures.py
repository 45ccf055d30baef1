"""Makes tests/fixtures/models: small random models, one for each way in which models are configured,
each with the logits that transformers computes (float32, eager attention).

    python tests/reference/model_fixtures.py [NAME...]

A model is only a fixture if what it is named after matters: it is computed a second time without
that, and the logits must differ (see Fixture.without).
"""

import copy
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from model_common import last_logits, load_model, write_reference # before transformers: it sets how that speaks

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "models"
FAMILIES = {"llama": (LlamaConfig, LlamaForCausalLM), "mistral": (MistralConfig, MistralForCausalLM),
            "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
SHAPE = dict(vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-5, bos_token_id=None,
             eos_token_id=None, pad_token_id=None)
DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
LENGTHS = [1, 2, 7, 40, 100]


@dataclass
class Fixture:
    """config: beside SHAPE. without: what of config.json to change for the control, or the name of a
    function here that takes the weights and changes them."""
    config: dict = field(default_factory=dict)
    without: dict | str | None = None
    family: str = "llama"
    dtype: torch.dtype = torch.float32
    shard_size: str | None = None
    old_notation: bool = False


FIXTURES = {
    "mha": Fixture({"num_key_value_heads": 4}),
    "gqa": Fixture(),
    "mqa-3-layers": Fixture({"num_key_value_heads": 1, "num_hidden_layers": 3}),
    "head-dim": Fixture({"head_dim": 12}),
    "rope-theta": Fixture({"rope_parameters": {"rope_type": "default", "rope_theta": 150.0}},
                          {"rope_parameters": DEFAULT_ROPE}),
    "rope-linear": Fixture({"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}},
                           {"rope_parameters": DEFAULT_ROPE}),
    # Eight frequencies, so that some are kept, some blended and some divided.
    "rope-llama3": Fixture({"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
                            "rope_parameters": LLAMA3_ROPE},
                           {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 8.0}}),
    "norm-eps": Fixture({"rms_norm_eps": 0.25}, {"rms_norm_eps": 1e-5}),
    "tied": Fixture({"tie_word_embeddings": True}),
    "attention-bias": Fixture({"attention_bias": True}, "zero_biases"),
    "mlp-bias": Fixture({"mlp_bias": True}, "zero_biases"),
    "qwen2": Fixture({"tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
                     "zero_biases", family="qwen2"),
    "mistral": Fixture({"head_dim": 8, "sliding_window": None,
                        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}, family="mistral"),
    "f16": Fixture(dtype=torch.float16),
    "bf16": Fixture(dtype=torch.bfloat16),
    "sharded": Fixture(shard_size="32KB"),
    "old-notation": Fixture({"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0}},
                            {"rope_theta": 10000.0, "rope_scaling": None}, old_notation=True),
    "everything": Fixture({"num_hidden_layers": 3, "head_dim": 10, "attention_bias": True, "mlp_bias": True,
                           "tie_word_embeddings": True, "rms_norm_eps": 0.05, "rope_parameters": LLAMA3_ROPE},
                          "zero_biases", dtype=torch.bfloat16, shard_size="16KB"),
}


def spread_weights(model, seed):
    """Random weights of such size that attention is neither uniform nor all on one token, that every
    layer matters, and that logits are several units apart."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("norm.weight"):
            parameter.copy_(1 + 0.3 * noise)
        elif name.endswith(".bias"):
            parameter.copy_(0.5 * noise)
        elif "embed_tokens" in name:
            parameter.copy_(noise)
        elif "q_proj" in name or "k_proj" in name:
            parameter.copy_(1.5 * noise / parameter.shape[1] ** 0.5)
        else:
            parameter.copy_(noise / parameter.shape[1] ** 0.5)


def make_prompts(seed, vocabulary):
    """One prompt of each length, and two that share their first twelve tokens."""
    generator = torch.Generator().manual_seed(seed)

    def tokens(count):
        return torch.randint(vocabulary, (count,), generator=generator).tolist()

    shared = tokens(12)
    return [tokens(length) for length in LENGTHS] + [shared + tokens(8), shared + tokens(13)]


def to_old_notation(fields):
    """config.json as transformers wrote it in 2023."""
    rope = fields.pop("rope_parameters")
    fields["rope_theta"] = rope["rope_theta"]
    fields["rope_scaling"] = {"type": rope["rope_type"], "factor": rope["factor"]}
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.31.0"
    del fields["head_dim"]


def edit_config(folder, change):
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def zero_biases(weights):
    for name in weights:
        if name.endswith(".bias"):
            weights[name].zero_()


def logits_of(folder, prompts):
    model = load_model(folder)
    return [last_logits(model, ids) for ids in prompts]


def control_logits(fixture, folder, prompts):
    """The logits without what the fixture is named after."""
    scratch = folder.with_name(folder.name + ".control")
    shutil.copytree(folder, scratch)
    if isinstance(fixture.without, dict):
        edit_config(scratch, lambda fields: fields.update(fixture.without))
    else:
        for path in scratch.glob("*.safetensors"):
            weights = load_file(path)
            globals()[fixture.without](weights)
            save_file(weights, path, metadata={"format": "pt"})
    logits = logits_of(scratch, prompts)
    shutil.rmtree(scratch)
    return logits


def check_spread(name, logits):
    """The logits tell right from wrong: they are far apart, and the largest leads clearly."""
    for row in logits:
        largest = torch.sort(row, descending=True).values
        assert 0.5 < row.std() < 20 and largest[0] - largest[1] > 1e-3, f"{name}: logits are badly spread"


def make(name, seed):
    fixture, folder = FIXTURES[name], FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    config_class, model_class = FAMILIES[fixture.family]
    model = model_class(config_class(**copy.deepcopy(SHAPE | fixture.config)))
    spread_weights(model, seed)
    model = model.to(fixture.dtype)
    model.save_pretrained(folder, **({"max_shard_size": fixture.shard_size} if fixture.shard_size else {}))
    (folder / "generation_config.json").unlink()
    edit_config(folder, to_old_notation if fixture.old_notation else lambda fields: None)
    for path in folder.iterdir():
        path.chmod(0o644)

    prompts = make_prompts(seed + 1, SHAPE["vocab_size"])
    logits = logits_of(folder, prompts)
    check_spread(name, logits)
    if fixture.without:
        control = control_logits(fixture, folder, prompts)
        # The last prompts are long enough for every difference; one token alone has no positions.
        for row, other in list(zip(logits, control, strict=True))[2:]:
            assert (row - other).norm() > 1e-2 * row.norm(), f"{name}: what it is named after does not matter"
    write_reference(folder / "reference.json", prompts, logits)
    print(f"{name}: {sum(path.stat().st_size for path in folder.iterdir()) // 1024} KiB")


def main():
    torch.set_num_threads(1)
    names = sys.argv[1:] or list(FIXTURES)
    for name in names:
        make(name, 1000 + 10 * list(FIXTURES).index(name))


if __name__ == "__main__":
    main()
