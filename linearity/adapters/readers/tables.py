"""Rows of a file of a user, one at a time: CSV, JSON lines, Parquet and the first sheet of XLSX.

Nothing is held but the row at hand, so a file may have any size. A row that cannot be read is
handed on with its line and the reason; only what makes every later row doubtful ends the file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from linearity.adapters.readers.jsonl import read_jsonl
from linearity.adapters.readers.lines import Row, row_error
from linearity.adapters.readers.parquet import read_parquet
from linearity.adapters.readers.separated import read_separated
from linearity.adapters.readers.workbook import read_workbook
from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError

TABLE_FORMATS = ("csv", "jsonl", "parquet", "xlsx")


@dataclass(frozen=True)
class Layout:
    """How a table is laid out.

    Parameters
    ----------
    format : "csv" | "jsonl" | "parquet" | "xlsx"
    encoding : str
        A key of `ENCODINGS`; Parquet and XLSX know their own.
    delimiter : str
        One character, CSV only.
    header : bool
        Whether the first row names the columns, CSV and XLSX only. Without one the columns are
        called "column 1", "column 2", ...
    sheet : str or None
        XLSX only; the first one by default.
    """

    format: str
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    sheet: str | None = None


def read_rows(
    path: Path,
    layout: Layout,
    *,
    name: str | None = None,
    at: Callable[[int], None] = lambda _: None,
) -> Iterator[Row]:
    """Yield the rows of a table; a row that cannot be read has a `problem` instead of values.

    Parameters
    ----------
    path : Path
    layout : Layout
    name : str, optional
        What people call the file.
    at : callable
        Told now and then how many bytes of the file have been read.

    Raises
    ------
    RejectedInputError
        If the file as a whole cannot be read: its encoding, a line over the limit, a quote that
        never closes, no such sheet.
    InvalidParameterError
        If the layout is none.
    """
    called = name or path.name
    if layout.format == "csv":
        return read_separated(
            path,
            called,
            encoding=layout.encoding,
            delimiter=layout.delimiter,
            header=layout.header,
            at=at,
        )
    if layout.format == "jsonl":
        return read_jsonl(path, called, encoding=layout.encoding, at=at)
    if layout.format == "parquet":
        return read_parquet(path, called, at=at)
    if layout.format == "xlsx":
        return read_workbook(path, called, sheet=layout.sheet, header=layout.header)
    raise InvalidParameterError(
        "format", wanted=f"one of {', '.join(TABLE_FORMATS)}", got=layout.format
    )


def rows(path: Path, layout: Layout, *, name: str | None = None) -> Iterator[Mapping[str, Json]]:
    """Yield the values of every row, by column.

    Raises
    ------
    RejectedInputError
        At the first row that cannot be read, naming its line.
    """
    for row in read_rows(path, layout, name=name):
        if row.problem is not None:
            raise row_error(name or path.name, row.number, row.problem)
        yield row.values
