"""What the reader of a family answers, and the arithmetic that all of them share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from linearity.contracts.canonical import Json

Shape = tuple[int, ...]
Weights = dict[str, Shape]


@dataclass(frozen=True)
class Sizes:
    """The numbers that a decoder is made of, checked.

    Parameters
    ----------
    blocks, width, hidden : int
        L; d; width inside the MLP.
    heads, kv_heads, head_width : int
        Heads of queries, of keys and values; the width of each.
    vocabulary, context : int
        V; the longest input in tokens.
    """

    blocks: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context: int

    @property
    def queries(self) -> int:
        """Width of all queries side by side."""
        return self.heads * self.head_width

    @property
    def keys(self) -> int:
        """Width of all keys, or all values, side by side."""
        return self.kv_heads * self.head_width


@dataclass(frozen=True)
class Description:
    """What one config.json says.

    Parameters
    ----------
    sizes : Sizes
    cleaned : mapping
        Known fields only, in the spelling that transformers reads.
    weights : mapping of str to shape
        Everything that the weights must hold, the output embedding included.
    aliases : mapping of str to str
        Other names of weights, which the library reads as those.
    parts : mapping of str to mapping of str to shape
        What files may hold in the place of a weight that the library puts together, all of it.
    """

    sizes: Sizes
    cleaned: Mapping[str, Json]
    weights: Mapping[str, Shape]
    aliases: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Shape]] = field(default_factory=dict)


def linear(name: str, rows: int, columns: int, *, bias: bool) -> Weights:
    """Return the weights of one linear map, stored (rows, columns)."""
    weights: Weights = {f"{name}.weight": (rows, columns)}
    return weights | {f"{name}.bias": (rows,)} if bias else weights


def norm(name: str, width: int, *, bias: bool = False) -> Weights:
    """Return the weights of one norm."""
    weights: Weights = {f"{name}.weight": (width,)}
    return weights | {f"{name}.bias": (width,)} if bias else weights


def decoder(blocks: str, count: int, block: Weights, around: Weights) -> Weights:
    """Return the weights of `count` equal blocks below the path `blocks`, and those around."""
    repeated = {
        f"{blocks}.{index}.{name}": shape for index in range(count) for name, shape in block.items()
    }
    return around | repeated
