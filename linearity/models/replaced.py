"""Other weights in the place of some of a block's own, for as long as it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def replaced(block: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Run a block with other weights.

    Parameters
    ----------
    block : nn.Module
    weights : mapping of str to Tensor
        By the names of the block's parameters; of their shapes.
    """
    places = [(block.get_submodule(path), leaf) for path, leaf in map(_split, weights)]
    before = [getattr(module, leaf) for module, leaf in places]
    for (module, leaf), weight in zip(places, weights.values(), strict=True):
        setattr(module, leaf, nn.Parameter(weight, requires_grad=False))
    try:
        yield
    finally:
        for (module, leaf), weight in zip(places, before, strict=True):
            setattr(module, leaf, weight)


def _split(name: str) -> tuple[str, str]:
    path, _, leaf = name.rpartition(".")
    return path, leaf
