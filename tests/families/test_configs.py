"""What a config.json says, against the library that will build the model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from linearity.adapters.expected_weights import HEAD, check_weights
from linearity.adapters.families.registry import READERS
from linearity.adapters.findings import Findings
from linearity.adapters.first_look import judge_config
from linearity.adapters.model_config import ModelConfig, read_config
from linearity.adapters.safetensors_header import Tensor
from linearity.contracts.families import FAMILIES
from tests.adapters.tiny_llama import checked
from tests.families.tiny import BLOCKS, VARIANTS, build, given_config, sizes_of, write_tiny
from tests.oracles import logits_of

MIXED_EXPERTS = [name for name, (family, _) in VARIANTS.items() if FAMILIES[family].stacks]

ENCODERS = [name for name, family in FAMILIES.items() if family.is_encoder]

# What no state and no logit depends on, and what is spelled out where the library computes it.
BESIDE = {
    "architectures", "transformers_version", "dtype", "initializer_range", "use_cache",
    "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "head_dim",
    "num_key_value_heads", "partial_rotary_factor", "no_rope_layer_interval",
    "sliding_window_pattern", "_sliding_window_pattern", "use_bidirectional_attention",
    "max_window_layers", "n_inner", "num_ln_in_parallel_attn",
}  # fmt: skip


def meaning(config: Any) -> dict[str, Any]:
    """Return a configuration as plain values, without what changes no number."""
    return {key: value for key, value in config.to_dict().items() if key not in BESIDE}


def test_every_family_has_a_row_a_reader_and_a_tiny_model() -> None:
    assert set(READERS) == set(FAMILIES)
    assert {family for family, _ in VARIANTS.values()} | set(ENCODERS) == set(FAMILIES)


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_and_shapes_are_those_of_the_model_that_the_cleaned_configuration_builds(
    variant: str,
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = checked(given_config(variant))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config.cleaned))
    built = {name: tuple(value.shape) for name, value in model.state_dict().items()}

    assert config.weights == built
    assert [type(model).__name__] == config.cleaned["architectures"]
    assert ("lm_head.weight" in model.all_tied_weights_keys) == config.is_tied


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cleaned_configuration_means_the_same_as_the_given_and_as_the_saved_one(
    variant: str, tmp_path: Path
) -> None:
    from transformers import AutoConfig

    given = given_config(variant)
    saved = json.loads((write_tiny(tmp_path, variant) / "config.json").read_text())
    expected = meaning(AutoConfig.for_model(**given))

    assert meaning(AutoConfig.for_model(**checked(given).cleaned)) == expected
    assert meaning(AutoConfig.for_model(**checked(saved).cleaned)) == expected


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ENCODERS])
def test_what_is_left_out_means_what_the_library_takes_it_for(family: str) -> None:
    from transformers import AutoConfig

    bare = {"model_type": family} | sizes_of(family)
    if "num_key_value_heads" in bare:
        # The library's own defaults of these are the heads of one size of the family.
        bare |= {"num_key_value_heads": 4, "hidden_size": 32}
    if family == "gptj":
        bare["n_embd"] = 256  # a head of 64, as its rotation wants

    cleaned = checked(bare).cleaned

    assert meaning(AutoConfig.for_model(**cleaned)) == meaning(AutoConfig.for_model(**bare))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_weights_that_the_library_saves_are_those_expected(
    variant: str, tmp_path: Path
) -> None:
    config = checked(given_config(variant))
    folder = write_tiny(tmp_path, variant)

    with safe_open(folder / "model.safetensors", "pt") as file:
        held = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118

    tied = {"lm_head.weight"} if config.is_tied else set()
    held = {config.aliases.get(name, name): shape for name, shape in held.items()}
    assert held == {name: shape for name, shape in in_parts(config).items() if name not in tied}


def in_parts(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the weights by the names that files have for them."""
    named = {name: config.parts.get(name, {name: shape}) for name, shape in config.weights.items()}
    return {name: shape for parts in named.values() for name, shape in parts.items()}


