"""OPT: LayerNorms, learned positions, an MLP without a gate.

The one of 350 million norms the stream itself: what a block adds is then not the difference of
its two states, and the stream ends in another width than the embedding's.
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.reading import Spelling, activation, read_spelled, refuse_other

SPELLING = Spelling(hidden="ffn_dim")
OFFSET = 2
"""Rows of the table of positions that stand for nothing."""


def read_opt(fields: Fields) -> Description:
    """Return what the config.json of an OPT says."""
    sizes = read_spelled(fields, SPELLING)
    refuse_other(
        fields,
        "do_layer_norm_before",
        wanted=True,
        why="blocks that norm the stream itself have no update to score or to replace",
    )
    refuse_other(
        fields, "_remove_final_layer_norm", wanted=False, why="the last state must be normed"
    )
    if fields.values.get("word_embed_proj_dim") not in (None, sizes.width):
        fields.refuse("word_embed_proj_dim", f"the width of the stream ({sizes.width:,})")
    bias = fields.flag("enable_bias", default=True)
    has_weights = fields.flag("layer_norm_elementwise_affine", default=True)
    return Description(
        sizes,
        {
            "num_hidden_layers": sizes.blocks,
            "hidden_size": sizes.width,
            "word_embed_proj_dim": sizes.width,
            "ffn_dim": sizes.hidden,
            "num_attention_heads": sizes.heads,
            "vocab_size": sizes.vocabulary,
            "max_position_embeddings": sizes.context,
            "enable_bias": bias,
            "layer_norm_elementwise_affine": has_weights,
            "do_layer_norm_before": True,
        }
        | activation(fields, "activation_function", "relu"),
        _weights(sizes, bias=bias, has_weights=has_weights),
    )


def _weights(sizes: Sizes, *, bias: bool, has_weights: bool) -> Weights:
    d = sizes.width
    block: Weights = {}
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        block |= linear(f"self_attn.{name}", d, d, bias=bias)
    block |= linear("fc1", sizes.hidden, d, bias=bias)
    block |= linear("fc2", d, sizes.hidden, bias=bias)
    around: Weights = {
        "model.decoder.embed_tokens.weight": (sizes.vocabulary, d),
        "model.decoder.embed_positions.weight": (sizes.context + OFFSET, d),
        "lm_head.weight": (sizes.vocabulary, d),
    }
    if has_weights:
        block |= norm("self_attn_layer_norm", d, bias=True)
        block |= norm("final_layer_norm", d, bias=True)
        around |= norm("model.decoder.final_layer_norm", d, bias=True)
    return decoder("model.decoder.layers", sizes.blocks, block, around)
