"""Encoders with BERT's blocks, which norm the stream itself, and see the text on both sides.

::

    x -> norm(x + attention(x)) -> norm(x + mlp(x))

The states are what enters and leaves whole blocks: behind the norm. What stands on top of the
last block (pooler, head of masked words, classifier) is not read.
"""

from dataclasses import replace

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.reading import (
    LARGEST_VOCABULARY,
    Spelling,
    activation,
    epsilon,
    read_spelled,
    refuse_other,
)
from linearity.contracts.canonical import Json
from linearity.contracts.families import FAMILIES


def read_bert(fields: Fields) -> Description:
    """Return what the config.json of a BERT says."""
    return _read_bert(fields, "bert", padding=0)


def read_roberta(fields: Fields) -> Description:
    """Return what the config.json of a RoBERTa says; positions begin after that of the padding."""
    return _read_bert(fields, "roberta", padding=1)


def read_distilbert(fields: Fields) -> Description:
    """Return what the config.json of a DistilBERT says."""
    sizes = read_spelled(
        fields,
        Spelling(blocks=("n_layers",), width=("dim",), heads=("n_heads",), hidden="hidden_dim"),
    )
    refuse_other(
        fields,
        "sinusoidal_pos_embds",
        wanted=False,
        why="positions that are no weights are untested",
    )
    d = sizes.width
    block: Weights = {}
    for name in ("q_lin", "k_lin", "v_lin", "out_lin"):
        block |= linear(f"attention.{name}", d, d, bias=True)
    block |= norm("sa_layer_norm", d, bias=True) | norm("output_layer_norm", d, bias=True)
    block |= linear("ffn.lin1", sizes.hidden, d, bias=True)
    block |= linear("ffn.lin2", d, sizes.hidden, bias=True)
    cleaned: dict[str, Json] = {
        "n_layers": sizes.blocks,
        "dim": d,
        "n_heads": sizes.heads,
        "hidden_dim": sizes.hidden,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.context,
        "pad_token_id": 0,
    } | activation(fields, "activation", "gelu")
    weights = decoder("transformer.layer", sizes.blocks, block, _embeddings(sizes))
    return _described("distilbert", sizes, cleaned, weights)


def _read_bert(fields: Fields, family: str, *, padding: int) -> Description:
    sizes = read_spelled(fields, Spelling())
    for flag in ("is_decoder", "add_cross_attention"):
        refuse_other(fields, flag, wanted=False, why="this is read as an encoder")
    fields.choice("position_embedding_type", ("absolute",), default="absolute")
    kinds = fields.whole("type_vocab_size", 1, LARGEST_VOCABULARY, default=2)
    d = sizes.width
    block: Weights = {}
    for name in ("query", "key", "value"):
        block |= linear(f"attention.self.{name}", d, d, bias=True)
    block |= linear("attention.output.dense", d, d, bias=True)
    block |= norm("attention.output.LayerNorm", d, bias=True)
    block |= linear("intermediate.dense", sizes.hidden, d, bias=True)
    block |= linear("output.dense", d, sizes.hidden, bias=True)
    block |= norm("output.LayerNorm", d, bias=True)
    cleaned: dict[str, Json] = (
        {
            "num_hidden_layers": sizes.blocks,
            "hidden_size": d,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.hidden,
            "vocab_size": sizes.vocabulary,
            "max_position_embeddings": sizes.context,
            "type_vocab_size": kinds,
            "pad_token_id": padding,
        }
        | activation(fields, default="gelu")
        | epsilon(fields, "layer_norm_eps", 1e-12)
    )
    around = _embeddings(sizes) | {"embeddings.token_type_embeddings.weight": (kinds, d)}
    weights = decoder("encoder.layer", sizes.blocks, block, around)
    return _described(family, sizes, cleaned, weights)


def _embeddings(sizes: Sizes) -> Weights:
    return {
        "embeddings.word_embeddings.weight": (sizes.vocabulary, sizes.width),
        "embeddings.position_embeddings.weight": (sizes.context, sizes.width),
    } | norm("embeddings.LayerNorm", sizes.width, bias=True)


def _described(
    family: str, sizes: Sizes, cleaned: dict[str, Json], weights: Weights
) -> Description:
    """Return the description; published files name weights with the model's name before them."""
    aliases: dict[str, str] = {}
    for name in weights:
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old = old.replace("LayerNorm.bias", "LayerNorm.beta")
        aliases |= dict.fromkeys((f"{family}.{name}", f"{family}.{old}", old), name)
    context = max(sizes.context - FAMILIES[family].reserved, 1)
    return Description(replace(sizes, context=context), cleaned, weights, aliases)
