"""A model with some blocks changed, as a list of segments: what runs, in which order.

Measuring from stored states (`linearity.models.replay`) and changing a model in place
(`linearity.models.surgery`) both walk the same segments, so what is measured is what is run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linearity.models.down import Down


class LinearBlock(nn.Module):
    """Stands where blocks stood: ``x -> x + (x W + b)``, and ``x -> x + first`` at position 0.

    Position 0 is where ``position_ids == 0``, so padding on the left and cached decoding are
    safe. Its state is massive and follows no map fitted on other tokens (docs/science.md, 3).

    Parameters
    ----------
    W : (d, d) Tensor
        ``A - I``, where ``x -> b + x A`` is the map; tokens are rows.
    b, first : (d,) Tensor
    """

    def __init__(self, W: Tensor, b: Tensor, first: Tensor) -> None:
        super().__init__()
        self.register_buffer("transposed", W.T.contiguous())
        self.register_buffer("bias", b)
        self.register_buffer("first", first)
        self.transposed: Tensor
        self.bias: Tensor
        self.first: Tensor

    def forward(
        self, hidden_states: Tensor, *_: object, position_ids: Tensor | None = None, **__: object
    ) -> Tensor:
        """Apply the map to (B, T, d) states; blocks of every family are called like this."""
        if position_ids is None:
            raise ValueError("a linear block needs position_ids to find the first token")
        update = nn.functional.linear(hidden_states, self.transposed, self.bias)
        is_first = (position_ids == 0)[..., None]
        return hidden_states + torch.where(is_first, self.first, update)


@dataclass(frozen=True)
class AffineMap:
    """One fitted replacement of the blocks `first_block` to `last_block`.

    Parameters
    ----------
    W : (d, d) float64
        ``A - I``.
    b : (d,) float64
    first : (d,) float64
        Added to the state of position 0 instead.
    """

    W: Tensor
    b: Tensor
    first: Tensor

    def then(self, after: "AffineMap") -> "AffineMap":
        """Return the one map that does this one and then `after`.

        ``(I + W1)(I + W2) - I = W1 + W2 + W1 W2``, in float64.
        """
        return AffineMap(
            self.W + after.W + self.W @ after.W,
            self.b + after.b + self.b @ after.W,
            self.first + after.first,
        )

    def module(self, dtype: torch.dtype) -> LinearBlock:
        """Return the map as a block of a model that computes in `dtype`."""
        return LinearBlock(self.W.to(dtype), self.b.to(dtype), self.first.to(dtype))


@dataclass(frozen=True)
class Segment:
    """Blocks `first` to `last` of the dense model and what stands in their place.

    Parameters
    ----------
    first, last : int
    key : str
        Two segments with equal keys after equal segments compute the same.
    block : int or None
        The block that still runs here.
    down : Down or None
        What its down projection becomes when a map is merged into it.
    linear : LinearBlock or None
        What runs instead of any block.
    weights : mapping of str to Tensor, or None
        What stands in the place of the block's own parameters of these names.
    """

    first: int
    last: int
    key: str
    block: int | None = None
    down: Down | None = field(default=None, repr=False, compare=False)
    linear: LinearBlock | None = field(default=None, repr=False, compare=False)
    weights: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)


Changes = tuple[Segment, ...]


def kept(block: int) -> Segment:
    """Return the segment of a block that stays as it is."""
    return Segment(block, block, f"{block}", block=block)


def dropped(first: int, last: int) -> Segment:
    """Return the segment of blocks that become the identity."""
    return Segment(first, last, f"{first}-{last}:drop")


def unchanged(blocks: int) -> Changes:
    """Return the dense model."""
    return tuple(kept(block) for block in range(blocks))


def shared_prefix(one: Sequence[Segment], other: Sequence[Segment]) -> int:
    """Return how many segments at the start are the same in both."""
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine.key != theirs.key:
            break
        length += 1
    return length
