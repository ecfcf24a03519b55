"""The weights of a changed model under the names that files give them, one after the other.

Nothing is copied: a weight is a view of the network's, or of a map's, until somebody writes it.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from linearity.contracts.families import Stacks
from linearity.models.changes import LinearBlock
from linearity.models.down import merged
from linearity.models.families import Layout
from linearity.models.loaded import LoadedModel
from linearity.models.replaced import replaced
from linearity.models.slicing import Entry

Weights = dict[str, Tensor]


@contextmanager
def changed_weights(model: LoadedModel, entries: Sequence[Entry]) -> Iterator[Weights]:
    """Yield every weight of the changed model by name, around the blocks first.

    Maps are in their down projections, and healed weights in their places, while the block lasts;
    afterwards the model is the dense one again.
    """
    layout = model.layout
    with ExitStack() as undo:
        for entry in entries:
            segment = entry.segment
            if segment.block is None:
                continue
            block = layout.blocks[segment.block]
            if segment.down is not None:
                undo.enter_context(merged(block, segment.down, layout.family))
            if segment.weights is not None:
                undo.enter_context(replaced(block, segment.weights))
        weights = _around(model.network, layout)
        for place, entry in enumerate(entries):
            weights |= _entry(layout, place, entry)
        yield _as_saved(weights, layout.family.stacks)


def weight_numbers(weights: Weights) -> tuple[int, int]:
    """Return how many numbers some weights hold, and in how many bytes."""
    numbers = sum(tensor.numel() for tensor in weights.values())
    return numbers, sum(tensor.numel() * tensor.element_size() for tensor in weights.values())


def _blocks_path(layout: Layout) -> str:
    return f"{layout.family.decoder}.{layout.family.blocks}"


def _around(network: nn.Module, layout: Layout) -> Weights:
    below = f"{_blocks_path(layout)}."
    return {name: t for name, t in _untied(network).items() if not name.startswith(below)}


def _untied(network: nn.Module) -> Weights:
    """Return a network's weights, those that are the same in memory only under their first name."""
    first: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    weights: Weights = {}
    for name, tensor in network.state_dict().items():
        memory = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if first.setdefault(memory, name) == name:
            weights[name] = tensor
    return weights


def _entry(layout: Layout, place: int, entry: Entry) -> Weights:
    at = f"{_blocks_path(layout)}.{place}"
    block, linear = entry.segment.block, entry.segment.linear
    if block is None:
        assert isinstance(linear, LinearBlock)
        parts = {"weight": linear.transposed, "bias": linear.bias, "first": linear.first}
        return {f"{at}.{name}": tensor for name, tensor in parts.items()}
    weights: Weights = layout.blocks[block].state_dict(prefix=f"{at}.")
    attention = getattr(layout.blocks[block], "attn", None)
    if getattr(attention, "scale_attn_by_inverse_layer_idx", False):
        weights |= _scaled_queries(weights, f"{at}.attn.c_attn", (place + 1) / (block + 1))
    return weights


def _scaled_queries(weights: Weights, name: str, factor: float) -> Weights:
    """Let queries make up for a scale that follows a block's number, which is another now."""
    scaled: Weights = {}
    for each in (f"{name}.weight", f"{name}.bias"):
        tensor = weights[each].clone()
        tensor[..., : tensor.shape[-1] // 3] *= factor
        scaled[each] = tensor
    return scaled


def _as_saved(weights: Weights, stacks: Stacks | None) -> Weights:
    """Return weights as published files hold them: experts one by one, not stacked."""
    if stacks is None:
        return weights
    saved: Weights = {}
    for name, tensor in weights.items():
        if not stacks.is_stack(name):
            saved[stacks.saved(name)] = tensor
            continue
        for expert, parts in zip(tensor, stacks.parts_of(name, len(tensor)), strict=True):
            saved |= dict(zip(parts, expert.chunk(len(parts)), strict=True))
    return saved
