"""The table and the arrays of a `linearity` result."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backend.export_labels import COLUMNS, MATRICES, STATE_METRICS, VECTORS, WORDS
from backend.tables.table import Result, Row, Table, ends, row_maker

_INTERVALS = {
    "r2_heldout": "r2_heldout_ci95",
    "update_r2_heldout": "update_r2_heldout_ci95",
}
_TABLES = ("pairs", "profile", "kept")
_SIZED = ("r2_heldout", "update_r2_heldout")
_QUANTILES = ("p50", "p95", "p99")
PARTS = (*_TABLES, "token_classes", "sample_sizes", "repeats", "token_errors")


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table, in the order of `COLUMNS`."""
    states = result["states"]
    yield from _pair_rows(result["pairs"] or {}, states)
    for table in ("profile", "kept"):
        yield from _profile_rows(table, result[table] or {}, states)
    yield from _class_rows(result.get("token_classes") or {}, states)
    sizes, repeats = result.get("sample_sizes") or {}, result.get("repeats") or {}
    yield from _profiles("sample_sizes", "seen_tokens", sizes.get("tokens"), sizes, states)
    yield from _profiles("repeats", "seed", repeats.get("seeds"), repeats, states)
    yield from _error_rows(result.get("token_errors") or {}, states)


TABLE = Table(columns=COLUMNS, rows=rows, words=WORDS, named=("table", "token_class", "metric"))

_row = row_maker(COLUMNS)


def arrays(result: Result) -> dict[str, np.ndarray[Any, Any]]:
    """Return every matrix and vector as float64, null as NaN; `names` tells the classes."""
    found = {
        f"{table}_{metric}": _array(metric, values)
        for table in _TABLES
        for metric, values in (result[table] or {}).items()
        if values is not None
    }
    for table, metrics in {
        "token_classes": ("tokens", "error"),
        "sample_sizes": ("tokens", *_SIZED),
        "repeats": ("seeds", *_SIZED),
        "token_errors": ("counts", *_QUANTILES, "edges"),
    }.items():
        for metric in metrics if result.get(table) else ():
            found[f"{table}_{metric}"] = _array(metric, result[table][metric])
    return found


def names(result: Result) -> dict[str, Any]:
    """Return what the last axis of the arrays of classes is, for ``meta``."""
    return {"token_classes": (result.get("token_classes") or {}).get("names")}


def _pair_rows(pairs: Result, states: Sequence[str]) -> Iterator[Row]:
    for metric in MATRICES:
        for i, line in enumerate(pairs.get(metric) or []):
            for j in range(i + 1, len(states)):
                yield _row(
                    table="pairs",
                    from_state=states[i],
                    to_state=states[j],
                    metric=metric,
                    value=line[j],
                )


def _profile_rows(table: str, profile: Result, states: Sequence[str]) -> Iterator[Row]:
    for metric in VECTORS:
        intervals = profile.get(_INTERVALS.get(metric, ""))
        for block, value in enumerate(profile.get(metric) or []):
            around = _around(states, block)
            interval = ends(intervals[block] if intervals else None)
            yield _row(table=table, **around, metric=metric, value=value, **interval)
    for metric in STATE_METRICS:
        for state, value in enumerate(profile.get(metric) or []):
            yield _row(table=table, from_state=states[state], metric=metric, value=value)


def _class_rows(classes: Result, states: Sequence[str]) -> Iterator[Row]:
    for place, name in enumerate(classes.get("names") or []):
        yield _row(
            table="token_classes", token_class=name, metric="tokens", value=classes["tokens"][place]
        )
        for block, errors in enumerate(classes["error"]):
            around = _around(states, block)
            yield _row(
                table="token_classes",
                **around,
                token_class=name,
                metric="error",
                value=errors[place],
            )


def _around(states: Sequence[str], place: int) -> dict[str, Any]:
    """Return the states on both sides of a transition, and the block that it belongs to."""
    is_fine = states[1].endswith(".attn")
    block = place // 2 if is_fine else place
    return {"from_state": states[place], "to_state": states[place + 1], "block": block}


def _profiles(
    table: str, named: str, names: Sequence[int] | None, found: Result, states: Sequence[str]
) -> Iterator[Row]:
    """Yield one held-out profile after another, each with its own name in the column `named`."""
    for place, name in enumerate(names or []):
        for metric in _SIZED:
            for block, value in enumerate(found[metric][place]):
                around = _around(states, block)
                yield _row(
                    table=table,
                    **around,
                    **{named: name},
                    metric=metric,
                    value=value,
                )


def _error_rows(errors: Result, states: Sequence[str]) -> Iterator[Row]:
    bounds = [0.0, *(errors.get("edges") or []), None]
    for block, counts in enumerate(errors.get("counts") or []):
        around = _around(states, block)
        for metric in _QUANTILES:
            value = errors[metric][block]
            yield _row(table="token_errors", **around, metric=metric, value=value)
        for place, count in enumerate(counts):
            yield _row(
                table="token_errors",
                **around,
                from_error=bounds[place],
                to_error=bounds[place + 1],
                metric="tokens",
                value=count,
            )


def _array(metric: str, values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if metric.endswith("_ci95"):
        values = [(None, None) if interval is None else interval for interval in values]
    return np.array(values, dtype=np.float64)
