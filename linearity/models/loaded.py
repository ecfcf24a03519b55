"""A model in memory, ready to be measured."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from linearity.models.families import Layout


@dataclass(frozen=True)
class LoadedModel:
    """A network on a device, with the little of its tokenizer that a measurement needs.

    Parameters
    ----------
    layout : Layout
        The decoder and its blocks, in evaluation mode.
    width : int
        d.
    device : torch.device
    tokenize : callable
        Text to ids, without special tokens.
    bos : int or None
        Put before every window, where the tokenizer adds it by itself.
    """

    layout: Layout
    width: int
    device: torch.device
    tokenize: Callable[[str], list[int]]
    bos: int | None

    @property
    def states(self) -> int:
        """Number of states, L + 1."""
        return len(self.layout.blocks) + 1
