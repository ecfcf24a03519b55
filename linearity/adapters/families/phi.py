"""Phi-1, 1.5 and 2: attention and MLP side by side behind one LayerNorm, biases everywhere."""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.positions import Rotation, read_positions
from linearity.adapters.families.reading import (
    activation,
    epsilon,
    read_sizes,
    refuse_own_heads,
    sizes_in_llama_spelling,
)

ROTATION = Rotation(share=0.5)


def read_phi(fields: Fields) -> Description:
    """Return what the config.json of a Phi says."""
    sizes = read_sizes(fields)
    refuse_own_heads(fields, sizes)
    norms_heads = fields.flag("qk_layernorm", default=False)
    return Description(
        sizes,
        sizes_in_llama_spelling(sizes)
        | {
            "qk_layernorm": norms_heads,
            "rope_parameters": read_positions(fields, sizes, ROTATION),
        }
        | activation(fields, default="gelu_new")
        | epsilon(fields, "layer_norm_eps", 1e-5),
        _weights(sizes, norms_heads=norms_heads),
    )


def _weights(sizes: Sizes, *, norms_heads: bool) -> Weights:
    d = sizes.width
    block = (
        norm("input_layernorm", d, bias=True)
        | linear("self_attn.q_proj", sizes.queries, d, bias=True)
        | linear("self_attn.k_proj", sizes.keys, d, bias=True)
        | linear("self_attn.v_proj", sizes.keys, d, bias=True)
        | linear("self_attn.dense", d, sizes.queries, bias=True)
        | linear("mlp.fc1", sizes.hidden, d, bias=True)
        | linear("mlp.fc2", d, sizes.hidden, bias=True)
    )
    if norms_heads:
        block |= norm("self_attn.q_layernorm", sizes.head_width, bias=True)
        block |= norm("self_attn.k_layernorm", sizes.head_width, bias=True)
    around: Weights = {"model.embed_tokens.weight": (sizes.vocabulary, d)}
    around |= norm("model.final_layernorm", d, bias=True)
    around |= linear("lm_head", sizes.vocabulary, d, bias=True)
    return decoder("model.layers", sizes.blocks, block, around)
