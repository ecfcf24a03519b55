"""States of a model that need not fit: one block in memory at a time, all text through it.

The states lie in a file, state after state; the first is what the embedding writes. Block l reads
state l of every batch and writes state l + 1, and its weights go before those of the next come.
What the decoder tells its blocks beside the state (masks, rotations, positions) it tells here as
well: its own forward runs up to the block that is wanted, past blocks that compute nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Protocol

import torch
from torch import Tensor, nn

from linearity.contracts.granularity import BLOCK, SUBLAYER, transitions
from linearity.errors import OutOfDeviceMemoryError
from linearity.measure.windows import Window
from linearity.models.families import Layout
from linearity.models.source import Batches, StateBatch, counted_heldout
from linearity.models.states import check_finite, padded
from linearity.models.transfers import Transfers

Check = Callable[[], None]
Call = dict[str, object]


class Weights(Protocol):
    """Brings weights of a network to its device, and takes them away."""

    def read(self, names: Collection[str]) -> dict[str, Tensor]:
        """Return the numbers of the parameters of these names, in memory of the host."""

    def fill(self, numbers: Mapping[str, Tensor], check: Check) -> None:
        """Give parameters their numbers on the device; `check` may raise to stop."""

    def empty(self, names: Collection[str]) -> None:
        """Take the numbers of these parameters out of memory."""


class Room(Protocol):
    """Where tensors lie that are too large for memory."""

    def take(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return a tensor on the CPU whose numbers are in a file, gone when nobody holds it."""


@dataclass(frozen=True)
class _Place:
    """Where the tokens of a batch lie in the file.

    Parameters
    ----------
    windows : sequence of Window
    start, stop : int
    order : (n,) int64
        Which token of the batch lies where: those first that the study keeps, so that they can
        be handed out without a copy.
    kept : int
        How many those are.
    """

    windows: Sequence[Window]
    start: int
    stop: int
    order: Tensor
    kept: int

    @classmethod
    def behind(cls, start: int, windows: Sequence[Window]) -> "_Place":
        heldout = counted_heldout(windows)
        order = torch.argsort(~heldout, stable=True)
        return cls(windows, start, start + len(heldout), order, int(heldout.sum()))


