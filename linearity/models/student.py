"""A changed model that is trained: its segments, what is learnt of them, and a forward pass.

The network itself is never touched: blocks are called with other weights
(`torch.func.functional_call`), and everything that is not trained stays the dense model's.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from linearity.models.changes import Changes, LinearBlock, Segment
from linearity.models.down import Down, read_down
from linearity.models.families import Layout
from linearity.models.loaded import LoadedModel
from linearity.models.replaced import replaced
from linearity.models.replay import Batch, output_of
from linearity.models.trainable import (
    Trainable,
    TrainableAdapters,
    TrainableBlock,
    TrainableMap,
    merge_of,
)


class Student:
    """A changed model with parameters to train.

    Parameters
    ----------
    model : LoadedModel
        The teacher; its own weights are not changed, and ask for no gradients from here on.
    changes : Changes
        Where training begins.
    train : "maps" | "adapters" | "all"
    rank : int
        Of adapters.
    seed : int
        Draws their first matrices.

    Attributes
    ----------
    parameters : dict of str to Parameter
        In a fixed order.
    start : int
        The first segment that is not the dense model's.
    """

    def __init__(
        self, model: LoadedModel, changes: Changes, *, train: str, rank: int = 0, seed: int = 0
    ) -> None:
        model.network.requires_grad_(requires_grad=False)
        self.model, self.base = model, changes
        self._trained: dict[int, Trainable] = {}
        generator = torch.Generator().manual_seed(seed)
        for k, segment in enumerate(changes):
            found = _trainable(segment, model.layout, train, rank, generator)
            if found is not None:
                self._trained[k] = found
        self.parameters = {
            f"{changes[k].first}.{name}": parameter
            for k, part in self._trained.items()
            for name, parameter in part.parameters.items()
        }
        self.start = next(
            k for k, s in enumerate(changes) if k in self._trained or not _is_dense(s)
        )

    def forward(self, batch: Batch, dense: Sequence[Tensor]) -> list[tuple[int, Tensor]]:
        """Return the student's states on a batch, each with the number of the teacher's.

        Parameters
        ----------
        batch : Batch
        dense : list of S (B, T, d)
            The teacher's states.

        Returns
        -------
        list of (int, (B, T, d))
            Those that enter a block or map that runs, behind the first change, and the last one.
        """
        state, states = dense[self.base[self.start].first], []
        for k in range(self.start, len(self.base)):
            segment = self.base[k]
            runs = segment.block is not None or segment.linear is not None
            if runs and k > self.start:
                states.append((segment.first, state))
            if runs:
                state = self._run(k, segment, batch, state)
        return [*states, (len(dense) - 1, state)]

    @torch.no_grad()
    def changes(self, name: str) -> Changes:
        """Return the changed model as it is now; `name` tells it from earlier ones."""
        return tuple(self._now(k, segment, name) for k, segment in enumerate(self.base))

    def _run(self, k: int, segment: Segment, batch: Batch, state: Tensor) -> Tensor:
        part = self._trained.get(k)
        learnt = part.weights() if part is not None else {}
        if segment.linear is not None:
            positions = torch.arange(state.shape[1], device=state.device)[None]
            mapped: Tensor = functional_call(
                segment.linear, learnt, (state,), {"position_ids": positions}
            )
            return mapped
        assert segment.block is not None
        weights = _changed_weights(segment, self.model.layout) | learnt
        call = dict(batch.calls[segment.block])
        return output_of(
            functional_call(self.model.layout.blocks[segment.block], weights, (state,), call)
        )

    def _now(self, k: int, segment: Segment, name: str) -> Segment:
        part = self._trained.get(k)
        learnt = {n: w.detach() for n, w in part.weights().items()} if part is not None else {}
        key = f"{segment.first}-{segment.last}:{name}"
        if segment.linear is not None and learnt:
            linear = LinearBlock(learnt["transposed"].T, learnt["bias"], segment.linear.first)
            return replace(segment, key=key, linear=linear)
        if segment.block is None:
            return segment
        weights = _changed_weights(segment, self.model.layout) | learnt
        if not weights:
            return segment
        whole = {n: weight.contiguous() for n, weight in weights.items()}
        return replace(segment, key=key, weights=whole, down=None)


def _trainable(
    segment: Segment, layout: Layout, train: str, rank: int, generator: torch.Generator
) -> Trainable | None:
    if segment.linear is not None:
        return TrainableMap(segment.linear)
    if segment.block is None:
        return None
    block = layout.blocks[segment.block]
    if train == "maps":
        down = _merged_down(segment, layout)
        return None if down is None else merge_of(block, down, layout)
    base = dict(block.named_parameters()) | _changed_weights(segment, layout)
    if train == "adapters":
        return TrainableAdapters(block, base, rank, generator)
    return TrainableBlock(base)


def _merged_down(segment: Segment, layout: Layout) -> Down | None:
    """Return the down projection of a block that others are merged into, healed or not."""
    if segment.down is not None or segment.last == segment.first:
        return segment.down
    assert segment.block is not None
    block = layout.blocks[segment.block]
    with replaced(block, segment.weights or {}):
        return read_down(block, layout.family)


def _changed_weights(segment: Segment, layout: Layout) -> dict[str, Tensor]:
    """Return the weights in which a segment's block differs from the dense model's."""
    found = dict(segment.weights or {})
    if segment.down is not None:
        assert segment.block is not None
        merge = merge_of(layout.blocks[segment.block], segment.down, layout)
        found |= {name: weight.detach() for name, weight in merge.weights().items()}
    return found


def _is_dense(segment: Segment) -> bool:
    return segment.block == segment.last and not segment.weights and segment.down is None