@pytest.mark.parametrize("variant", MIXED_EXPERTS)
def test_experts_are_read_one_by_one_and_stacked_but_not_half_and_half(variant: str) -> None:
    config = checked(given_config(variant))
    single = [a_tensor(name, shape) for name, shape in in_parts(config).items()]
    stacked = [a_tensor(name, shape) for name, shape in config.weights.items()]
    whole, parts = next(iter(config.parts.items()))
    lost = next(iter(parts))

    assert reasons(single, config) == reasons(stacked, config) == []
    assert reasons([t for t in single if t.name != lost], config) == [("missing_weights", lost)]
    both = [*stacked, a_tensor(lost, parts[lost])]
    assert reasons(both, config) == [("unexpected_weights", lost)]
    turned = [a_tensor(t.name, t.shape[::-1]) if t.name == lost else t for t in single]
    assert reasons(turned, config) == [("mismatched_weights", lost)]
    assert whole in config.weights


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_look_before_anything_is_fetched_tells_the_same_sizes(variant: str) -> None:
    config = checked(given_config(variant))

    look = judge_config(json.dumps(given_config(variant)).encode())

    assert look.reasons == ()
    assert look.family == config.family
    assert (look.blocks, look.width) == (config.blocks, config.width)
    assert (look.vocabulary, look.context) == (config.vocabulary, config.context)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_attention_that_is_offered_computes_the_same(variant: str) -> None:
    ids = [5, 9, 17, 3, 11, 8, 4, 12, 6]
    first, *others = FAMILIES[VARIANTS[variant][0]].attentions
    expected = logits_of(build(variant, attention=first), ids)

    for other in others:
        logits = logits_of(build(variant, attention=other), ids)
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_that_are_missing_foreign_or_of_another_shape_are_refused(variant: str) -> None:
    config = checked(given_config(variant))
    names = sorted(name for name in config.weights if name != HEAD)
    for lost in names:
        held = [a_tensor(name, config.weights[name]) for name in names if name != lost]
        assert reasons(held, config) == sorted([("missing_weights", lost), *head_missing(config)])
        longer = a_tensor(lost, (1, *config.weights[lost]))
        assert ("mismatched_weights", lost) in reasons([*held, longer], config)
    whole = [a_tensor(name, shape) for name, shape in config.weights.items()]
    stranger = names[0].replace(".0.", f".{BLOCKS}.") + "x"
    assert reasons(whole, config) == []
    assert reasons([*whole, a_tensor(stranger, (2,))], config) == [("unexpected_weights", stranger)]


def a_tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, "F32", shape, 0, 4)


def head_missing(config: ModelConfig) -> list[tuple[str, str | None]]:
    return [] if config.is_tied else [("missing_weights", HEAD)]


def reasons(held: list[Tensor], config: ModelConfig) -> list[tuple[str, str | None]]:
    findings = Findings()
    check_weights({"model.safetensors": held}, config, findings)
    return sorted((finding.code, finding.field) for finding in findings.reasons)


