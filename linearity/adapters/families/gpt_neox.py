"""GPT-NeoX (Pythia): LayerNorms, a part of each head rotated, attention and MLP side by side.

::

    x -> x + attention(norm(x)) + mlp(other norm(x))

With ``use_parallel_residual`` false, one after the other.
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, decoder, linear, norm
from linearity.adapters.families.positions import Rotation, read_positions
from linearity.adapters.families.reading import Spelling, activation, epsilon, read_spelled
from linearity.contracts.canonical import Json

ROTATION = Rotation(theta_name="rotary_emb_base", share_name="rotary_pct", share=0.25)


def read_gpt_neox(fields: Fields) -> Description:
    """Return what the config.json of a GPT-NeoX says."""
    sizes = read_spelled(fields, Spelling())
    bias = fields.flag("attention_bias", default=True)
    cleaned: dict[str, Json] = {
        "num_hidden_layers": sizes.blocks,
        "hidden_size": sizes.width,
        "intermediate_size": sizes.hidden,
        "num_attention_heads": sizes.heads,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.context,
        "attention_bias": bias,
        "use_parallel_residual": fields.flag("use_parallel_residual", default=True),
        "rope_parameters": read_positions(fields, sizes, ROTATION),
    }
    return Description(
        sizes,
        cleaned | activation(fields, default="gelu") | epsilon(fields, "layer_norm_eps", 1e-5),
        _weights(sizes, bias=bias),
        aliases={"embed_out.weight": "lm_head.weight"},
    )


def _weights(sizes: Sizes, *, bias: bool) -> Weights:
    d = sizes.width
    block = (
        norm("input_layernorm", d, bias=True)
        | norm("post_attention_layernorm", d, bias=True)
        | linear("attention.query_key_value", 3 * d, d, bias=bias)
        | linear("attention.dense", d, d, bias=bias)
        | linear("mlp.dense_h_to_4h", sizes.hidden, d, bias=True)
        | linear("mlp.dense_4h_to_h", d, sizes.hidden, bias=True)
    )
    embedding = (sizes.vocabulary, d)
    around: Weights = {"gpt_neox.embed_in.weight": embedding, "lm_head.weight": embedding}
    around |= norm("gpt_neox.final_layer_norm", d, bias=True)
    return decoder("gpt_neox.layers", sizes.blocks, block, around)
