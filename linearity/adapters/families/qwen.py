"""Qwen 2 and 3: Llama's layout; 2 has biases on queries, keys and values, 3 norms on them."""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, norm
from linearity.adapters.families.llama import attention, gated_mlp, two_norms, whole_model
from linearity.adapters.families.positions import read_positions
from linearity.adapters.families.reading import (
    FULL,
    MOST_BLOCKS,
    SLIDING,
    activation,
    epsilon,
    layer_types,
    read_sizes,
    sizes_in_llama_spelling,
    window,
)
from linearity.contracts.canonical import Json


def read_qwen2(fields: Fields) -> Description:
    """Return what the config.json of a Qwen 2 or 2.5 says."""
    sizes = read_sizes(fields)
    block = attention(sizes, inner_bias=True) | gated_mlp(sizes) | two_norms(sizes)
    return Description(
        sizes, _cleaned(fields, sizes), whole_model(sizes, block, norm("model.norm", sizes.width))
    )


def read_qwen3(fields: Fields) -> Description:
    """Return what the config.json of a Qwen 3 says."""
    sizes = read_sizes(fields, head_width=128)
    bias = fields.flag("attention_bias", default=False)
    block = (
        attention(sizes, inner_bias=bias, outer_bias=bias)
        | norm("self_attn.q_norm", sizes.head_width)
        | norm("self_attn.k_norm", sizes.head_width)
        | gated_mlp(sizes)
        | two_norms(sizes)
    )
    return Description(
        sizes,
        _cleaned(fields, sizes) | {"attention_bias": bias},
        whole_model(sizes, block, norm("model.norm", sizes.width)),
    )


def _cleaned(fields: Fields, sizes: Sizes) -> dict[str, Json]:
    slides = fields.flag("use_sliding_window", default=False)
    width = window(fields, 4096) if slides else None
    first = fields.whole("max_window_layers", 0, MOST_BLOCKS, default=28)
    usual = [SLIDING if slides and block >= first else FULL for block in range(sizes.blocks)]
    return (
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | epsilon(fields, "rms_norm_eps", 1e-6)
        | {
            "use_sliding_window": width is not None,
            "sliding_window": width,
            "max_window_layers": first,
            "layer_types": layer_types(fields, sizes, usual, width),
            "rope_parameters": read_positions(fields, sizes),
        }
    )
