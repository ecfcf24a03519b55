"""Phi-3: Llama's layout with one map for queries, keys and values, and one for gate and up."""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, linear, norm
from linearity.adapters.families.llama import two_norms, whole_model
from linearity.adapters.families.positions import ORIGINAL, Rotation, read_positions
from linearity.adapters.families.reading import (
    LONGEST_CONTEXT,
    activation,
    epsilon,
    read_sizes,
    sizes_in_llama_spelling,
    window,
)

ROTATION = Rotation(kinds=("default", "longrope"), share=1.0)


def read_phi3(fields: Fields) -> Description:
    """Return what the config.json of a Phi-3 says."""
    sizes = read_sizes(fields)
    block = (
        linear("self_attn.qkv_proj", sizes.queries + 2 * sizes.keys, sizes.width, bias=False)
        | linear("self_attn.o_proj", sizes.width, sizes.queries, bias=False)
        | linear("mlp.gate_up_proj", 2 * sizes.hidden, sizes.width, bias=False)
        | linear("mlp.down_proj", sizes.width, sizes.hidden, bias=False)
        | two_norms(sizes)
    )
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | epsilon(fields, "rms_norm_eps", 1e-5)
        | {
            "sliding_window": window(fields, None),
            ORIGINAL: fields.whole(ORIGINAL, 1, LONGEST_CONTEXT, default=4096),
            "rope_parameters": read_positions(fields, sizes, ROTATION),
        },
        whole_model(sizes, block, norm("model.norm", sizes.width)),
    )
