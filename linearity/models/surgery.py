"""Change a model in place, with its cache and `generate` working, and undo it again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linearity.errors import InvalidPlanError
from linearity.models.cache_places import cache_places
from linearity.models.changes import Changes, LinearBlock, Segment
from linearity.models.down import merged
from linearity.models.families import Layout
from linearity.models.loaded import LoadedModel
from linearity.models.replaced import replaced


@contextmanager
def carried_out(model: LoadedModel, changes: Changes) -> Iterator[nn.Module]:
    """Yield the network with `changes` made; afterwards it is the dense one again.

    Blocks that run are numbered anew, because the cache has one place a block and finds it by
    that number; places of linear blocks stay empty.

    Parameters
    ----------
    model : LoadedModel
    changes : Changes
        Segments that cover all blocks in order.

    Raises
    ------
    InvalidPlanError
        If no block is left: the cache counts tokens in the first one.
    """
    layout = model.layout
    running = [segment.block for segment in changes if segment.block is not None]
    if not running:
        raise InvalidPlanError("no block is left to run", next_step="Keep at least one block.")
    order = [s.block for s in changes if s.block is not None or s.linear is not None]
    places = cache_places(order, _kinds(layout.decoder))
    with ExitStack() as undo:
        for segment in changes:
            if segment.block is not None and segment.down is not None:
                undo.enter_context(
                    merged(layout.blocks[segment.block], segment.down, layout.family)
                )
            if segment.block is not None and segment.weights is not None:
                undo.enter_context(replaced(layout.blocks[segment.block], segment.weights))
        seen = undo.enter_context(_positions_seen(layout))
        layers = nn.ModuleList(
            layer for s in changes if (layer := _layer(s, layout, seen)) is not None
        )
        undo.enter_context(_numbered(layout.blocks, places.numbers))
        undo.enter_context(_installed(layout, layers, places.kinds))
        yield model.network


@dataclass
class _Seen:
    """The positions of the tokens that are passing through the decoder."""

    positions: Tensor | None = field(default=None)


class _Standing(nn.Module):
    """A linear block, called and answering as the blocks of its family are."""

    def __init__(self, linear: LinearBlock, seen: _Seen, layout: Layout) -> None:
        super().__init__()
        self.linear, self._seen, self._family = linear, seen, layout.family

    def forward(self, hidden_states: Tensor, *_: object, **call: object) -> object:
        positions = call.get("position_ids") if self._family.has_positions else self._seen.positions
        assert positions is None or isinstance(positions, Tensor)
        output = self.linear(hidden_states, position_ids=positions)
        return (output, None) if self._family.has_tuples else output


def _layer(segment: Segment, layout: Layout, seen: _Seen) -> nn.Module | None:
    if segment.block is not None:
        return layout.blocks[segment.block]
    return None if segment.linear is None else _Standing(segment.linear, seen, layout)


@contextmanager
def _positions_seen(layout: Layout) -> Iterator[_Seen]:
    """Yield where the decoder's positions are noted, for families that do not pass them on."""
    seen = _Seen()
    if layout.family.has_positions:
        yield seen
        return

    def note(_: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        ids = args[0] if args else kwargs["input_ids"]
        assert isinstance(ids, Tensor)
        mask = kwargs.get("attention_mask")
        if isinstance(mask, Tensor):
            seen.positions = (mask.long().cumsum(1) - 1)[:, -ids.shape[1] :]
            return
        cache = kwargs.get("past_key_values")
        before = 0 if cache is None else cache.get_seq_length()  # type: ignore[attr-defined]
        seen.positions = before + torch.arange(ids.shape[1], device=ids.device)[None]

    handle = layout.decoder.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def _kinds(decoder: nn.Module) -> list[str] | None:
    kinds = getattr(decoder.config, "layer_types", None)
    return None if kinds is None else list(kinds)


@contextmanager
def _numbered(blocks: list[nn.Module], numbers: dict[int, int]) -> Iterator[None]:
    numbered = [
        (module, number)
        for block, number in numbers.items()
        for module in blocks[block].modules()
        if hasattr(module, "layer_idx")
    ]
    before = [getattr(module, "layer_idx") for module, _ in numbered]  # noqa: B009  # untyped
    for module, number in numbered:
        setattr(module, "layer_idx", number)  # noqa: B010
    try:
        yield
    finally:
        for (module, _), number in zip(numbered, before, strict=True):
            setattr(module, "layer_idx", number)  # noqa: B010


@contextmanager
def _installed(layout: Layout, layers: nn.ModuleList, kinds: list[str] | None) -> Iterator[None]:
    decoder, name = layout.decoder, layout.family.blocks
    config = decoder.config
    dense, count = getattr(decoder, name), config.num_hidden_layers  # type: ignore[union-attr]
    dense_kinds = _kinds(decoder)
    setattr(decoder, name, layers)
    config.num_hidden_layers = len(layers)  # type: ignore[union-attr]  # a transformers config
    if kinds is not None:
        config.layer_types = kinds  # type: ignore[union-attr]
    try:
        yield
    finally:
        setattr(decoder, name, dense)
        config.num_hidden_layers = count  # type: ignore[union-attr]
        if kinds is not None:
            config.layer_types = dense_kinds  # type: ignore[union-attr]
