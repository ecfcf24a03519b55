"""Where the states of a text come from: a model in memory, or one that streams through it.

A study asks for batches of tokens with all their states. It does not know whether one forward
pass made them, or whether they were read from a file that block after block has filled.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from linearity.measure.windows import Window

Batches = Sequence[Sequence[Window]]


@dataclass(frozen=True)
class StateBatch:
    """Some windows with every state of every token, in their order.

    Parameters
    ----------
    windows : sequence of Window
    states : (n, S, d) Tensor
        In the model's type, on the device; S = L + 1, or 2 L + 1 by sublayers.
    heldout : (k, S, d) Tensor
        Those of the tokens that `counted_heldout` names, which the study keeps. On the device, or
        mapped from a file: then on the CPU, in the model's type, and to be taken piece by piece.
    """

    windows: Sequence[Window]
    states: Tensor
    heldout: Tensor


class StateSource(Protocol):
    """Gives the states of windows, batch by batch."""

    def stream(
        self, batches: Batches, *, ahead: Callable[[int, int], None]
    ) -> Iterator[StateBatch]:
        """Yield every batch with its states.

        Parameters
        ----------
        batches : sequence of sequences of Window
        ahead : callable
            Hears how many of how many tokens have been through how many blocks, where that
            happens before the first batch can be given; may raise to stop.
        """


@runtime_checkable
class FinerSource(StateSource, Protocol):
    """A source that can also give the states between attention and MLP."""

    def by_sublayers(self) -> StateSource:
        """Return the same with the states between attention and MLP among the others."""


def counted_heldout(windows: Sequence[Window]) -> Tensor:
    """Return which tokens are held out and scored, (n,) bool."""
    return torch.cat([scored(window) & (window.role == "heldout") for window in windows])


def scored(window: Window) -> Tensor:
    """Return which tokens of a window are scored, (n,) bool."""
    if window.scored is None:
        return torch.ones(len(window.ids), dtype=torch.bool)
    return torch.tensor(window.scored)