class StreamedStates:
    """Meets `StateSource` for a network whose weights are not in memory.

    Parameters
    ----------
    network : nn.Module
        The whole causal language model; its parameters without numbers, its buffers on `device`.
    layout : Layout
    device : torch.device
    weights : Weights
    room : Room
    sublayers : bool
        Whether the state between attention and MLP of every block is a state, too.
    """

    def __init__(  # what a stream is made of
        self,
        network: nn.Module,
        layout: Layout,
        device: torch.device,
        weights: Weights,
        room: Room,
        *,
        sublayers: bool = False,
    ) -> None:
        self._network, self._sublayers = network, sublayers
        self._layout, self._device, self._weights, self._room = layout, device, weights, room
        self._names = _Names.of(network, layout)
        self._batches: list[list[Window]] = []
        self._file: Tensor | None = None

    def by_sublayers(self) -> "StreamedStates":
        """Return the same with the states between attention and MLP among the others."""
        return StreamedStates(
            self._network, self._layout, self._device, self._weights, self._room, sublayers=True
        )

    @property
    def _granularity(self) -> str:
        return SUBLAYER if self._sublayers else BLOCK

    def stream(
        self, batches: Batches, *, ahead: Callable[[int, int], None]
    ) -> Iterator[StateBatch]:
        """Yield every batch, after all of them have been through all blocks.

        Asked again for the same batches, it reads what is there.

        Raises
        ------
        NonFiniteStatesError
            Naming the first state that holds NaN or infinity.
        OutOfDeviceMemoryError
            If even a single window does not fit beside one block.
        """
        places = _places(batches)
        wanted = [list(windows) for windows in batches]
        if self._file is None or self._batches != wanted:
            self._file = None  # the disk need not hold both
            self._file = self._filled(places, ahead)
            self._batches = wanted
        file = self._file
        with Transfers(self._device) as transfers:

            def fetch(place: _Place) -> Tensor:
                return transfers.host(file[:, place.start : place.stop])

            for place, rows in transfers.ahead(places, fetch):
                kept = _kept(file[:, place.start : place.stop], place)
                yield StateBatch(place.windows, self._gathered(rows, place, transfers), kept)

    def _gathered(self, rows: Tensor, place: _Place, transfers: Transfers) -> Tensor:
        """Return (S, n, d) rows of the file as (n, S, d) on the device, in the batch's order."""
        S, n, d = rows.shape
        states = torch.empty((n, S, d), dtype=rows.dtype, device=self._device)
        order = place.order.to(self._device)
        for state in range(S):
            states[order, state] = transfers.device(rows[state])
        return states

    @torch.inference_mode()
    def _filled(self, places: list[_Place], ahead: Callable[[int, int], None]) -> Tensor:
        tokens, blocks = places[-1].stop, len(self._layout.blocks)
        done = 0

        def check() -> None:
            ahead(done, tokens * blocks)

        def coming(index: int) -> dict[str, Tensor]:
            return self._weights.read(self._names.blocks[index])

        self._weights.fill(self._weights.read(self._names.around), check)
        with Transfers(self._device) as transfers, Transfers(self._device) as reader:
            file = self._embedded(places, check, transfers)
            self._weights.empty(self._names.embedding)
            for index, numbers in reader.ahead(range(blocks), coming):
                self._weights.fill(numbers, check)
                before = transitions(index, self._granularity)

                def fetch(place: _Place, state: int = before) -> Tensor:
                    return transfers.host(file[state, place.start : place.stop])

                for place, rows in transfers.ahead(places, fetch):
                    entering = _in_order(transfers.device(rows), place)
                    made = self._through(index, place.windows, entering)
                    for state, left in enumerate(made, before + 1):
                        self._write(file, state, place, left, transfers)
                    done += len(place.order)
                    check()
                self._weights.empty(self._names.blocks[index])
        self._weights.empty(self._names.around)
        return file

    def _embedded(self, places: list[_Place], check: Check, transfers: Transfers) -> Tensor:
        """Return the file with the first state of every token."""
        file: Tensor | None = None
        for place in places:
            rows = self._through(None, place.windows, None)[0]
            if file is None:
                states = transitions(len(self._layout.blocks), self._granularity) + 1
                file = self._room.take((states, places[-1].stop, rows.shape[1]), rows.dtype)
            self._write(file, 0, place, rows, transfers)
            check()
        assert file is not None
        return file

    def _through(
        self, index: int | None, windows: Sequence[Window], entering: Tensor | None
    ) -> Tensor:
        """Return what a block makes of a state, or what enters the first one (`index` None).

        (k, n, d): k is 2 where there is a state between attention and MLP, else 1.
        """
        try:
            return self._forward(index, windows, entering)
        except torch.OutOfMemoryError as error:
            if len(windows) == 1:
                raise OutOfDeviceMemoryError(
                    f"one window of {len(windows[0].ids):,} tokens does not fit on {self._device} "
                    "beside one block",
                    next_step="Use a smaller context, or a device with more memory.",
                    device=str(self._device),
                ) from error
        torch.cuda.empty_cache()
        half = len(windows) // 2
        cut = sum(len(window.ids) for window in windows[:half])
        parts = (None, None) if entering is None else (entering[:cut], entering[cut:])
        return torch.cat(
            [
                self._through(index, windows[:half], parts[0]),
                self._through(index, windows[half:], parts[1]),
            ],
            dim=1,
        )

    def _forward(
        self, index: int | None, windows: Sequence[Window], entering: Tensor | None
    ) -> Tensor:
        ids, mask = padded([window.ids for window in windows], self._device)
        attended = None if mask.all() else mask.long()
        if index is None or entering is None:
            state, _ = _reached(self._layout, 0, input_ids=ids, attention_mask=attended)
            return state[mask][None]
        # The embedding is gone; of what stands for it only type and shape matter.
        nothing = entering.new_zeros(()).expand(*ids.shape, entering.shape[1])
        _, call = _reached(self._layout, index, inputs_embeds=nothing, attention_mask=attended)
        state = entering.new_zeros((*ids.shape, entering.shape[1]))
        state[mask] = entering
        with self._between(index) as made:
            output = self._layout.blocks[index](state, **call)
        made.append(output if isinstance(output, Tensor) else output[0])
        return torch.stack([each.view(state.shape)[mask] for each in made])

    @contextmanager
    def _between(self, index: int) -> Iterator[list[Tensor]]:
        """Yield a list that the block fills with its state between attention and MLP, if wanted."""
        made: list[Tensor] = []

        def reading(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            made.append(args[0])

        handles = []
        if self._sublayers:
            handles.append(self._layout.between[index].register_forward_pre_hook(reading))
        try:
            yield made
        finally:
            for handle in handles:
                handle.remove()

    def _write(
        self, file: Tensor, state: int, place: _Place, rows: Tensor, transfers: Transfers
    ) -> None:
        check_finite(rows[:, None], first=state, granularity=self._granularity)
        ordered = rows[place.order.to(rows.device)]
        transfers.write(ordered, file[state, place.start : place.stop])


@dataclass(frozen=True)
class _Names:
    """The parameters of the decoder: of each block, around them, and of the embedding alone."""

    blocks: list[list[str]]
    around: list[str]
    embedding: list[str]

    @classmethod
    def of(cls, network: nn.Module, layout: Layout) -> "_Names":
        family = layout.family
        names = [n for n, _ in network.named_parameters() if n.startswith(f"{family.decoder}.")]
        before = f"{family.decoder}.{family.blocks}."
        blocks: list[list[str]] = [[] for _ in layout.blocks]
        around = []
        for name in names:
            if name.startswith(before):
                blocks[int(name.removeprefix(before).partition(".")[0])].append(name)
            else:
                around.append(name)
        embeds = {id(p) for p in network.get_input_embeddings().parameters()}  # type: ignore[operator]
        return cls(blocks, around, [n for n in around if id(network.get_parameter(n)) in embeds])


class _ReachedError(Exception):
    """The decoder has come to the block that was waited for."""

    def __init__(self, state: Tensor, call: Call) -> None:
        super().__init__()
        self.state, self.call = state, call


def _reached(layout: Layout, index: int, **inputs: Tensor | None) -> tuple[Tensor, Call]:
    """Run the decoder up to a block, and return the state and the call that reach it there."""
    with _passing(layout, index):
        try:
            layout.decoder(**inputs, use_cache=False)
        except _ReachedError as reached:
            return reached.state, reached.call
    raise AssertionError("the decoder passed by its own block")


@contextmanager
def _passing(layout: Layout, index: int) -> Iterator[None]:
    """Let blocks before `index` give back the state untouched, and this one end the forward."""
    names = list(signature(layout.blocks[0].forward).parameters)

    def stand(own: int, *args: object, **kwargs: object) -> Tensor | tuple[Tensor]:
        call = dict(zip(names, args, strict=False)) | kwargs
        state = call.pop("hidden_states")
        assert isinstance(state, Tensor)
        if own == index:
            raise _ReachedError(state, call)
        return (state,) if layout.family.has_tuples else state

    standing = layout.blocks[: index + 1]
    for own, block in enumerate(standing):
        block.forward = partial(stand, own)
    try:
        yield
    finally:
        for block in standing:
            del block.forward  # the class's own comes to light again


def _places(batches: Batches) -> list[_Place]:
    places: list[_Place] = []
    for windows in batches:
        places.append(_Place.behind(places[-1].stop if places else 0, windows))
    return places


def _kept(rows: Tensor, place: _Place) -> Tensor:
    return rows[:, : place.kept].movedim(0, 1)


def _in_order(rows: Tensor, place: _Place) -> Tensor:
    ordered = torch.empty_like(rows)
    ordered[place.order.to(rows.device)] = rows
    return ordered
