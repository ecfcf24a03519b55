"""SmolLM3: Llama's layout where some blocks know no positions."""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, norm
from linearity.adapters.families.llama import attention, gated_mlp, two_norms, whole_model
from linearity.adapters.families.positions import Rotation, read_positions
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

ROTATION = Rotation(theta=2_000_000.0)


def read_smollm3(fields: Fields) -> Description:
    """Return what the config.json of a SmolLM3 says."""
    sizes = read_sizes(fields)
    attention_bias = fields.flag("attention_bias", default=False)
    mlp_bias = fields.flag("mlp_bias", default=False)
    slides = fields.flag("use_sliding_window", default=False)
    width = window(fields, None) if slides else None
    rotated = _rotated(fields, sizes)
    types = [FULL if width is None or rotates else SLIDING for rotates in rotated]
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
            "use_sliding_window": width is not None,
            "sliding_window": width,
            "no_rope_layers": rotated,
            "layer_types": layer_types(fields, sizes, types, width),
            "rope_parameters": read_positions(fields, sizes, ROTATION),
        },
        whole_model(sizes, block, norm("model.norm", sizes.width)),
    )


def _rotated(fields: Fields, sizes: Sizes) -> list[Json]:
    """Return 1 for every block that rotates positions, 0 for the others."""
    every = fields.whole("no_rope_layer_interval", 1, MOST_BLOCKS, default=4)
    given = fields.values.get("no_rope_layers")
    if given is None:
        return [int((block + 1) % every != 0) for block in range(sizes.blocks)]
    if (
        not isinstance(given, list)
        or not all(type(value) is int and value in (0, 1) for value in given)
        or len(given) != sizes.blocks
    ):
        fields.refuse("no_rope_layers", f"{sizes.blocks} numbers 0 or 1", limit=sizes.blocks)
        return [1] * sizes.blocks
    return list(given)
