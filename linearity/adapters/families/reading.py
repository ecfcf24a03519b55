"""Fields of ``config.json`` that many families share, within bounds."""

from dataclasses import dataclass

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Sizes
from linearity.contracts.canonical import Json

MOST_BLOCKS = 512
MOST_HEADS = 512
LARGEST_HEAD = 1024
LARGEST_WIDTH = 65_536
LARGEST_HIDDEN = 1_048_576
LARGEST_VOCABULARY = 2_000_000
LONGEST_CONTEXT = 10_000_000
LARGEST_CAP = 1e6

ACTIVATIONS = ("silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "quick_gelu",
               "relu", "relu2", "mish")  # fmt: skip
FULL, SLIDING = "full_attention", "sliding_attention"


def read_sizes(fields: Fields, *, head_width: int | None = None) -> Sizes:
    """Return the sizes in Llama's spelling; `head_width` where ``head_dim`` has a fixed default."""
    heads = fields.whole("num_attention_heads", 1, MOST_HEADS)
    width = fields.whole("hidden_size", 1, LARGEST_WIDTH)
    kv_heads = fields.whole("num_key_value_heads", 1, MOST_HEADS, default=heads)
    default = max(width // heads, 2) if head_width is None else head_width
    each = fields.whole("head_dim", 2, LARGEST_HEAD, default=default)
    check_heads(fields, "num_attention_heads", width, heads)
    if heads % kv_heads:
        fields.refuse("num_key_value_heads", f"a divisor of the {heads} heads", limit=heads)
    if each % 2:
        fields.refuse("head_dim", "an even width of the heads (hidden_size / heads)")
    return Sizes(
        blocks=fields.whole("num_hidden_layers", 1, MOST_BLOCKS),
        width=width,
        hidden=fields.whole("intermediate_size", 1, LARGEST_HIDDEN),
        heads=heads,
        kv_heads=kv_heads,
        head_width=each,
        vocabulary=fields.whole("vocab_size", 1, LARGEST_VOCABULARY),
        context=fields.whole("max_position_embeddings", 1, LONGEST_CONTEXT),
    )


@dataclass(frozen=True)
class Spelling:
    """Names of the sizes where a family has as many keys as queries; the first one given counts.

    Parameters
    ----------
    blocks, width, heads, context : tuple of str
    hidden : str
        Width inside the MLP; empty where it is always four times d.
    is_quadruple : bool
        Whether that is also what it is where config.json does not say.
    usual_context : int or None
        The longest input where config.json does not say.
    """

    blocks: tuple[str, ...] = ("num_hidden_layers",)
    width: tuple[str, ...] = ("hidden_size",)
    heads: tuple[str, ...] = ("num_attention_heads",)
    context: tuple[str, ...] = ("max_position_embeddings",)
    hidden: str = "intermediate_size"
    is_quadruple: bool = False
    usual_context: int | None = None


def read_spelled(fields: Fields, spelled: Spelling) -> Sizes:
    """Return the sizes of a family with its own names for them."""
    width = fields.whole(fields.given(*spelled.width), 1, LARGEST_WIDTH)
    heads_name = fields.given(*spelled.heads)
    heads = fields.whole(heads_name, 1, MOST_HEADS)
    check_heads(fields, heads_name, width, heads)
    quadruple = 4 * width if spelled.is_quadruple else None
    return Sizes(
        blocks=fields.whole(fields.given(*spelled.blocks), 1, MOST_BLOCKS),
        width=width,
        hidden=fields.whole(spelled.hidden, 1, LARGEST_HIDDEN, default=quadruple)
        if spelled.hidden
        else 4 * width,
        heads=heads,
        kv_heads=heads,
        head_width=max(width // heads, 1),
        vocabulary=fields.whole("vocab_size", 1, LARGEST_VOCABULARY),
        context=fields.whole(
            fields.given(*spelled.context), 1, LONGEST_CONTEXT, default=spelled.usual_context
        ),
    )


def check_heads(fields: Fields, name: str, width: int, heads: int) -> None:
    """Refuse heads that do not divide the width, whose field is `name`."""
    if width % heads:
        fields.refuse(name, f"a divisor of hidden_size ({width:,})", limit=width)


def refuse_own_heads(fields: Fields, sizes: Sizes) -> None:
    """Refuse heads that do not make up the width, where the family has no others."""
    if sizes.head_width * sizes.heads != sizes.width:
        fields.refuse("head_dim", f"hidden_size / heads ({sizes.width // sizes.heads}), or nothing")


def sizes_in_llama_spelling(sizes: Sizes) -> dict[str, Json]:
    """Return the sizes as fields of config.json."""
    return {
        "num_hidden_layers": sizes.blocks,
        "hidden_size": sizes.width,
        "intermediate_size": sizes.hidden,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head_width,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.context,
    }


def activation(fields: Fields, name: str = "hidden_act", default: str = "silu") -> dict[str, Json]:
    """Return the field of the MLP's activation."""
    return {name: fields.choice(name, ACTIVATIONS, default=default)}


def epsilon(fields: Fields, name: str, default: float) -> dict[str, Json]:
    """Return the field of the norms' epsilon."""
    return {name: fields.number(name, 1e-12, 0.1, default=default)}


def cap(fields: Fields, name: str, default: float | None) -> dict[str, Json]:
    """Return the field of a soft cap, which null switches off."""
    if fields.values.get(name, default) is None:
        return {name: None}
    return {name: fields.number(name, 1e-3, LARGEST_CAP, default=default)}


def window(fields: Fields, default: int | None) -> int | None:
    """Return how many tokens back a sliding block looks; None for all, as null says."""
    if fields.values.get("sliding_window", default) is None:
        return None
    return fields.whole("sliding_window", 1, LONGEST_CONTEXT, default=default)


def layer_types(fields: Fields, sizes: Sizes, default: list[str], width: int | None) -> list[Json]:
    """Return which attention each block has: a word a block, sliding only with a window."""
    given = fields.values.get("layer_types")
    if given is None:
        given = default
    known = isinstance(given, list) and all(kind in (FULL, SLIDING) for kind in given)
    if not isinstance(given, list) or not known or len(given) != sizes.blocks:
        fields.refuse(
            "layer_types", f"{sizes.blocks} words {FULL} or {SLIDING}", limit=sizes.blocks
        )
        return [FULL] * sizes.blocks
    if width is None and SLIDING in given:
        fields.refuse("layer_types", f"{FULL} only: there is no sliding_window")
        return [FULL] * sizes.blocks
    return list(given)


def refuse_other(fields: Fields, name: str, *, wanted: bool, why: str) -> None:
    """Refuse a flag that is given and not `wanted`."""
    if fields.flag(name, default=wanted) is not wanted:
        fields.refuse(name, f"{str(wanted).lower()}: {why}")
