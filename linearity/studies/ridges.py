"""How much maps are shrunk: as given, or as the validation tokens choose."""

from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.contracts.linearity import RIDGE_WITHOUT_VALIDATION, RIDGES
from linearity.measure.maps import (
    Regression,
    choose_ridges,
)
from linearity.measure.moments import Band
from linearity.measure.solved import choose_by_solving
from linearity.studies.sides import Fit


@dataclass(frozen=True)
class RidgeRule:
    """How much a map is shrunk.

    Parameters
    ----------
    fixed : float or None
        One ridge for all pairs; None chooses from `RIDGES` on the validation tokens.
    known : (S, S) Tensor or None
        Ridges chosen before, used instead of choosing again.
    scales : (S,) Tensor or None
        ``trace(C_ii) / d`` that ridges are relative to, when not the split's own.
    """

    fixed: float | None
    known: Tensor | None = None
    scales: Tensor | None = None


def decomposed(known: Regression | None, band: Band) -> Regression:
    """Regress on the state of `band`, by its decomposition where that is known already."""
    return Regression.of(band) if known is None else known.onto(band)


def given_ridges(fit: Fit, i: int, later: range, rule: RidgeRule) -> Tensor | None:
    """Return ridges that need no choice, (m,) float64."""
    device = fit.whole.sums.device
    if rule.known is not None:
        return rule.known[i, later.start : later.stop].to(device)
    fixed = rule.fixed
    if fixed is None and (fit.validation.n == 0 or fit.train.n == 0):
        fixed = RIDGE_WITHOUT_VALIDATION
    if fixed is None:
        return None
    return torch.full((len(later),), fixed, dtype=torch.float64, device=device)


def chosen_ridges(
    fit: Fit, i: int, later: range, reach: int, known: Regression | None
) -> tuple[Regression, Tensor]:
    """Return the decomposition that ridges were tried with, for other states too, and ridges."""
    train, validation, spread = _trial(fit, i, later, reach)
    regression = decomposed(known, train)
    grid = torch.tensor(RIDGES, dtype=torch.float64, device=spread.device)
    return regression, grid[choose_ridges(regression, validation, spread, grid)]


def solved_ridges(fit: Fit, i: int) -> Tensor:
    """Return the ridge from state i to i + 1, (1,) float64, as `chosen_ridges` chooses it."""
    train, validation, spread = _trial(fit, i, range(i + 1, i + 2), 1)
    grid = torch.tensor(RIDGES, dtype=torch.float64, device=spread.device)
    chosen = choose_by_solving(train, validation, spread, grid)
    if chosen is None:
        chosen = choose_ridges(Regression.of(train), validation, spread, grid)
    return grid[chosen.to(grid.device)]


def _trial(fit: Fit, i: int, later: range, reach: int) -> tuple[Band, Band, Tensor]:
    """Return what ridges are fitted on, tried on, and the spread of updates without any map."""
    about = fit.train.means
    train = Band.of(fit.train, i, reach=reach, later=later)
    validation = Band.of(fit.validation, i, reach=reach, later=later, centres=about)
    variation = fit.validation.variation(about)
    spread = variation[list(later)] - 2.0 * validation.traces[1:] + variation[i]
    return train, validation, spread
