"""Gemma 1 to 3 (text): Llama's layout with scaled embeddings; 2 and 3 norm their updates.

::

    Gemma 2, 3:  x -> x + norm(attention(norm(x))) -> x + norm(mlp(norm(x)))

The state that enters the first block is the embedding after its scaling. 2 may cap the scores of
its attention (which sdpa cannot) and its logits; 3 rotates positions by a base for each kind of
attention.
"""

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, norm
from linearity.adapters.families.llama import attention, gated_mlp, two_norms, whole_model
from linearity.adapters.families.positions import USUAL, read_positions, stretching
from linearity.adapters.families.reading import (
    FULL,
    LARGEST_WIDTH,
    MOST_BLOCKS,
    SLIDING,
    activation,
    cap,
    epsilon,
    layer_types,
    read_sizes,
    refuse_other,
    sizes_in_llama_spelling,
    window,
)
from linearity.contracts.canonical import Json

ONE_WAY = "a model that looks ahead is not a causal language model"
GLOBAL_THETA, LOCAL_THETA = 1_000_000.0, 10_000.0


def read_gemma(fields: Fields) -> Description:
    """Return what the config.json of a Gemma says."""
    sizes = read_sizes(fields, head_width=256)
    return Description(
        sizes,
        _cleaned(fields, sizes)
        | activation(fields, "hidden_act", "gelu_pytorch_tanh")
        | {"rope_parameters": read_positions(fields, sizes)},
        _weights(fields, sizes, two_norms(sizes)),
    )


def read_gemma2(fields: Fields) -> Description:
    """Return what the config.json of a Gemma 2 says."""
    sizes = read_sizes(fields, head_width=256)
    types = [SLIDING if block % 2 == 0 else FULL for block in range(sizes.blocks)]
    return Description(
        sizes,
        _cleaned(fields, sizes)
        | _normed(fields, sizes, types)
        | cap(fields, "final_logit_softcapping", 30.0)
        | cap(fields, "attn_logit_softcapping", 50.0)
        | {"rope_parameters": read_positions(fields, sizes)},
        _weights(fields, sizes, _four_norms(sizes)),
    )


def read_gemma3(fields: Fields) -> Description:
    """Return what the config.json of the text part of a Gemma 3 says."""
    sizes = read_sizes(fields, head_width=256)
    every = fields.whole("sliding_window_pattern", 1, MOST_BLOCKS, default=6)
    types = [SLIDING if (block + 1) % every else FULL for block in range(sizes.blocks)]
    heads = norm("self_attn.q_norm", sizes.head_width) | norm("self_attn.k_norm", sizes.head_width)
    return Description(
        sizes,
        _cleaned(fields, sizes)
        | _normed(fields, sizes, types)
        | cap(fields, "final_logit_softcapping", None)
        | cap(fields, "attn_logit_softcapping", None)
        | {"rope_parameters": _two_rotations(fields)},
        _weights(fields, sizes, _four_norms(sizes) | heads),
    )


def _cleaned(fields: Fields, sizes: Sizes) -> dict[str, Json]:
    refuse_other(fields, "use_bidirectional_attention", wanted=False, why=ONE_WAY)
    return (
        sizes_in_llama_spelling(sizes)
        | epsilon(fields, "rms_norm_eps", 1e-6)
        | {"attention_bias": fields.flag("attention_bias", default=False)}
    )


def _normed(fields: Fields, sizes: Sizes, types: list[str]) -> dict[str, Json]:
    width = window(fields, 4096)
    return activation(fields, "hidden_activation", "gelu_pytorch_tanh") | {
        "query_pre_attn_scalar": fields.whole(
            "query_pre_attn_scalar", 1, LARGEST_WIDTH, default=256
        ),
        "sliding_window": width,
        "layer_types": layer_types(fields, sizes, types, width),
    }


def _two_rotations(fields: Fields) -> dict[str, Json]:
    """Return how positions are rotated where a block sees all, and where it sees a window."""
    thetas = {
        FULL: fields.number("rope_theta", 1.0, 1e12, default=GLOBAL_THETA),
        SLIDING: fields.number("rope_local_base_freq", 1.0, 1e12, default=LOCAL_THETA),
    }
    given = fields.values.get("rope_parameters")
    if isinstance(given, dict):
        inner = fields.within("rope_parameters", given)
        return {kind: _rotation(inner, kind, theta) for kind, theta in thetas.items()}
    # Older files stretch the positions of blocks that see all, and say so outside.
    return {
        FULL: _rotation(fields, "rope_scaling", thetas[FULL]),
        SLIDING: {"rope_type": "default", "rope_theta": thetas[SLIDING]},
    }


def _rotation(outer: Fields, name: str, theta: float) -> dict[str, Json]:
    given = outer.values.get(name) or {}
    if not isinstance(given, dict):
        outer.refuse(name, "an object or null")
        given = {}
    return stretching(outer.within(name, given), USUAL, theta)


def _four_norms(sizes: Sizes) -> Weights:
    return (
        two_norms(sizes)
        | norm("pre_feedforward_layernorm", sizes.width)
        | norm("post_feedforward_layernorm", sizes.width)
    )


def _weights(fields: Fields, sizes: Sizes, norms: Weights) -> Weights:
    bias = fields.flag("attention_bias", default=False)
    block = attention(sizes, inner_bias=bias, outer_bias=bias) | gated_mlp(sizes) | norms
    return whole_model(sizes, block, norm("model.norm", sizes.width))
