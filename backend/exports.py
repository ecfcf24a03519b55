"""Results as files for other programs: tidy CSV, CSV for a spreadsheet, NPZ.

The CSV is one long table, so that any tool can filter and pivot it; what a kind's table holds is
in `backend.tables`. NPZ keeps matrices as float64 arrays, null as NaN, and the rest as JSON.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from backend.tables import (
    ablation,
    answers,
    benchmark,
    export,
    heal,
    linearity,
    passage,
    plan,
    speed,
)
from backend.tables.table import Result, Row, Table
from linearity.errors import InvalidParameterError

TABLES: dict[str, Table] = {
    "linearity": linearity.TABLE,
    "ablation": ablation.TABLE,
    "plan": plan.TABLE,
    "answers": answers.TABLE,
    "passage": passage.TABLE,
    "export": export.TABLE,
    "heal": heal.TABLE,
    "speed": speed.TABLE,
    "benchmark": benchmark.TABLE,
}

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(result: Result) -> bytes:
    """Return the tidy table: UTF-8, LF, English keys, null empty."""
    return table_csv(TABLES[result["kind"]], result)


def to_excel_csv(result: Result, language: str) -> bytes:
    """Return the table for a spreadsheet: byte order mark, CRLF, headers in `language`."""
    return table_excel_csv(TABLES[result["kind"]], result, language)


def table_csv(table: Table, value: Result) -> bytes:
    """Return the tidy form of any table that is made of `value`."""

    def lines() -> Iterator[Row]:
        yield tuple(table.columns)
        yield from table.rows(value)

    return _write(lines(), terminator="\n").encode()


def table_excel_csv(table: Table, value: Result, language: str) -> bytes:
    """Return the form for a spreadsheet of any table that is made of `value`."""
    return _write(table.for_people(value, language), terminator="\r\n").encode("utf-8-sig")


def to_npz(result: Result) -> bytes:
    """Return every matrix and vector as float64, and the rest as JSON in ``meta``; no pickle.

    Raises
    ------
    InvalidParameterError
        For a kind whose numbers are no matrices.
    """
    match result["kind"]:
        case "linearity":
            named = linearity.names(result)
            return _archive(
                result, linearity.arrays(result), without=linearity.PARTS, instead=named
            )
        case "ablation":
            parts = ("curves", "single", "scores", "interaction")
            named = ablation.names(result)
            return _archive(result, ablation.arrays(result), without=parts, instead=named)
        case "passage":
            return _archive(result, passage.arrays(result), without=passage.PARTS)
        case kind:
            raise InvalidParameterError(
                "format", wanted=f"json or csv for a result of the kind {kind}", got="npz"
            )


def _archive(
    result: Result,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    *,
    without: tuple[str, ...],
    instead: Mapping[str, Any] | None = None,
) -> bytes:
    kept = {key: value for key, value in result.items() if key not in without}
    meta = {**kept, **(instead or {})}
    return _zip({"meta": np.frombuffer(orjson.dumps(meta), dtype=np.uint8), **arrays})


def _write(rows: Iterator[Row], *, terminator: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=terminator)
    for row in rows:
        writer.writerow([_safe_text(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue()


def _safe_text(cell: str) -> str:
    # A spreadsheet would run a text that begins like a formula. Numbers are never texts here.
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


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
