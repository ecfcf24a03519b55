"""Llama, and what shares its blocks: RMS norms, rotated positions, a gated MLP.

::

    x -> x + attention(norm(x)) -> x + down(act(gate(norm(x))) * up(norm(x)))
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import (
    Description,
    Sizes,
    Weights,
    decoder,
    linear,
    norm,
)
from linearity.adapters.families.positions import read_positions
from linearity.adapters.families.reading import (
    activation,
    epsilon,
    read_sizes,
    sizes_in_llama_spelling,
    window,
)


def attention(sizes: Sizes, *, inner_bias: bool = False, outer_bias: bool = False) -> Weights:
    """Return the weights of an attention; inner maps are those of queries, keys and values."""
    at = "self_attn"
    return (
        linear(f"{at}.q_proj", sizes.queries, sizes.width, bias=inner_bias)
        | linear(f"{at}.k_proj", sizes.keys, sizes.width, bias=inner_bias)
        | linear(f"{at}.v_proj", sizes.keys, sizes.width, bias=inner_bias)
        | linear(f"{at}.o_proj", sizes.width, sizes.queries, bias=outer_bias)
    )


def gated_mlp(sizes: Sizes, *, bias: bool = False) -> Weights:
    """Return the weights of a gated MLP."""
    return (
        linear("mlp.gate_proj", sizes.hidden, sizes.width, bias=bias)
        | linear("mlp.up_proj", sizes.hidden, sizes.width, bias=bias)
        | linear("mlp.down_proj", sizes.width, sizes.hidden, bias=bias)
    )


def two_norms(sizes: Sizes, *, bias: bool = False) -> Weights:
    """Return the weights of the norms before the attention and before the MLP."""
    return norm("input_layernorm", sizes.width, bias=bias) | norm(
        "post_attention_layernorm", sizes.width, bias=bias
    )


def whole_model(sizes: Sizes, block: Weights, final_norm: Weights) -> Weights:
    """Return the weights of a model in Llama's layout."""
    embedding = (sizes.vocabulary, sizes.width)
    around: Weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding}
    return decoder("model.layers", sizes.blocks, block, around | final_norm)


def read_llama(fields: Fields) -> Description:
    """Return what the config.json of a Llama says."""
    sizes = read_sizes(fields)
    attention_bias = fields.flag("attention_bias", default=False)
    mlp_bias = fields.flag("mlp_bias", default=False)
    block = (
        attention(sizes, inner_bias=attention_bias, outer_bias=attention_bias)
        | gated_mlp(sizes, bias=mlp_bias)
        | two_norms(sizes)
    )
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | epsilon(fields, "rms_norm_eps", 1e-6)
        | {
            "attention_bias": attention_bias,
            "mlp_bias": mlp_bias,
            "rope_parameters": read_positions(fields, sizes),
        },
        whole_model(sizes, block, norm("model.norm", sizes.width)),
    )


def read_mistral(fields: Fields) -> Description:
    """Return what the config.json of a Mistral says."""
    sizes = read_sizes(fields)
    block = attention(sizes) | gated_mlp(sizes) | two_norms(sizes)
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | epsilon(fields, "rms_norm_eps", 1e-6)
        | {
            "sliding_window": window(fields, 4096),
            "rope_parameters": read_positions(fields, sizes),
        },
        whole_model(sizes, block, norm("model.norm", sizes.width)),
    )
