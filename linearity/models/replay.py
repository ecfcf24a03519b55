"""Run a changed model from the first block that differs, on text whose states are kept.

A dense pass over the text keeps the state that enters every block. A plan then costs only what
comes after its first change, and the next plan only what comes after the first difference to it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from inspect import signature

import torch
from torch import Tensor, nn

from linearity.errors import NonFiniteStatesError
from linearity.measure.tokens import SINK_RATIO
from linearity.measure.windows import Window
from linearity.models.changes import Changes, Segment, kept, shared_prefix, unchanged
from linearity.models.down import down_projection, merged
from linearity.models.loaded import LoadedModel
from linearity.models.replaced import replaced
from linearity.models.states import padded

Check = Callable[[], None]


@dataclass(frozen=True)
class Batch:
    """Some windows side by side.

    Parameters
    ----------
    windows : sequence of Window
    ids : (B, T) int64
    mask : (B, T) bool
        False where a shorter window was padded on the right.
    calls : list of L dict
        What the decoder passes to each block beside the state.
    """

    windows: Sequence[Window]
    ids: Tensor
    mask: Tensor
    calls: list[dict[str, object]] = field(repr=False)


@dataclass(frozen=True)
class Chain:
    """The states of one changed model on all batches.

    Parameters
    ----------
    changes : Changes
    states : list (one a batch) of lists of (B, T, d)
        ``states[b][k]`` enters segment k; the last one leaves the last segment.
    """

    changes: Changes
    states: list[list[Tensor]] = field(repr=False)

    def entering(self, block: int) -> list[Tensor]:
        """Return, for every batch, the state that enters dense block `block` (L: the last state).

        Raises
        ------
        ValueError
            If a segment of several blocks covers it.
        """
        for k, segment in enumerate(self.changes):
            if segment.first == block:
                return [states[k] for states in self.states]
        if block == self.changes[-1].last + 1:
            return [states[-1] for states in self.states]
        raise ValueError(f"no state enters block {block} of this chain")


class Passages:
    """Text with the dense model's states, and the last changed model's.

    Parameters
    ----------
    model : LoadedModel
    windows : sequence of Window
    batch_tokens : int
        Tokens in one forward pass.
    check : callable
        Called between batches and blocks; may raise to stop.

    Attributes
    ----------
    batches : list of Batch
    scored : list of (B, T) bool
        Which tokens of each batch belong to an answer, or to a text without one.
    dense : Chain
    block_runs : int
        Blocks run on all batches since the dense pass: what a plan really cost.
    """

    def __init__(
        self, model: LoadedModel, windows: Sequence[Window], *, batch_tokens: int, check: Check
    ) -> None:
        self.model, self.check = model, check
        self.batches: list[Batch] = []
        self.block_runs = 0
        states: list[list[Tensor]] = []
        for group in _groups(windows, batch_tokens):
            check()
            with torch.inference_mode():
                batch, entering = dense_pass(model, group)
            self.batches.append(batch)
            states.append(entering)
        self.scored = [scored_tokens(batch) for batch in self.batches]
        self.dense = Chain(unchanged(len(model.layout.blocks)), states)
        _check_finite(self.dense)
        self._last = self.dense

    @property
    def tokens(self) -> int:
        """Model input positions, padding not counted."""
        return sum(len(w.ids) for batch in self.batches for w in batch.windows)

    def rows(self, states: Sequence[Tensor]) -> Tensor:
        """Return the (N, d) rows of batched (B, T, d) states, padding left out."""
        return torch.cat(
            [state[batch.mask] for state, batch in zip(states, self.batches, strict=True)]
        )

    def state(self, block: int) -> Tensor:
        """Return the dense state that enters a block (L: the last state), (N, d)."""
        return self.rows(self.dense.entering(block))

    def counted(self) -> Tensor:
        """Return which rows are scored, (N,) bool."""
        pairs = zip(self.scored, self.batches, strict=True)
        return torch.cat([scored[batch.mask] for scored, batch in pairs])

    def first(self) -> Tensor:
        """Return which rows stand at position 0, (N,) bool."""
        masks = [batch.mask for batch in self.batches]
        return torch.cat(
            [(torch.arange(m.shape[1], device=m.device) == 0).expand_as(m)[m] for m in masks]
        )

    def sinks(self) -> Tensor:
        """Return which other rows are sinks in any dense state, (N,) bool (docs/science.md, 0)."""
        first = self.first()
        found = torch.zeros_like(first)
        for block in range(len(self.dense.changes) + 1):
            norms = torch.linalg.vector_norm(self.state(block).float(), dim=1)
            found |= norms > SINK_RATIO * norms[~first].median()
        return found & ~first

    def run(self, changes: Changes, *, base: Chain | None = None, remember: bool = True) -> Chain:
        """Return the chain of a changed model.

        Parameters
        ----------
        changes : Changes
        base : Chain, optional
            A chain to start from; by default the better of the dense and the last one.
        remember : bool
            Whether the next plan may start from this one.
        """
        if base is None:
            start = max(
                (self._last, self.dense), key=lambda chain: shared_prefix(chain.changes, changes)
            )
        else:
            start = base
        k = shared_prefix(start.changes, changes)
        states = [
            self._continue(batch, before[: k + 1], changes[k:])
            for batch, before in zip(self.batches, start.states, strict=True)
        ]
        self.block_runs += sum(segment.block is not None for segment in changes[k:])
        chain = Chain(changes, states)
        if remember:
            self._last = chain
        return chain

    @torch.inference_mode()
    def around_mlp(
        self, block: int, entering: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return what the MLP of a block adds to the stream, and what leaves the block.

        Parameters
        ----------
        block : int
        entering : list of (B, T, d)
            The states that enter the block.

        Returns
        -------
        (list of (B, T, d), list of (B, T, d))
        """
        written: list[Tensor] = []

        def take(_: nn.Module, __: object, output: Tensor) -> None:
            written.append(output.clone())  # a parallel block adds its attention in place

        layout = self.model.layout
        projection = down_projection(layout.blocks[block], layout.family)
        handle = projection.register_forward_hook(take)
        try:
            leaving = []
            for batch, state in zip(self.batches, entering, strict=True):
                self.check()
                leaving.append(self.step(kept(block), batch, state))
        finally:
            handle.remove()
        # Some families flatten batch and time inside the MLP.
        return [w.view_as(s) for w, s in zip(written, leaving, strict=True)], leaving

    def forget(self) -> None:
        """Let go of the last changed model's states."""
        self._last = self.dense

    @torch.inference_mode()
    def step(self, segment: Segment, batch: Batch, state: Tensor) -> Tensor:
        """Return what leaves `segment` when `state`, (B, T, d), enters it."""
        if segment.block is None:
            if segment.linear is None:
                return state
            positions = torch.arange(state.shape[1], device=state.device)[None]
            output: Tensor = segment.linear(state, position_ids=positions)
            return output
        block = self.model.layout.blocks[segment.block]
        with ExitStack() as undo:
            if segment.down is not None:
                undo.enter_context(merged(block, segment.down, self.model.layout.family))
            if segment.weights is not None:
                undo.enter_context(replaced(block, segment.weights))
            return output_of(block(state, **batch.calls[segment.block]))

    def _continue(
        self, batch: Batch, states: Sequence[Tensor], rest: Sequence[Segment]
    ) -> list[Tensor]:
        states = list(states)
        for segment in rest:
            self.check()
            states.append(self.step(segment, batch, states[-1]))
        return states


