"""GPT-J: attention and MLP side by side behind one LayerNorm, a part of each head rotated."""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.reading import Spelling, activation, epsilon, read_spelled

SPELLING = Spelling(
    blocks=("n_layer",),
    width=("n_embd",),
    heads=("n_head",),
    context=("n_positions",),
    hidden="n_inner",
    is_quadruple=True,
)
LARGEST_TABLE = 1 << 20
"""Numbers; every block computes a table of positions times what is rotated."""


def read_gptj(fields: Fields) -> Description:
    """Return what the config.json of a GPT-J says."""
    sizes = read_spelled(fields, SPELLING)
    rotated = fields.whole("rotary_dim", 2, max(sizes.head_width, 2), default=64)
    if rotated % 2 or rotated > sizes.head_width:
        fields.refuse("rotary_dim", f"an even part of the head width ({sizes.head_width})")
    longest = LARGEST_TABLE // rotated
    if sizes.context > longest:
        fields.refuse("n_positions", f"at most {longest:,} with this rotary_dim", limit=longest)
    return Description(
        sizes,
        {
            "n_layer": sizes.blocks,
            "n_embd": sizes.width,
            "n_head": sizes.heads,
            "n_positions": sizes.context,
            "n_inner": sizes.hidden,
            "vocab_size": sizes.vocabulary,
            "rotary_dim": rotated,
        }
        | activation(fields, "activation_function", "gelu_new")
        | epsilon(fields, "layer_norm_epsilon", 1e-5),
        _weights(sizes),
    )


def _weights(sizes: Sizes) -> Weights:
    d = sizes.width
    block = norm("ln_1", d, bias=True)
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        block |= linear(f"attn.{name}", d, d, bias=False)
    block |= linear("mlp.fc_in", sizes.hidden, d, bias=True)
    block |= linear("mlp.fc_out", d, sizes.hidden, bias=True)
    around: Weights = {"transformer.wte.weight": (sizes.vocabulary, d)}
    around |= norm("transformer.ln_f", d, bias=True)
    around |= linear("lm_head", sizes.vocabulary, d, bias=True)
    return decoder("transformer.h", sizes.blocks, block, around)
