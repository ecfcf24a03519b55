"""The stretch of a value axis: plain, or in powers of ten."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backend.figures.theme import log_ticks

NARROWEST_DECADES = 0.7
DECADES_OF_DAMAGE = 4.0
"""Further below the largest damage than this, a damage is rounding and would stretch the axis."""


@dataclass(frozen=True)
class Extent:
    """Where a value axis begins and ends; powers of ten when logarithmic."""

    low: float
    high: float
    logarithmic: bool

    @property
    def floor(self) -> float:
        """The lowest value that has a place, a little above the very edge."""
        place = self.low + 0.02 * (self.high - self.low)
        return float(10**place) if self.logarithmic else place

    def shows(self, value: float | None) -> bool:
        """Tell whether a value has a place on the axis."""
        return value is not None and (
            not self.logarithmic or (value > 0 and math.log10(value) >= self.low)
        )

    def position(self, value: float) -> float:
        """Return where a value lies, in [0, 1]."""
        place = math.log10(max(value, 1e-300)) if self.logarithmic else value
        return min(1.0, max(0.0, (place - self.low) / (self.high - self.low)))

    def axis(self) -> dict[str, Any]:
        """Return range and ticks as Plotly wants them."""
        if not self.logarithmic:
            return {"range": [self.low, self.high]}
        ticks = log_ticks(self.low, self.high, at_most=8)
        return {
            "type": "log",
            "range": [self.low, self.high],
            "tickvals": ticks,
            "ticktext": [f"{tick:,.0f}" if tick >= 1000 else f"{tick:g}" for tick in ticks],
        }


def extent(
    values: Iterable[float | None],
    *,
    logarithmic: bool,
    share: bool = False,
    decades: float = DECADES_OF_DAMAGE,
) -> Extent:
    """Return limits with room around the values; shares end at 1.

    A logarithmic axis ends `decades` below its top.
    """
    there = [value for value in values if value is not None and math.isfinite(value)]
    if logarithmic:
        return _decades([value for value in there if value > 0], decades)
    if share:
        lowest = min(there, default=0.0)
        return Extent(max(0.0, math.floor(lowest * 20 - 0.5) / 20), 1.01, logarithmic=False)
    low, high = min(there, default=0.0), max(there, default=1.0)
    room = 0.05 * (high - low) or 0.5
    return Extent(low - room, high + room, logarithmic=False)


def _decades(positive: list[float], most: float) -> Extent:
    if not positive:
        return Extent(-2.0, 0.0, logarithmic=True)
    high = math.log10(max(positive)) + 0.1
    low = max(math.log10(min(positive)) - 0.1, high - most)
    return Extent(min(low, high - NARROWEST_DECADES), high, logarithmic=True)
