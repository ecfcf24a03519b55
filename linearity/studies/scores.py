"""The scores of a run as tensors, and whether they lie where their definitions allow."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from linearity.contracts.granularity import state_name, writer
from linearity.contracts.linearity import Vector
from linearity.errors import DegenerateStatesError, ScoreOutOfRangeError
from linearity.measure.error_spread import ErrorSpread

TOLERANCE = 1e-6
"""How far rounding may carry a score out of its range before it counts as wrong."""

Interval = tuple[float, float] | None


@dataclass
class Scores:
    """Scores of all ordered pairs within reach, as (S, S) float64 with ``nan`` elsewhere.

    Attributes
    ----------
    intervals, update_intervals : list of (low, high) or None, length L
        Of adjacent pairs only.
    class_errors : list of (C,) float64, length L
        Squared residuals of adjacent pairs, added up by class; empty where no classes are known.
    error_spreads : list of ErrorSpread, length L
        Of the errors of single tokens, relative to their mean spread; empty like `class_errors`.
    rotation_fit : list of float, length L
    rank, condition : list of float, length L
        Of the states that blocks read.
    anisotropy, effective_rank : list of float, length S
        Empty where spectra were not asked for.
    """

    r2_fit: Tensor
    r2_adjusted: Tensor
    r2_heldout: Tensor
    update_r2_fit: Tensor
    update_r2_adjusted: Tensor
    update_r2_heldout: Tensor
    ridge: Tensor
    intervals: list[Interval] = field(default_factory=list)
    update_intervals: list[Interval] = field(default_factory=list)
    class_errors: list[Tensor] = field(default_factory=list)
    error_spreads: list[ErrorSpread] = field(default_factory=list)
    rotation_fit: Vector = field(default_factory=list)
    anisotropy: Vector = field(default_factory=list)
    effective_rank: Vector = field(default_factory=list)
    rank: Vector = field(default_factory=list)
    condition: Vector = field(default_factory=list)

    @classmethod
    def empty(cls, states: int) -> "Scores":
        """Return scores of `states` states, none known yet."""

        def blank() -> Tensor:
            return torch.full((states, states), torch.nan, dtype=torch.float64)

        return cls(blank(), blank(), blank(), blank(), blank(), blank(), blank())


def check_variation(variation: Tensor, n: int, granularity: str) -> None:
    """Raise `DegenerateStatesError` if one of the states, (S,), has no variation."""
    flat = (variation <= 0.0).nonzero()
    if len(flat):
        state = int(flat[0])
        raise DegenerateStatesError(
            f"state {state_name(state, granularity)} is the same for all {n:,} tokens, so no "
            f"score is defined ({writer(state, granularity)} wrote it)",
            next_step="Check the weights there, and that the dataset is not one token.",
            state=state,
            tokens=n,
        )


def check_range(scores: Scores, granularity: str) -> None:
    """Raise `ScoreOutOfRangeError` for the first score outside its range, naming the block."""
    rotations = torch.full_like(scores.r2_fit, torch.nan)
    rotations.diagonal(offset=1)[: len(scores.rotation_fit)] = torch.tensor(
        scores.rotation_fit, dtype=torch.float64
    )
    lowest = {"rotation_fit": -TOLERANCE, "r2_fit": -TOLERANCE, "update_r2_fit": -TOLERANCE}
    unlimited = ("r2_adjusted", "update_r2_adjusted", "r2_heldout", "update_r2_heldout")
    for name, low in (lowest | dict.fromkeys(unlimited, -torch.inf)).items():
        values = rotations if name == "rotation_fit" else getattr(scores, name)
        _check(values, name, low=low, granularity=granularity)


def _check(values: Tensor, name: str, *, low: float, granularity: str) -> None:
    wrong = ((values < low) | (values > 1.0 + TOLERANCE)).nonzero()
    if len(wrong):
        i, j = (int(x) for x in wrong[0])
        raise ScoreOutOfRangeError(
            f"{name} from state {state_name(i, granularity)} to state "
            f"{state_name(j, granularity)} is {float(values[i, j]):.6f}, outside its range",
            next_step="Please report this: the numbers of this run cannot be trusted.",
            block=i,
            score=name,
        )
