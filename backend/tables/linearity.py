"""The table and the arrays of a `linearity` result."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backend.export_labels import COLUMNS, MATRICES, STATE_METRICS, VECTORS, WORDS
from backend.tables.table import Result, Row, Table

_INTERVALS = {
    "r2_heldout": "r2_heldout_ci95",
    "update_r2_heldout": "update_r2_heldout_ci95",
}
PARTS = ("pairs", "profile", "kept")


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table, in the order of `COLUMNS`."""
    states = result["states"]
    yield from _pair_rows(result["pairs"] or {}, states)
    for table in ("profile", "kept"):
        yield from _profile_rows(table, result[table] or {}, states)


TABLE = Table(columns=COLUMNS, rows=rows, words=WORDS)


def arrays(result: Result) -> dict[str, np.ndarray[Any, Any]]:
    """Return every matrix and vector as float64, null as NaN."""
    return {
        f"{table}_{metric}": _array(metric, values)
        for table in PARTS
        for metric, values in (result[table] or {}).items()
        if values is not None
    }


def _pair_rows(pairs: Result, states: Sequence[str]) -> Iterator[Row]:
    for metric in MATRICES:
        for i, line in enumerate(pairs.get(metric) or []):
            for j in range(i + 1, len(states)):
                yield ("pairs", states[i], states[j], None, metric, line[j], None, None)


def _profile_rows(table: str, profile: Result, states: Sequence[str]) -> Iterator[Row]:
    for metric in VECTORS:
        intervals = profile.get(_INTERVALS.get(metric, ""))
        for block, value in enumerate(profile.get(metric) or []):
            low, high = (intervals[block] if intervals else None) or (None, None)
            yield (table, states[block], states[block + 1], block, metric, value, low, high)
    for metric in STATE_METRICS:
        for state, value in enumerate(profile.get(metric) or []):
            yield (table, states[state], None, None, metric, value, None, None)


def _array(metric: str, values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if metric.endswith("_ci95"):
        values = [(None, None) if interval is None else interval for interval in values]
    return np.array(values, dtype=np.float64)
