"""Mixtures of experts: Llama's layout, where a router sends every token through a few MLPs.

::

    x -> x + attention(norm(x)) -> x + sum over the chosen e of p_e(norm(x)) expert_e(norm(x))

transformers keeps the experts of a block in two stacked arrays, published checkpoints have three
maps an expert; both are read, the second by names that stand for parts of the first.
"""

from dataclasses import replace

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Sizes, Weights, linear, norm
from linearity.adapters.families.llama import attention, gated_mlp, two_norms, whole_model
from linearity.adapters.families.olmo import read_clip
from linearity.adapters.families.positions import Rotation, read_positions
from linearity.adapters.families.reading import (
    LARGEST_HIDDEN,
    MOST_BLOCKS,
    activation,
    epsilon,
    read_sizes,
    refuse_other,
    sizes_in_llama_spelling,
    window,
)
from linearity.contracts.canonical import Json
from linearity.contracts.families import FAMILIES

MOST_EXPERTS = 1024


def read_mixtral(fields: Fields) -> Description:
    """Return what the config.json of a Mixtral says."""
    sizes = read_sizes(fields)
    routing = _routing(fields, experts=8, chosen=2)
    block = attention(sizes) | two_norms(sizes) | _experts(sizes, routing, sizes.hidden)
    cleaned = routing | {
        "sliding_window": window(fields, None),
        "rope_parameters": read_positions(fields, sizes, Rotation(theta=1e6)),
    }
    weights = whole_model(sizes, block, norm("model.norm", sizes.width))
    stacks = FAMILIES["mixtral"].stacks
    assert stacks is not None
    routers = {stacks.saved(name): name for name in weights if name.endswith(".mlp.gate.weight")}
    cleaned |= epsilon(fields, "rms_norm_eps", 1e-5)
    return replace(_described("mixtral", fields, sizes, cleaned, weights), aliases=routers)


def read_olmoe(fields: Fields) -> Description:
    """Return what the config.json of an OLMoE says."""
    sizes = read_sizes(fields)
    routing = _routing(fields, experts=64, chosen=8)
    bias = fields.flag("attention_bias", default=False)
    block = (
        attention(sizes, inner_bias=bias, outer_bias=bias)
        | norm("self_attn.q_norm", sizes.queries)
        | norm("self_attn.k_norm", sizes.keys)
        | two_norms(sizes)
        | _experts(sizes, routing, sizes.hidden)
    )
    cleaned = routing | {
        "attention_bias": bias,
        "clip_qkv": read_clip(fields),
        "norm_topk_prob": fields.flag("norm_topk_prob", default=False),
        "rope_parameters": read_positions(fields, sizes),
    }
    weights = whole_model(sizes, block, norm("model.norm", sizes.width))
    cleaned |= epsilon(fields, "rms_norm_eps", 1e-5)
    return _described("olmoe", fields, sizes, cleaned, weights)


def read_qwen2_moe(fields: Fields) -> Description:
    """Return what the config.json of a Qwen 1.5 or 2 with experts says."""
    sizes = read_sizes(fields)
    bias = fields.flag("qkv_bias", default=True)
    shared = fields.whole("shared_expert_intermediate_size", 1, LARGEST_HIDDEN, default=5632)
    beside: Weights = {"mlp.shared_expert_gate.weight": (1, sizes.width)}
    beside |= linear("mlp.shared_expert.gate_proj", shared, sizes.width, bias=False)
    beside |= linear("mlp.shared_expert.up_proj", shared, sizes.width, bias=False)
    beside |= linear("mlp.shared_expert.down_proj", sizes.width, shared, bias=False)
    around = attention(sizes, inner_bias=bias) | two_norms(sizes)
    cleaned: dict[str, Json] = {"qkv_bias": bias, "shared_expert_intermediate_size": shared}
    return _qwen("qwen2_moe", fields, sizes, cleaned, (around, beside))


def read_qwen3_moe(fields: Fields) -> Description:
    """Return what the config.json of a Qwen 3 with experts says."""
    sizes = read_sizes(fields)
    bias = fields.flag("attention_bias", default=False)
    around = (
        attention(sizes, inner_bias=bias, outer_bias=bias)
        | norm("self_attn.q_norm", sizes.head_width)
        | norm("self_attn.k_norm", sizes.head_width)
        | two_norms(sizes)
    )
    cleaned: dict[str, Json] = {"attention_bias": bias}
    return _qwen("qwen3_moe", fields, sizes, cleaned, (around, {}))


