"""BLOOM: LayerNorms, one of them behind the embedding; distances weaken attention (ALiBi).

``X_0`` is the embedding after its norm. Nothing bounds the context; ``seq_length`` is what the
model was trained with.
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.reading import Spelling, epsilon, read_spelled, refuse_other

SPELLING = Spelling(
    blocks=("n_layer", "num_hidden_layers"),
    width=("n_embed", "hidden_size"),
    heads=("n_head", "num_attention_heads"),
    context=("seq_length",),
    hidden="",
    usual_context=2048,
)


def read_bloom(fields: Fields) -> Description:
    """Return what the config.json of a BLOOM says."""
    sizes = read_spelled(fields, SPELLING)
    refuse_other(
        fields,
        "apply_residual_connection_post_layernorm",
        wanted=False,
        why="blocks that norm the stream itself have no update to score or to replace",
    )
    return Description(
        sizes,
        {
            "n_layer": sizes.blocks,
            "hidden_size": sizes.width,
            "n_head": sizes.heads,
            "vocab_size": sizes.vocabulary,
        }
        | epsilon(fields, "layer_norm_epsilon", 1e-5),
        _weights(sizes),
    )


def _weights(sizes: Sizes) -> Weights:
    d = sizes.width
    block = (
        norm("input_layernorm", d, bias=True)
        | linear("self_attention.query_key_value", 3 * d, d, bias=True)
        | linear("self_attention.dense", d, d, bias=True)
        | norm("post_attention_layernorm", d, bias=True)
        | linear("mlp.dense_h_to_4h", sizes.hidden, d, bias=True)
        | linear("mlp.dense_4h_to_h", d, sizes.hidden, bias=True)
    )
    embedding = (sizes.vocabulary, d)
    around: Weights = {
        "transformer.word_embeddings.weight": embedding,
        "lm_head.weight": embedding,
    }
    around |= norm("transformer.word_embeddings_layernorm", d, bias=True)
    around |= norm("transformer.ln_f", d, bias=True)
    return decoder("transformer.h", sizes.blocks, block, around)
