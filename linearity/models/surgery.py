"""Change a model in place, with its cache and `generate` working, and undo it again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import nn

from linearity.errors import InvalidPlanError
from linearity.models.changes import Changes, Down, Segment
from linearity.models.families import down_projection
from linearity.models.loaded import LoadedModel


@contextmanager
def carried_out(model: LoadedModel, changes: Changes) -> Iterator[nn.Module]:
    """Yield the network with `changes` made; afterwards it is the dense one again.

    Blocks that run are numbered anew, because the cache has one place a block and finds it by
    that number; places of linear blocks stay empty at its end.

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
    blocks = model.layout.blocks
    running = [segment.block for segment in changes if segment.block is not None]
    if not running:
        raise InvalidPlanError("no block is left to run", next_step="Keep at least one block.")
    layers = nn.ModuleList(
        module for segment in changes if (module := _module(segment, blocks)) is not None
    )
    with ExitStack() as undo:
        for segment in changes:
            if segment.block is not None and segment.down is not None:
                undo.enter_context(merged(blocks[segment.block], segment.down))
        undo.enter_context(_numbered(blocks, running))
        undo.enter_context(_installed(model.layout.decoder, layers))
        yield model.network


@contextmanager
def merged(block: nn.Module, down: Down) -> Iterator[None]:
    """Run a block with another down projection."""
    projection = down_projection(block)
    weight, bias = projection.weight, projection.bias
    projection.weight = nn.Parameter(down.weight, requires_grad=False)
    if down.bias is not None:
        projection.bias = nn.Parameter(down.bias, requires_grad=False)
    try:
        yield
    finally:
        projection.weight, projection.bias = weight, bias


def _module(segment: Segment, blocks: list[nn.Module]) -> nn.Module | None:
    return segment.linear if segment.block is None else blocks[segment.block]


@contextmanager
def _numbered(blocks: list[nn.Module], running: list[int]) -> Iterator[None]:
    numbered = [
        (module, number)
        for number, block in enumerate(running)
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
def _installed(decoder: nn.Module, layers: nn.ModuleList) -> Iterator[None]:
    dense, config = decoder.layers, decoder.config
    count = config.num_hidden_layers  # type: ignore[union-attr]  # a transformers config
    decoder.layers = layers
    config.num_hidden_layers = len(layers)  # type: ignore[union-attr]
    try:
        yield
    finally:
        decoder.layers = dense
        config.num_hidden_layers = count  # type: ignore[union-attr]