WRONG: list[tuple[str, Mapping[str, Any], str]] = [
    ("mixtral", {"num_local_experts": 0}, "num_local_experts"),
    ("mixtral", {"num_experts_per_tok": 5}, "num_experts_per_tok"),
    ("qwen2_moe", {"num_experts": 10**6}, "num_experts"),
    ("qwen2_moe", {"use_sliding_window": True}, "use_sliding_window"),
    ("qwen3_moe", {"mlp_only_layers": [4]}, "mlp_only_layers"),
    ("qwen3_moe", {"mlp_only_layers": "0"}, "mlp_only_layers"),
    ("qwen3_moe", {"decoder_sparse_step": 0}, "decoder_sparse_step"),
    ("olmoe", {"moe_intermediate_size": 1, "clip_qkv": 0}, "clip_qkv"),
    ("qwen2 with windows", {"layer_types": ["full_attention"] * 3}, "layer_types"),
    ("qwen2 with windows", {"layer_types": ["chunked_attention"] * 4}, "layer_types"),
    ("qwen2", {"layer_types": ["sliding_attention"] * 4}, "layer_types"),
    ("qwen2 with windows", {"sliding_window": 0}, "sliding_window"),
    ("qwen2", {"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
    ("mistral", {"sliding_window": "6"}, "sliding_window"),
    ("smollm3", {"no_rope_layers": [1, 0, 2, 1]}, "no_rope_layers"),
    ("smollm3", {"no_rope_layer_interval": 0}, "no_rope_layer_interval"),
    ("phi3", {"rope_scaling": {"type": "yarn", "factor": 2.0}}, "rope_scaling.type"),
    ("phi3 of a long context", {"rope_parameters": {"rope_type": "longrope",
     "short_factor": [1.0], "long_factor": [1.0, 2.0]}}, "rope_parameters.short_factor"),
    ("stablelm", {"partial_rotary_factor": 0.1}, "partial_rotary_factor"),
    ("stablelm", {"head_dim": 8}, "head_dim"),
    ("stablelm in parallel", {"num_attention_heads": 256, "hidden_size": 1024},
     "num_attention_heads"),
    ("olmo", {"clip_qkv": -1}, "clip_qkv"),
    ("gemma2", {"final_logit_softcapping": 0}, "final_logit_softcapping"),
    ("gemma2", {"use_bidirectional_attention": True}, "use_bidirectional_attention"),
    ("gemma2", {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar"),
    ("gemma3_text", {"rope_parameters": {"sliding_attention": 3}},
     "rope_parameters.sliding_attention"),
    ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
    ("gpt2", {"n_embd": 15}, "n_head"),
    ("gpt2", {"n_layer": None}, "n_layer"),
    ("gpt_neox", {"rotary_pct": 0.1}, "rotary_pct"),
    ("gpt_neox", {"rotary_emb_base": 0}, "rotary_emb_base"),
    ("gptj", {"rotary_dim": 6}, "rotary_dim"),
    ("gptj", {"n_positions": 1_000_000}, "n_positions"),
    ("opt", {"do_layer_norm_before": False}, "do_layer_norm_before"),
    ("opt", {"word_embed_proj_dim": 8}, "word_embed_proj_dim"),
    ("opt", {"_remove_final_layer_norm": True}, "_remove_final_layer_norm"),
    ("bloom", {"apply_residual_connection_post_layernorm": True},
     "apply_residual_connection_post_layernorm"),
    ("bloom", {"n_embed": 17}, "n_head"),
    ("falcon", {"num_ln_in_parallel_attn": 2}, "num_ln_in_parallel_attn"),
    ("falcon", {"new_decoder_architecture": True, "parallel_attn": False}, "parallel_attn"),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 3}, "num_kv_heads"),
    ("falcon with alibi", {"num_kv_heads": 2}, "num_kv_heads"),
    ("gemma3_text", {"rope_scaling": {"rope_type": "linear", "factor": 0.5}},
     "rope_scaling.factor"),
    ("phi", {"partial_rotary_factor": 0.2}, "partial_rotary_factor"),
    ("phi", {"head_dim": 8}, "head_dim"),
    ("gemma3_text", {"rope_local_base_freq": 0.0}, "rope_local_base_freq"),
]  # fmt: skip


@pytest.mark.parametrize(("variant", "change", "field"), WRONG)
def test_a_field_out_of_its_bounds_is_refused_by_its_name(
    variant: str, change: Mapping[str, Any], field: str
) -> None:
    findings = Findings()

    assert read_config({**given_config(variant), **change}, findings) is None
    assert field in [finding.field for finding in findings.reasons]
    assert all(finding.code == "bad_config" for finding in findings.reasons)