def _groups(windows: Sequence[Window], batch_tokens: int) -> Iterator[list[Window]]:
    """Yield batches of windows of similar length, so that little is padded."""
    group: list[Window] = []
    for window in sorted(windows, key=lambda w: -len(w.ids)):
        longest = len(group[0].ids) if group else len(window.ids)
        if group and longest * (len(group) + 1) > batch_tokens:
            yield group
            group = []
        group.append(window)
    if group:
        yield group


def dense_pass(model: LoadedModel, windows: Sequence[Window]) -> tuple[Batch, list[Tensor]]:
    """Return some windows side by side, and the S dense states on them, (B, T, d) each."""
    ids, mask = padded([window.ids for window in windows], model.device)
    with _watched(model.layout.blocks) as (entering, calls):
        model.layout.decoder(
            input_ids=ids, attention_mask=None if mask.all() else mask.long(), use_cache=False
        )
    return Batch(windows, ids, mask, calls), entering


def scored_tokens(batch: Batch) -> Tensor:
    """Return which tokens belong to an answer, or to a text without one, (B, T) bool."""
    if all(window.scored is None for window in batch.windows):
        return batch.mask
    width = batch.mask.shape[1]
    rows = [
        [*(window.scored or [True] * len(window.ids)), *[False] * (width - len(window.ids))]
        for window in batch.windows
    ]
    return torch.tensor(rows, device=batch.mask.device)


@contextmanager
def _watched(
    blocks: list[nn.Module],
) -> Iterator[tuple[list[Tensor], list[dict[str, object]]]]:
    entering: list[Tensor] = []
    calls: list[dict[str, object]] = []

    names = list(signature(blocks[0].forward).parameters)

    def before(_: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        call = dict(zip(names, args, strict=False)) | kwargs
        state = call.pop("hidden_states")
        assert isinstance(state, Tensor)
        entering.append(state)
        calls.append(call)

    def after(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
        entering.append(output_of(output))

    handles = [block.register_forward_pre_hook(before, with_kwargs=True) for block in blocks]
    handles.append(blocks[-1].register_forward_hook(after))
    try:
        yield entering, calls
    finally:
        for handle in handles:
            handle.remove()


def output_of(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Return the state among what a block of any family gives."""
    return output if isinstance(output, Tensor) else output[0]


def _check_finite(chain: Chain) -> None:
    for states in chain.states:
        if torch.isfinite(states[-1].sum()):
            continue
        for index, state in enumerate(states):
            if not torch.isfinite(state).all():
                raise NonFiniteStatesError(
                    f"state {index} holds NaN or infinity"
                    + (f": block {index - 1} produced it" if index else ": the embedding did"),
                    next_step="Check the weights; in float16 activations overflow: use bfloat16.",
                    state=index,
                )