def _qwen(
    family: str,
    fields: Fields,
    sizes: Sizes,
    cleaned: dict[str, Json],
    block: tuple[Weights, Weights],
) -> Description:
    """Return what a Qwen says; `block` is what stands around the experts, and beside them."""
    around, beside = block
    refuse_other(
        fields, "use_sliding_window", wanted=False, why="windows with experts have not been tested"
    )
    experts, chosen, usual = (60, 4, 1408) if family == "qwen2_moe" else (128, 8, 768)
    routing = _routing(fields, experts=experts, chosen=chosen)
    hidden = fields.whole("moe_intermediate_size", 1, LARGEST_HIDDEN, default=usual)
    step = fields.whole("decoder_sparse_step", 1, MOST_BLOCKS, default=1)
    dense = _plain_blocks(fields, sizes)
    mixed = {**around, **beside, **_experts(sizes, routing, hidden)}
    embedding = (sizes.vocabulary, sizes.width)
    weights: Weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding}
    weights |= norm("model.norm", sizes.width)
    for index in range(sizes.blocks):
        is_plain = index in dense or (index + 1) % step > 0
        own = around | gated_mlp(sizes) if is_plain else mixed
        weights |= {f"model.layers.{index}.{name}": shape for name, shape in own.items()}
    cleaned |= routing | {
        "moe_intermediate_size": hidden,
        "decoder_sparse_step": step,
        "mlp_only_layers": list(dense),
        "norm_topk_prob": fields.flag("norm_topk_prob", default=False),
        "use_sliding_window": False,
        "rope_parameters": read_positions(fields, sizes),
    }
    cleaned |= epsilon(fields, "rms_norm_eps", 1e-6)
    return _described(family, fields, sizes, cleaned, weights)


def _described(
    family: str, fields: Fields, sizes: Sizes, cleaned: dict[str, Json], weights: Weights
) -> Description:
    common = sizes_in_llama_spelling(sizes) | activation(fields)
    return Description(sizes, common | cleaned, weights, parts=_parts(family, weights))


def _routing(fields: Fields, *, experts: int, chosen: int) -> dict[str, Json]:
    """Return how many experts a block has, and how many a token goes through."""
    name = fields.given("num_experts", "num_local_experts")
    count = fields.whole(name, 1, MOST_EXPERTS, default=experts)
    return {
        "num_experts": count,
        "num_experts_per_tok": fields.whole("num_experts_per_tok", 1, count, default=chosen),
    }


def _plain_blocks(fields: Fields, sizes: Sizes) -> list[int]:
    """Return the blocks that have one MLP, and no experts."""
    given = fields.values.get("mlp_only_layers")
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > sizes.blocks:
        fields.refuse("mlp_only_layers", f"numbers of blocks, at most {sizes.blocks}")
        return []
    blocks = [block for block in given if type(block) is int and 0 <= block < sizes.blocks]
    if len(blocks) < len(given):
        fields.refuse("mlp_only_layers", f"numbers of blocks from 0 to {sizes.blocks - 1}")
    return blocks


def _experts(sizes: Sizes, routing: dict[str, Json], hidden: int) -> Weights:
    """Return router and experts of a block as the library keeps them."""
    count = routing["num_experts"]
    assert isinstance(count, int)
    return {
        "mlp.gate.weight": (count, sizes.width),
        "mlp.experts.gate_up_proj": (count, 2 * hidden, sizes.width),
        "mlp.experts.down_proj": (count, sizes.width, hidden),
    }


def _parts(family: str, weights: Weights) -> dict[str, Weights]:
    """Return what published checkpoints hold in the place of each stacked array."""
    stacks = FAMILIES[family].stacks
    assert stacks is not None
    parts: dict[str, Weights] = {}
    for name, shape in weights.items():
        if not stacks.is_stack(name):
            continue
        count, rows, columns = shape
        named = stacks.parts_of(name, count)
        each = rows // len(named[0])
        parts[name] = {part: (each, columns) for expert in named for part in expert}
    return parts
