"""Weights that healing has trained, and the changed model that they belong to.

A file of healed weights holds everything that differs from the dense model, so a healed model
needs no fit. Its tensors are called

- ``linear.FIRST-LAST.map | bias | first``: the block that stands for blocks FIRST to LAST, as
  `LinearBlock` keeps it;
- ``block.BLOCK.NAME``: a parameter of a block that runs, by the block's own name for it. A map
  that was merged is in the down projection.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linearity.contracts.actions import Plan
from linearity.contracts.plan import MeasuredStep
from linearity.errors import HealedMismatchError
from linearity.models.changes import Changes, LinearBlock, Segment, dropped, kept
from linearity.models.loaded import LoadedModel

_PARTS = ("map", "bias", "first")


@dataclass(frozen=True)
class HealedWeights:
    """What a `heal` run wrote.

    Parameters
    ----------
    name : str
        The sha256 of the file, or anything else that tells it from others.
    model : str
        Fingerprint of the dense model.
    plan : str
    fitting : str
    steps : list of MeasuredStep
        How the maps were fitted before they were healed.
    tensors : mapping of str to Tensor
        On the CPU, named as above.
    """

    name: str
    model: str
    plan: str
    fitting: str
    steps: list[MeasuredStep]
    tensors: Mapping[str, Tensor] = field(repr=False)


def healed_tensors(changes: Changes, model: LoadedModel) -> dict[str, Tensor]:
    """Return everything in which a changed model differs from the dense one, named as above."""
    found: dict[str, Tensor] = {}
    for segment in changes:
        if segment.linear is not None:
            place = f"linear.{segment.first}-{segment.last}"
            parts = (segment.linear.transposed, segment.linear.bias, segment.linear.first)
            found |= {f"{place}.{part}": t for part, t in zip(_PARTS, parts, strict=True)}
        if segment.block is not None and segment.weights is not None:
            assert segment.down is None, "a merged map is one of the weights here"
            found |= {f"block.{segment.block}.{n}": t for n, t in segment.weights.items()}
    return {name: t.detach().to("cpu").contiguous() for name, t in found.items()}


def healed_changes(healed: HealedWeights, plan: Plan, model: LoadedModel) -> Changes:
    """Return the changed model of healed weights, on the model's device and in its type.

    Raises
    ------
    HealedMismatchError
        If a tensor is missing, left over or of another shape, or holds NaN or infinity.
    """
    left = dict(healed.tensors)
    changes = tuple(_segments(healed, plan, model, left))
    if left:
        raise _mismatch(f"{next(iter(left))!r} is no weight of this plan's model")
    return changes


def _segments(
    healed: HealedWeights, plan: Plan, model: LoadedModel, left: dict[str, Tensor]
) -> Iterator[Segment]:
    for first, last, runs in outline(plan, len(model.layout.blocks)):
        key = f"{first}-{last}:healed:{healed.name}"
        if runs is None:
            yield dropped(first, last)
        elif runs == "linear":
            linear = _linear(f"linear.{first}-{last}", model, left)
            yield Segment(first, last, key, linear=linear)
        elif weights := _weights(first, model, left):
            yield Segment(first, last, key, block=first, weights=weights)
        elif last > first:
            raise _mismatch(
                f"the weights of block {first}, into which a map is merged, are missing"
            )
        else:
            yield kept(first)


def outline(plan: Plan, blocks: int) -> Iterator[tuple[int, int, str | None]]:
    """Yield what runs in a changed model: first and last block and "block", "linear" or None.

    Neighbouring linear steps run as one; a block that the ones behind it are merged into stands
    for them, too.
    """
    steps = {step.first: step for step in plan.steps}
    block = 0
    while block < blocks:
        first, step = block, steps.get(block)
        if step is None:
            after = steps.get(block + 1)
            last = after.last if after is not None and after.action == "merged" else block
            yield first, last, "block"
        elif step.action == "linear":
            last = step.last
            while (after := steps.get(last + 1)) is not None and after.action == "linear":
                last = after.last
            yield first, last, "linear"
        else:
            last = step.last
            yield first, last, None
        block = last + 1


def _linear(place: str, model: LoadedModel, left: dict[str, Tensor]) -> LinearBlock:
    d, found = model.width, []
    dtype = next(model.layout.blocks[0].parameters()).dtype
    for part, shape in zip(_PARTS, ((d, d), (d,), (d,)), strict=True):
        found.append(_taken(f"{place}.{part}", shape, left).to(model.device, dtype))
    transposed, bias, first = found
    return LinearBlock(transposed.T, bias, first)


def _weights(block: int, model: LoadedModel, left: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"block.{block}."
    own: dict[str, nn.Parameter] = dict(model.layout.blocks[block].named_parameters())
    found = {}
    for name in [name for name in left if name.startswith(start)]:
        dense = own.get(name.removeprefix(start))
        if dense is None:
            raise _mismatch(f"block {block} has no parameter {name.removeprefix(start)!r}")
        weight = _taken(name, tuple(dense.shape), left)
        found[name.removeprefix(start)] = weight.to(dense.device, dense.dtype)
    return found


def _taken(name: str, shape: tuple[int, ...], left: dict[str, Tensor]) -> Tensor:
    tensor = left.pop(name, None)
    if tensor is None:
        raise _mismatch(f"{name!r} is missing")
    if tuple(tensor.shape) != shape:
        raise _mismatch(f"{name!r} has the shape {tuple(tensor.shape)}, wanted {shape}")
    if not torch.isfinite(tensor).all():
        raise _mismatch(f"{name!r} holds NaN or infinity")
    return tensor


def _mismatch(what: str) -> HealedMismatchError:
    return HealedMismatchError(
        f"these healed weights do not fit: {what}",
        next_step="Heal the plan again, and use the weights of that run.",
    )
