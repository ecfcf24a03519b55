"""StableLM: Llama's layout with LayerNorms, a part of each head rotated, sometimes in parallel.

With ``use_parallel_residual`` attention and MLP read the same normed state.
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, norm
from linearity.adapters.families.llama import attention, gated_mlp, two_norms, whole_model
from linearity.adapters.families.positions import Rotation, read_positions
from linearity.adapters.families.reading import (
    activation,
    epsilon,
    read_sizes,
    refuse_own_heads,
    sizes_in_llama_spelling,
)

ROTATION = Rotation(share=0.25)
MOST_NORMED_HEADS = 128
"""Each of them has a tensor of its own in every block."""


def read_stablelm(fields: Fields) -> Description:
    """Return what the config.json of a StableLM says."""
    sizes = read_sizes(fields)
    refuse_own_heads(fields, sizes)
    flags = {
        name: fields.flag(name, default=False)
        for name in ("use_qkv_bias", "qk_layernorm", "use_parallel_residual")
    }
    norms = (
        norm("input_layernorm", sizes.width, bias=True)
        if flags["use_parallel_residual"]
        else two_norms(sizes, bias=True)
    )
    block = attention(sizes, inner_bias=flags["use_qkv_bias"]) | gated_mlp(sizes) | norms
    if flags["qk_layernorm"]:
        fields.whole("num_attention_heads", 1, MOST_NORMED_HEADS)
        block |= _head_norms(sizes)
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | activation(fields)
        | epsilon(fields, "layer_norm_eps", 1e-5)
        | {"rope_parameters": read_positions(fields, sizes, ROTATION)}
        | flags,
        whole_model(sizes, block, norm("model.norm", sizes.width, bias=True)),
    )


def _head_norms(sizes: Sizes) -> Weights:
    weights: Weights = {}
    for name, heads in (("q", sizes.heads), ("k", sizes.kv_heads)):
        for head in range(heads):
            weights |= norm(f"self_attn.{name}_layernorm.norms.{head}", sizes.head_width)
    return weights
