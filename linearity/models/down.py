"""The map that writes a block's MLP output into the stream, and another one in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from linearity.contracts.families import LLAMA, Family
from linearity.errors import RejectedInputError


@dataclass(frozen=True)
class Down:
    """A down projection, dense or with a map merged into it, in the model's type.

    Parameters
    ----------
    weight : (d, inner) Tensor
    bias : (d,) Tensor or None
        None where the family has none.
    """

    weight: Tensor
    bias: Tensor | None


def down_projection(block: nn.Module, family: Family = LLAMA) -> nn.Module:
    """Return the module that writes a block's MLP output into the stream.

    Raises
    ------
    RejectedInputError
        If the block has none, or if what it writes does not reach the stream as it is.
    """
    refusal = family.merged_refusal
    projection: object = block
    for name in family.down.split("."):
        projection = getattr(projection, name, None)
    if not isinstance(projection, nn.Module) or not isinstance(
        getattr(projection, "weight", None), Tensor
    ):
        refusal = (
            refusal
            or f"no down projection found in {type(block).__name__}: looked for {family.down}"
        )
    if refusal:
        raise RejectedInputError(
            f"merged makes no sense here: {refusal}",
            reason="unsupported_architecture",
            next_step="Use drop or linear for this model.",
        )
    assert isinstance(projection, nn.Module)
    return projection


def read_down(block: nn.Module, family: Family = LLAMA) -> Down:
    """Return the down projection of a block, (d, inner) however the family stores it."""
    projection = down_projection(block, family)
    weight, bias = projection.weight, projection.bias
    assert isinstance(weight, Tensor)
    detached = bias.detach() if isinstance(bias, Tensor) else None
    return Down(_turned(projection, weight.detach()), detached)


@contextmanager
def merged(block: nn.Module, down: Down, family: Family = LLAMA) -> Iterator[None]:
    """Run a block with another down projection."""
    projection = down_projection(block, family)
    weight, bias = projection.weight, projection.bias
    projection.weight = nn.Parameter(_turned(projection, down.weight), requires_grad=False)
    if down.bias is not None:
        projection.bias = nn.Parameter(down.bias, requires_grad=False)
    try:
        yield
    finally:
        projection.weight, projection.bias = weight, bias


def _turned(projection: nn.Module, weight: Tensor) -> Tensor:
    """Return a weight as it is stored from (d, inner), or the other way round.

    GPT-2 stores its maps transposed, in a module of its own that is no `nn.Linear`.
    """
    return weight if isinstance(projection, nn.Linear) else weight.T.contiguous()
