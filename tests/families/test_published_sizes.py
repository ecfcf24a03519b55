"""The sizes of published models: what their config.json asks for has their known parameters."""

import math
from typing import Any

import pytest

from tests.adapters.tiny_llama import checked

PUBLISHED: dict[str, tuple[int, dict[str, Any]]] = {
    "gpt2": (124_439_808, {
        "model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
        "n_ctx": 1024, "vocab_size": 50257, "activation_function": "gelu_new"}),
    "pythia-70m": (70_426_624, {
        "model_type": "gpt_neox", "hidden_size": 512, "intermediate_size": 2048,
        "num_attention_heads": 8, "num_hidden_layers": 6, "max_position_embeddings": 2048,
        "rotary_pct": 0.25, "rotary_emb_base": 10000, "vocab_size": 50304,
        "tie_word_embeddings": False, "use_parallel_residual": True}),
    "gpt-j-6b": (6_050_882_784, {
        "model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_inner": None, "n_layer": 28,
        "n_positions": 2048, "rotary": True, "rotary_dim": 64, "tie_word_embeddings": False,
        "vocab_size": 50400}),
    "opt-125m": (125_239_296, {
        "model_type": "opt", "hidden_size": 768, "ffn_dim": 3072, "num_attention_heads": 12,
        "num_hidden_layers": 12, "max_position_embeddings": 2048, "vocab_size": 50272,
        "word_embed_proj_dim": 768, "do_layer_norm_before": True,
        "_remove_final_layer_norm": False, "layerdrop": 0.0}),
    "bloom-560m": (559_214_592, {
        "model_type": "bloom", "n_embed": 1024, "n_layer": 24, "num_attention_heads": 16,
        "n_inner": None, "offset_alibi": 100, "seq_length": 2048, "vocab_size": 250880}),
    "falcon-7b": (6_921_720_704, {
        "model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71,
        "num_hidden_layers": 32, "num_kv_heads": 71, "multi_query": True, "parallel_attn": True,
        "new_decoder_architecture": False, "bias": False, "alibi": False, "vocab_size": 65024}),
    "phi-2": (2_779_683_840, {
        "model_type": "phi", "hidden_size": 2560, "intermediate_size": 10240,
        "num_attention_heads": 32, "num_key_value_heads": 32, "num_hidden_layers": 32,
        "max_position_embeddings": 2048, "partial_rotary_factor": 0.4, "vocab_size": 51200,
        "hidden_act": "gelu_new", "qk_layernorm": False, "tie_word_embeddings": False}),
    "mixtral-8x7b": (46_702_792_704, {
        "model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
        "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 32,
        "max_position_embeddings": 32768, "num_experts_per_tok": 2, "num_local_experts": 8,
        "rope_theta": 1000000.0, "sliding_window": None, "vocab_size": 32000}),
    "qwen1.5-moe-a2.7b": (14_315_784_192, {
        "model_type": "qwen2_moe", "hidden_size": 2048, "intermediate_size": 5632,
        "num_attention_heads": 16, "num_key_value_heads": 16, "num_hidden_layers": 24,
        "max_position_embeddings": 8192, "max_window_layers": 21, "moe_intermediate_size": 1408,
        "shared_expert_intermediate_size": 5632, "num_experts": 60, "num_experts_per_tok": 4,
        "decoder_sparse_step": 1, "norm_topk_prob": False, "rope_theta": 1000000.0,
        "sliding_window": 32768, "use_sliding_window": False, "vocab_size": 151936}),
    "qwen3-30b-a3b": (30_532_122_624, {
        "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
        "head_dim": 128, "num_attention_heads": 32, "num_key_value_heads": 4,
        "num_hidden_layers": 48, "max_position_embeddings": 40960, "max_window_layers": 48,
        "mlp_only_layers": [], "moe_intermediate_size": 768, "num_experts": 128,
        "num_experts_per_tok": 8, "decoder_sparse_step": 1, "norm_topk_prob": True,
        "rope_theta": 1000000.0, "sliding_window": None, "use_sliding_window": False,
        "vocab_size": 151936}),
    "olmoe-1b-7b": (6_919_161_856, {
        "model_type": "olmoe", "hidden_size": 2048, "intermediate_size": 1024,
        "num_attention_heads": 16, "num_key_value_heads": 16, "num_hidden_layers": 16,
        "max_position_embeddings": 4096, "num_experts": 64, "num_experts_per_tok": 8,
        "norm_topk_prob": False, "clip_qkv": None, "vocab_size": 50304}),
    "phi-3-mini": (3_821_079_552, {
        "model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
        "num_attention_heads": 32, "num_key_value_heads": 32, "num_hidden_layers": 32,
        "max_position_embeddings": 4096, "original_max_position_embeddings": 4096,
        "rope_scaling": None, "sliding_window": 2047, "vocab_size": 32064}),
    "mistral-7b": (7_241_732_096, {
        "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
        "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 32,
        "max_position_embeddings": 32768, "sliding_window": 4096, "vocab_size": 32000}),
    "qwen2.5-0.5b": (494_032_768, {
        "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864,
        "num_attention_heads": 14, "num_key_value_heads": 2, "num_hidden_layers": 24,
        "max_position_embeddings": 32768, "max_window_layers": 24, "rope_theta": 1000000.0,
        "sliding_window": 32768, "use_sliding_window": False, "tie_word_embeddings": True,
        "vocab_size": 151936}),
    "qwen3-0.6b": (596_049_920, {
        "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "head_dim": 128,
        "num_attention_heads": 16, "num_key_value_heads": 8, "num_hidden_layers": 28,
        "max_position_embeddings": 40960, "max_window_layers": 28, "rope_scaling": None,
        "rope_theta": 1000000, "sliding_window": None, "use_sliding_window": False,
        "tie_word_embeddings": True, "vocab_size": 151936}),
    "smollm3-3b": (3_075_098_624, {
        "model_type": "smollm3", "hidden_size": 2048, "intermediate_size": 11008,
        "num_attention_heads": 16, "num_key_value_heads": 4, "num_hidden_layers": 36,
        "max_position_embeddings": 65536, "no_rope_layer_interval": 4, "rope_scaling": None,
        "rope_theta": 5000000.0, "sliding_window": None, "use_sliding_window": False,
        "mlp_bias": False, "vocab_size": 128256}),
    "olmo-2-1b": (1_484_916_736, {
        "model_type": "olmo2", "hidden_size": 2048, "intermediate_size": 8192,
        "num_attention_heads": 16, "num_key_value_heads": 16, "num_hidden_layers": 16,
        "max_position_embeddings": 4096, "rope_theta": 500000, "rms_norm_eps": 1e-6,
        "rope_scaling": None, "tie_word_embeddings": False, "vocab_size": 100352}),
    "olmo-1b": (1_176_764_416, {
        "model_type": "olmo", "hidden_size": 2048, "intermediate_size": 8192, "clip_qkv": None,
        "num_attention_heads": 16, "num_key_value_heads": 16, "num_hidden_layers": 16,
        "max_position_embeddings": 2048, "tie_word_embeddings": True, "vocab_size": 50304}),
    "stablelm-2-1.6b": (1_644_515_328, {
        "model_type": "stablelm", "hidden_size": 2048, "intermediate_size": 5632,
        "num_attention_heads": 32, "num_key_value_heads": 32, "num_hidden_layers": 24,
        "max_position_embeddings": 4096, "partial_rotary_factor": 0.25, "use_qkv_bias": True,
        "tie_word_embeddings": False, "vocab_size": 100352}),
    "gemma-2b": (2_506_172_416, {
        "model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "head_dim": 256,
        "num_attention_heads": 8, "num_key_value_heads": 1, "num_hidden_layers": 18,
        "hidden_activation": None, "hidden_act": "gelu", "max_position_embeddings": 8192,
        "vocab_size": 256000}),
    "gemma-2-2b": (2_614_341_888, {
        "model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216, "head_dim": 256,
        "num_attention_heads": 8, "num_key_value_heads": 4, "num_hidden_layers": 26,
        "cache_implementation": "hybrid", "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 8192,
        "query_pre_attn_scalar": 256, "sliding_window": 4096, "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0, "vocab_size": 256000}),
    "gemma-3-270m": (268_098_176, {
        "model_type": "gemma3_text", "hidden_size": 640, "intermediate_size": 2048,
        "head_dim": 256, "num_attention_heads": 4, "num_key_value_heads": 1,
        "num_hidden_layers": 18, "max_position_embeddings": 32768, "query_pre_attn_scalar": 256,
        "rope_local_base_freq": 10000.0, "rope_scaling": None, "rope_theta": 1000000.0,
        "sliding_window": 512, "_sliding_window_pattern": 6, "attn_logit_softcapping": None,
        "final_logit_softcapping": None, "use_bidirectional_attention": False,
        "layer_types": ["full_attention" if block % 6 == 5 else "sliding_attention"
                        for block in range(18)], "vocab_size": 262144}),
}  # fmt: skip


@pytest.mark.parametrize("model", PUBLISHED)
def test_a_published_model_has_its_known_number_of_parameters(model: str) -> None:
    known, given = PUBLISHED[model]

    config = checked(given)

    tied = {"lm_head.weight"} if config.is_tied else set()
    shapes = [shape for name, shape in config.weights.items() if name not in tied]
    assert sum(map(math.prod, shapes)) == known
