"""A `linearity` result as files for other programs: tidy CSV, CSV for a spreadsheet, NPZ.

The CSV is one long table, a row a number, so that any tool can filter and pivot it. NPZ keeps the
matrices as float64 arrays, null as NaN, and everything that is not a number as JSON.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from backend.export_labels import COLUMNS, FOR_EXCEL, MATRICES, STATE_METRICS, VECTORS

Result = Mapping[str, Any]
Row = tuple[object, ...]

_INTERVALS = {
    "r2_heldout": "r2_heldout_ci95",
    "update_r2_heldout": "update_r2_heldout_ci95",
}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(result: Result) -> bytes:
    """Return the tidy table: UTF-8, LF, English keys, null empty."""
    return _write(tidy_rows(result), COLUMNS, terminator="\n").encode()


def to_excel_csv(result: Result, language: str) -> bytes:
    """Return the table for a spreadsheet: byte order mark, CRLF, headers in `language`."""
    words = FOR_EXCEL[language]
    rows = (
        (words[str(row[0])], *row[1:4], words[str(row[4])], *row[5:]) for row in tidy_rows(result)
    )
    return _write(rows, [words[name] for name in COLUMNS], terminator="\r\n").encode("utf-8-sig")


def to_npz(result: Result) -> bytes:
    """Return every matrix and vector as float64, and the rest as JSON in ``meta``; no pickle."""
    meta = {key: value for key, value in result.items() if key not in ("pairs", "profile", "kept")}
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "meta": np.frombuffer(orjson.dumps(meta), dtype=np.uint8)
    }
    for table in ("pairs", "profile", "kept"):
        for metric, values in (result[table] or {}).items():
            if values is not None:
                arrays[f"{table}_{metric}"] = _array(metric, values)
    return _zip(arrays)


def tidy_rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table, in the order of `COLUMNS`."""
    states = result["states"]
    yield from _pair_rows(result["pairs"] or {}, states)
    for table in ("profile", "kept"):
        yield from _profile_rows(table, result[table] or {}, states)


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


def _write(rows: Iterator[Row], columns: Sequence[str], *, terminator: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=terminator)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_safe_text(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue()


def _safe_text(cell: str) -> str:
    # A spreadsheet would run a text that begins like a formula. Numbers are never texts here.
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _array(metric: str, values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if metric.endswith("_ci95"):
        values = [(None, None) if interval is None else interval for interval in values]
    return np.array(values, dtype=np.float64)


def _zip(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    # numpy.savez would write the present time into the file, and with it another ETag each time.
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return file.getvalue()
