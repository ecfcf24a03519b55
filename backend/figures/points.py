"""Result to points: the numbers a figure shows, before anything is drawn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = list[float | None]

PAIR_FIELDS = {
    ("stream", "heldout"): "r2_heldout",
    ("stream", "adjusted"): "r2_adjusted",
    ("stream", "fit"): "r2_fit",
    ("update", "heldout"): "update_r2_heldout",
    ("update", "adjusted"): "update_r2_adjusted",
    ("update", "fit"): "update_r2_fit",
    ("angular", "heldout"): "angular",
    ("cosine", "heldout"): "cosine",
    ("cka", "heldout"): "cka",
}

LOWEST_REMAINDER = 1e-6
"""``1 - score`` is cut off here: below it, a score says "one, up to rounding"."""


@dataclass(frozen=True)
class PairPoints:
    """Scores of pairs (i, j): rows are from-states 0..L-1, columns are to-states 1..L."""

    from_states: list[int]
    to_states: list[int]
    scores: list[Row]
    split: str = "heldout"

    def missing(self) -> list[tuple[int, int]]:
        """Return the pairs above the diagonal that have no score."""
        return [
            (start, end)
            for start, row in zip(self.from_states, self.scores, strict=True)
            for end, score in zip(self.to_states, row, strict=True)
            if end > start and score is None
        ]

    def values(self) -> list[float]:
        """Return every score that is there."""
        return [score for row in self.scores for score in row if score is not None]


@dataclass(frozen=True)
class Series:
    """One line of a profile, block 0 first."""

    values: Row
    low: Row
    high: Row


def pair_points(result: Mapping[str, Any], *, score: str, split: str) -> PairPoints:
    """Return the upper triangle of one score; neighbours that it lacks come from the profile.

    A result that has no number of this split, but of another one, gives that one.
    """
    blocks = len(result["states"]) - 1
    split = _nearest_split(result, score, split)
    field = PAIR_FIELDS[score, split]
    matrix = (result.get("pairs") or {}).get(field)
    rows: list[Row] = [
        [matrix[i][j] if matrix and j > i else None for j in range(1, blocks + 1)]
        for i in range(blocks)
    ]
    for block, score_of_block in enumerate(_profile_row(result, field, blocks)):
        if rows[block][block] is None:
            rows[block][block] = score_of_block
    return PairPoints([*range(blocks)], [*range(1, blocks + 1)], rows, split)


def _nearest_split(result: Mapping[str, Any], score: str, split: str) -> str:
    """Return `split`, or the last that has numbers where it has none: in sample at worst."""
    known = [one for of, one in PAIR_FIELDS if of == score]
    there = [one for one in known if _is_there(result, PAIR_FIELDS[score, one])]
    return split if split in there or not there else there[-1]


def _is_there(result: Mapping[str, Any], field: str) -> bool:
    if result.get("pairs"):
        rows = result["pairs"].get(field) or []
        return any(value is not None for row in rows for value in row)
    return any(value is not None for value in (result.get("profile") or {}).get(field) or [])


def remainders(points: PairPoints) -> list[Row]:
    """Return log10(1 - score), cut off at `LOWEST_REMAINDER`."""
    return [
        [None if score is None else math.log10(max(1 - score, LOWEST_REMAINDER)) for score in row]
        for row in points.scores
    ]


def series(profile: Mapping[str, Any] | None, field: str, *, blocks: int) -> Series:
    """Return one line with its interval; all None while the field is not there yet."""
    found = profile or {}
    values: Row = found.get(field) or [None] * blocks
    intervals: list[Sequence[float] | None] = found.get(f"{field}_ci95") or [None] * blocks
    return Series(
        values=[*values],
        low=[None if interval is None else interval[0] for interval in intervals],
        high=[None if interval is None else interval[1] for interval in intervals],
    )


def score_range(values: Sequence[float], *, step: float = 0.1) -> tuple[float, float]:
    """Return round limits around R² values: never above 1, never below 0, not by one outlier."""
    if not values:
        return 0.0, 1.0
    ordered = sorted(values)
    low = ordered[len(ordered) // 50]
    return (
        min(max(0.0, math.floor(low / step) * step), 1 - step),
        min(1.0, max(step, math.ceil(ordered[-1] / step - 1e-9) * step)),
    )


def _profile_row(result: Mapping[str, Any], field: str, blocks: int) -> Row:
    profile = result.get("profile") or {}
    if field == "cosine":
        influence = profile.get("block_influence") or [None] * blocks
        return [None if value is None else 1 - value for value in influence]
    return [*(profile.get(field) or [None] * blocks)]
