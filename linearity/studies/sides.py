"""The two sides of the split, as the pass over the text left them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from linearity.contracts.granularity import BLOCK
from linearity.contracts.linearity import TOKEN_CLASSES
from linearity.measure.maps import (
    Maps,
)
from linearity.measure.moments import Split, accumulation_dtype
from linearity.measure.tokens import TokenTable
from linearity.studies.collect import Collected


@dataclass(frozen=True)
class Heldout:
    """Held-out tokens that count, and their spread.

    Parameters
    ----------
    states : list of (n, S, d) Tensor
    included : list of (n,) bool
        Which of them count, on the device.
    documents : (n_included,) int64
        Numbered from 0 without gaps.
    means : (S, d) float64
    gram : (S, S) float64
        ``sum_t <x_ti - mean_i, x_tj - mean_j>``.
    classes : (n,) int64 or None
        Class of every token, also of those that do not count; None where nobody asks.
    """

    states: list[Tensor]
    included: list[Tensor]
    documents: Tensor
    means: Tensor
    gram: Tensor
    classes: Tensor | None = None

    @classmethod
    def of(
        cls,
        collected: Collected,
        table: TokenTable,
        included: Tensor,
        classes: Tensor | None = None,
    ) -> "Heldout":
        """Gather the held-out tokens of the pass that `included` (N,) lets count.

        `classes` (N,) are those of all tokens of the pass.
        """
        side = table.heldout & table.scored
        chosen = included[side]
        sizes = [len(states) for states in collected.heldout]
        device = collected.cosine_sum.device
        masks = [mask.to(device) for mask in torch.split(chosen, sizes)]
        n = max(int(chosen.sum()), 1)
        sums = sum(states.sum(0) for states in _doubles(collected.heldout, masks, device))
        assert isinstance(sums, Tensor)
        means = sums / n
        gram = torch.zeros((len(means), len(means)), dtype=torch.float64, device=device)
        for states in _doubles(collected.heldout, masks, device):
            centred = (states - means).movedim(1, 0).flatten(1)
            gram.addmm_(centred, centred.T)
        documents = torch.unique(table.document[side][chosen], return_inverse=True)[1]
        of_side = None if classes is None else classes[side].to(device)
        return cls(collected.heldout, masks, documents.to(device), means, gram, of_side)

    def evenly(self, most: int) -> Tensor:
        """Return all states of at most `most` tokens that count, evenly spaced, (k, S, d)."""
        step = -(-self.tokens // most)
        taken, seen = [], 0
        for states, mask in zip(self.states, self.included, strict=True):
            rows = mask.nonzero().squeeze(1).to(states.device)
            taken.append(states[rows[-seen % step :: step]].to(self.means.device))  # only these
            seen += len(rows)
        return torch.cat(taken).to(accumulation_dtype(self.means.shape[-1]))

    @property
    def tokens(self) -> int:
        """Number of held-out tokens that count."""
        return len(self.documents)

    def spread(self, state: int) -> Tensor:
        """Return the mean of ``||y - mean||^2`` over the tokens that count, () float64."""
        return self.gram[state, state] / self.tokens

    def errors(self, maps: Maps, i: int, later: range) -> Tensor:
        """Return the squared residuals of the maps from state i, (n_included, m)."""
        return self._errors(maps, i, later, self.included)

    def _errors(self, maps: Maps, i: int, later: range, masks: list[Tensor]) -> Tensor:
        dtype = accumulation_dtype(self.means.shape[-1])
        predictor, device = maps.predictor(dtype), self.means.device
        return torch.cat(
            [
                predictor.squared_errors(
                    _picked(states[:, i], mask, device),
                    _picked(states[:, later.start : later.stop], mask, device),
                )
                for states, mask in zip(self.states, masks, strict=True)
            ]
        )

    def class_errors(self, maps: Maps, i: int, errors: Tensor) -> Tensor:
        """Add up squared residuals from state i to i + 1 by class, (C,).

        Parameters
        ----------
        maps : Maps
            From state i to i + 1, and perhaps to later states.
        errors : (n_included,) float64
            Those of the tokens that count; the others' are computed.
        """
        assert self.classes is not None
        included = torch.cat(self.included)
        every = errors.new_empty(len(included))
        every[included] = errors
        others = [~mask for mask in self.included]
        every[~included] = self._errors(maps.nearest(), i, range(i + 1, i + 2), others)[:, 0]
        return every.new_zeros(len(TOKEN_CLASSES)).index_add_(0, self.classes, every)

    def pair(self, i: int) -> Tensor:
        """Return states i and i + 1 of every token that counts, centred, (n_included, 2, d)."""
        centre = self.means[i : i + 2]
        return torch.cat(
            [
                _picked(states[:, i : i + 2], mask, centre.device).double() - centre
                for states, mask in zip(self.states, self.included, strict=True)
            ]
        )


def _doubles(parts: list[Tensor], masks: list[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Yield the rows of every part that its mask lets count, in float64 on a device."""
    for states, mask in zip(parts, masks, strict=True):
        yield _picked(states, mask, device).double()


def _picked(states: Tensor, mask: Tensor, device: torch.device) -> Tensor:
    """Return the rows that a mask chooses, on a device.

    Mapped states are brought there whole unless few of them are wanted: to pick rows out of a file
    costs more than to copy the others as well.
    """
    if states.device == device or 2 * int(mask.sum()) > len(mask):
        return states.to(device)[mask]
    return states[mask.to(states.device)].to(device)


@dataclass(frozen=True)
class Fit:
    """The fit tokens that count, whole and divided for the choice of the ridge.

    `granularity` says how errors name the states.
    """

    whole: Split
    train: Split
    validation: Split
    granularity: str = field(default=BLOCK, kw_only=True)

    @classmethod
    def of(cls, collected: Collected, included: Tensor, granularity: str = BLOCK) -> "Fit":
        """Gather the fit tokens of the pass that `included` (N,) lets count."""
        return cls(
            collected.split(("train", "validation"), included),
            collected.split(("train",), included),
            collected.split(("validation",), included),
            granularity=granularity,
        )
