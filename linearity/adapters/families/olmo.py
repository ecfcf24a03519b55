"""OLMo: Llama's layout with norms that hold no weights; OLMo 2 norms what it adds to the stream.

::

    OLMo 2:  x -> x + norm(attention(x)) -> x + norm(mlp(x))

The states are those of the residual stream, before and after whole blocks, in both.
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, norm
from linearity.adapters.families.llama import attention, gated_mlp, whole_model
from linearity.adapters.families.positions import read_positions
from linearity.adapters.families.reading import (
    activation,
    epsilon,
    read_sizes,
    sizes_in_llama_spelling,
)

LARGEST_CLIP = 1e6


def read_clip(fields: Fields) -> float | None:
    """Return what queries, keys and values are clipped to, if to anything."""
    if fields.values.get("clip_qkv") is None:
        return None
    return fields.number("clip_qkv", 1e-3, LARGEST_CLIP)


def read_olmo(fields: Fields) -> Description:
    """Return what the config.json of an OLMo says."""
    sizes = read_sizes(fields)
    bias = fields.flag("attention_bias", default=False)
    block = attention(sizes, inner_bias=bias, outer_bias=bias) | gated_mlp(sizes)
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | {
            "attention_bias": bias,
            "clip_qkv": read_clip(fields),
            "rope_parameters": read_positions(fields, sizes),
        },
        whole_model(sizes, block, {}),
    )


def read_olmo2(fields: Fields) -> Description:
    """Return what the config.json of an OLMo 2 says."""
    sizes = read_sizes(fields)
    bias = fields.flag("attention_bias", default=False)
    block = (
        attention(sizes, inner_bias=bias, outer_bias=bias)
        | norm("self_attn.q_norm", sizes.queries)
        | norm("self_attn.k_norm", sizes.keys)
        | gated_mlp(sizes)
        | norm("post_attention_layernorm", sizes.width)
        | norm("post_feedforward_layernorm", sizes.width)
    )
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | epsilon(fields, "rms_norm_eps", 1e-5)
        | {"attention_bias": bias, "rope_parameters": read_positions(fields, sizes)},
        whole_model(sizes, block, norm("model.norm", sizes.width)),
    )
