"""A tiny random model of every family and variant, saved by transformers itself."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from linearity.contracts.families import FAMILIES
from tests.adapters.tiny_llama import VOCABULARY, tokenizer_json

BLOCKS = 4
LLAMA_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
SLIDING = {"sliding_window": 6, "use_sliding_window": True}
MIXED = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
LONG = {
    "rope_type": "longrope", "original_max_position_embeddings": 32,
    "short_factor": [1.0, 1.5], "long_factor": [2.0, 3.0],
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8}

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("mistral", {"sliding_window": 6, "head_dim": 8}),
    "mistral without a window": ("mistral", {"sliding_window": None}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen2 with windows": ("qwen2", SLIDING | {"max_window_layers": 2}),
    "qwen3": ("qwen3", {"head_dim": 8}),
    "qwen3 with windows": ("qwen3", SLIDING | {"layer_types": MIXED, "attention_bias": True}),
    "smollm3": ("smollm3", {}),
    "smollm3 with windows": (
        "smollm3", SLIDING | {"no_rope_layer_interval": 2, "tie_word_embeddings": False}),
    "phi3": ("phi3", {}),
    "phi3 of a long context": ("phi3", {
        "rope_parameters": LONG, "original_max_position_embeddings": 32, "sliding_window": 9}),
    "stablelm": ("stablelm", {"partial_rotary_factor": 0.5}),
    "stablelm in parallel": ("stablelm", {
        "use_parallel_residual": True, "use_qkv_bias": True, "qk_layernorm": True,
        "partial_rotary_factor": 0.5}),
    "olmo": ("olmo", {"clip_qkv": 0.5}),
    "olmo2": ("olmo2", {}),
    "gemma": ("gemma", {"head_dim": 8}),
    "gemma2": ("gemma2", {
        "head_dim": 8, "sliding_window": 6, "query_pre_attn_scalar": 8,
        "final_logit_softcapping": 0.7, "attn_logit_softcapping": 1.5}),
    "gemma3_text": ("gemma3_text", {
        "head_dim": 8, "sliding_window": 6, "sliding_window_pattern": 2,
        "query_pre_attn_scalar": 8}),
    "gemma3_text with stretched positions": ("gemma3_text", {
        "head_dim": 8, "sliding_window": 6, "layer_types": MIXED, "rope_theta": 5000.0,
        "rope_local_base_freq": 100.0, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    "gpt2": ("gpt2", {}),
    "gpt2 with other scales": ("gpt2", {
        "n_inner": 24, "scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True}),
    "gpt_neox": ("gpt_neox", {"rotary_pct": 0.5}),
    "gpt_neox one after the other": ("gpt_neox", {
        "use_parallel_residual": False, "attention_bias": False, "rotary_pct": 0.5}),
    "gptj": ("gptj", {"rotary_dim": 2}),
    "opt": ("opt", {}),
    "opt without biases": ("opt", {"enable_bias": False, "layer_norm_elementwise_affine": False}),
    "bloom": ("bloom", {}),
    "falcon": ("falcon", {"bias": True}),
    "falcon with alibi": ("falcon", {
        "alibi": True, "multi_query": False, "parallel_attn": False, "ffn_hidden_size": 24}),
    "falcon of the new architecture": ("falcon", {
        "new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon with one norm": ("falcon", {
        "new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1}),
    "phi": ("phi", {}),
    "mixtral": ("mixtral", {"num_local_experts": 3, "sliding_window": 6}),
    "qwen2_moe": ("qwen2_moe", EXPERTS | {"shared_expert_intermediate_size": 20}),
    "qwen3_moe": ("qwen3_moe", EXPERTS | {"head_dim": 8, "norm_topk_prob": True}),
    "qwen3_moe with plain blocks": ("qwen3_moe", EXPERTS | {
        "mlp_only_layers": [0], "decoder_sparse_step": 2, "attention_bias": True}),
    "olmoe": ("olmoe", {"num_experts": 4, "num_experts_per_tok": 2, "clip_qkv": 0.5}),
    "phi with head norms": ("phi", {"qk_layernorm": True, "num_key_value_heads": 4}),
}  # fmt: skip

GPT_SIZES = {"n_embd": 16, "n_head": 4, "n_layer": BLOCKS, "n_positions": 128}
SIZES: dict[str, dict[str, Any]] = {
    "gpt2": GPT_SIZES,
    "gptj": GPT_SIZES,
    "bloom": {"hidden_size": 16, "n_head": 4, "n_layer": BLOCKS},
    "opt": {"ffn_dim": 24, "hidden_size": 16, "num_hidden_layers": BLOCKS,
            "num_attention_heads": 4, "max_position_embeddings": 128},
    "falcon": {"hidden_size": 16, "num_hidden_layers": BLOCKS, "num_attention_heads": 4,
               "max_position_embeddings": 128},
}  # fmt: skip
"""What replaces the sizes in Llama's spelling."""


def sizes_of(family: str) -> dict[str, Any]:
    """Return the sizes as the family spells them."""
    tokens = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")
    own = SIZES.get(family)
    return LLAMA_SIZES if own is None else {name: LLAMA_SIZES[name] for name in tokens} | own


def given_config(variant: str) -> dict[str, Any]:
    """Return what a person would write into config.json."""
    family, fields = VARIANTS[variant]
    architecture = FAMILIES[family].architecture
    return sizes_of(family) | {"model_type": family, "architectures": [architecture]} | fields


def build(variant: str, *, attention: str) -> nn.Module:
    """Return the model with seeded weights, none of them at its usual zero or one."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**given_config(variant))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()
    numbers = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            scale = 0.1 if "norm" in name else 0.25
            weights += scale * torch.randn(weights.shape, generator=numbers)
    return model  # type: ignore[no-any-return]


def write_tiny(folder: Path, variant: str) -> Path:
    """Save the model with a small tokenizer and return its folder."""
    build(variant, attention="eager").save_pretrained(folder)  # type: ignore[operator]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    return folder
