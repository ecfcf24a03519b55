"""Falcon: attention and MLP side by side or one after the other, few keys, rotation or ALiBi."""

from dataclasses import dataclass

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.positions import read_positions
from linearity.adapters.families.reading import (
    MOST_HEADS,
    Spelling,
    activation,
    epsilon,
    read_spelled,
)
from linearity.contracts.canonical import Json

SPELLING = Spelling(
    width=("n_embed", "hidden_size"),
    hidden="ffn_hidden_size",
    is_quadruple=True,
    usual_context=2048,
)


@dataclass(frozen=True)
class _Kind:
    """Which of its architectures a Falcon has."""

    is_new: bool
    shares_keys: bool
    is_parallel: bool
    has_two_norms: bool
    bias: bool
    kv_heads: int


def read_falcon(fields: Fields) -> Description:
    """Return what the config.json of a Falcon says."""
    sizes = read_spelled(fields, SPELLING)
    kind = _kind(fields, sizes)
    cleaned: dict[str, Json] = {
        "num_hidden_layers": sizes.blocks,
        "hidden_size": sizes.width,
        "num_attention_heads": sizes.heads,
        "num_kv_heads": kind.kv_heads,
        "ffn_hidden_size": sizes.hidden,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.context,
        "alibi": fields.flag("alibi", default=False),
        "new_decoder_architecture": kind.is_new,
        "multi_query": kind.shares_keys,
        "parallel_attn": kind.is_parallel,
        "num_ln_in_parallel_attn": 2 if kind.has_two_norms else 1,
        "bias": kind.bias,
        "rope_parameters": read_positions(fields, sizes),
    }
    return Description(
        sizes,
        cleaned
        | activation(fields, "activation", "gelu")
        | epsilon(fields, "layer_norm_epsilon", 1e-5),
        _weights(sizes, kind),
    )


def _kind(fields: Fields, sizes: Sizes) -> _Kind:
    is_new = fields.flag("new_decoder_architecture", default=False)
    is_parallel = fields.flag("parallel_attn", default=True)
    if is_new and not is_parallel:
        fields.refuse("parallel_attn", "true, as the new architecture has it")
    norms = fields.whole("num_ln_in_parallel_attn", 1, 2, default=2 if is_new else 1)
    if norms == 2 and not is_new:
        fields.refuse("num_ln_in_parallel_attn", "1: only the new architecture has two")
    kv_heads = fields.whole("num_kv_heads", 1, MOST_HEADS, default=sizes.heads)
    shares_keys = fields.flag("multi_query", default=True)
    if is_new and sizes.heads % kv_heads:
        fields.refuse("num_kv_heads", f"a divisor of the {sizes.heads} heads", limit=sizes.heads)
    if not is_new and not shares_keys and kv_heads != sizes.heads:
        fields.refuse("num_kv_heads", f"the {sizes.heads} heads, or nothing", limit=sizes.heads)
    if sizes.head_width % 2:
        fields.refuse("num_attention_heads", "heads of an even width (hidden_size / heads)")
    return _Kind(
        is_new=is_new,
        shares_keys=shares_keys,
        is_parallel=is_parallel,
        has_two_norms=norms == 2,
        bias=fields.flag("bias", default=False),
        kv_heads=kv_heads,
    )


def _weights(sizes: Sizes, kind: _Kind) -> Weights:
    d, bias = sizes.width, kind.bias
    if kind.is_new:
        rows = (2 * kind.kv_heads + sizes.heads) * sizes.head_width
    else:
        rows = d + 2 * sizes.head_width if kind.shares_keys else 3 * d
    block = (
        linear("self_attention.query_key_value", rows, d, bias=bias)
        | linear("self_attention.dense", d, d, bias=bias)
        | linear("mlp.dense_h_to_4h", sizes.hidden, d, bias=bias)
        | linear("mlp.dense_4h_to_h", d, sizes.hidden, bias=bias)
    )
    if kind.has_two_norms:
        block |= norm("ln_attn", d, bias=True) | norm("ln_mlp", d, bias=True)
    else:
        block |= norm("input_layernorm", d, bias=True)
    if not kind.is_parallel:
        block |= norm("post_attention_layernorm", d, bias=True)
    embedding = (sizes.vocabulary, d)
    around: Weights = {
        "transformer.word_embeddings.weight": embedding,
        "lm_head.weight": embedding,
    }
    around |= norm("transformer.ln_f", d, bias=True)
    return decoder("transformer.h", sizes.blocks, block, around)
