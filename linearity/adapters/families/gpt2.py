"""GPT-2: LayerNorms, learned positions, an MLP without a gate; maps are stored transposed."""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, norm
from linearity.adapters.families.reading import (
    Spelling,
    activation,
    epsilon,
    read_spelled,
    refuse_other,
)

SPELLING = Spelling(
    blocks=("n_layer",),
    width=("n_embd",),
    heads=("n_head",),
    context=("n_positions",),
    hidden="n_inner",
    is_quadruple=True,
)


def read_gpt2(fields: Fields) -> Description:
    """Return what the config.json of a GPT-2 says."""
    sizes = read_spelled(fields, SPELLING)
    refuse_other(
        fields, "add_cross_attention", wanted=False, why="there is no second text to attend to"
    )
    return Description(
        sizes,
        {
            "n_layer": sizes.blocks,
            "n_embd": sizes.width,
            "n_head": sizes.heads,
            "n_positions": sizes.context,
            "n_inner": sizes.hidden,
            "vocab_size": sizes.vocabulary,
            "scale_attn_weights": fields.flag("scale_attn_weights", default=True),
            "scale_attn_by_inverse_layer_idx": fields.flag(
                "scale_attn_by_inverse_layer_idx", default=False
            ),
            "reorder_and_upcast_attn": fields.flag("reorder_and_upcast_attn", default=False),
        }
        | activation(fields, "activation_function", "gelu_new")
        | epsilon(fields, "layer_norm_epsilon", 1e-5),
        _weights(sizes),
    )


def _weights(sizes: Sizes) -> Weights:
    d = sizes.width
    block = (
        norm("ln_1", d, bias=True)
        | _transposed("attn.c_attn", 3 * d, d)
        | _transposed("attn.c_proj", d, d)
        | norm("ln_2", d, bias=True)
        | _transposed("mlp.c_fc", sizes.hidden, d)
        | _transposed("mlp.c_proj", d, sizes.hidden)
    )
    around: Weights = {
        "transformer.wte.weight": (sizes.vocabulary, d),
        "transformer.wpe.weight": (sizes.context, d),
        "lm_head.weight": (sizes.vocabulary, d),
    }
    around |= norm("transformer.ln_f", d, bias=True)
    return decoder("transformer.h", sizes.blocks, block, around)


def _transposed(name: str, rows: int, columns: int) -> Weights:
    return {f"{name}.weight": (columns, rows), f"{name}.bias": (rows,)}
