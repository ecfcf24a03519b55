"""Text of a user's file line by line with a limit, and the row that a line becomes."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from linearity.adapters.readers.encodings import known_encoding, undecodable
from linearity.contracts.canonical import Json
from linearity.errors import RejectedInputError

LONGEST_LINE = 16 << 20
"""Characters. A document of a whole book fits; a file without line ends is refused here."""
MOST_COLUMNS = 1_000
_REPORTED_EVERY = 1 << 16
_MARK = "\ufeff"


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Parameters
    ----------
    number : int
        Line that the row begins at, or its number in a sheet or a Parquet file, from 1.
    values : mapping of column to value
        Empty where there is a problem.
    problem : str or None
        Why the row cannot be read.
    """

    number: int
    values: Mapping[str, Json] = field(default_factory=dict)
    problem: str | None = None


def row_error(name: str, number: int, problem: str) -> RejectedInputError:
    """Return the error for one row that cannot be read."""
    return RejectedInputError(
        f"{name}, line {number}: {problem}",
        reason="bad_line",
        next_step="Mend this row, or leave out the rows that cannot be read.",
        file=name,
        line=number,
    )


def read_lines(
    path: Path,
    name: str,
    encoding: str,
    *,
    at: Callable[[int], None] = lambda _: None,
    newline: str = "\n",
) -> Iterator[str]:
    r"""Yield the lines of a text file with their line ends, without a byte order mark.

    Parameters
    ----------
    newline : "\n" or ""
        "\n": only this ends a line, for JSON may hold any other separator inside a text. "":
        \r\n and \r do too.

    Raises
    ------
    RejectedInputError
        If a byte is not in the encoding, or a line is longer than `LONGEST_LINE`.
    """
    with path.open("rb") as raw:
        text = io.TextIOWrapper(raw, known_encoding(encoding), errors="strict", newline=newline)
        number = since = 0
        try:
            while line := text.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
                    raise too_long(name, number)
                since += len(line)
                if since > _REPORTED_EVERY:
                    at(raw.tell())
                    since = 0
                yield line.removeprefix(_MARK) if number == 1 else line
        except UnicodeDecodeError as error:
            raise undecodable(name, path, encoding) from error
        at(raw.tell())
        text.detach()


def too_long(name: str, number: int) -> RejectedInputError:
    """Return the error for a line, or a row over several lines, that is too long."""
    return RejectedInputError(
        f"{name}, line {number}: longer than {LONGEST_LINE:,} characters",
        reason="line_too_long",
        next_step="Put a line end after each record; a document may have at most "
        f"{LONGEST_LINE:,} characters.",
        file=name,
        line=number,
        limit=LONGEST_LINE,
    )


def column_names(header: list[str]) -> list[str]:
    """Return a name for every column: blank ones get a number, repeated ones a count."""
    names: list[str] = []
    taken: set[str] = set()
    for number, cell in enumerate(header, start=1):
        name = cell.strip() or f"column {number}"
        base, again = name, 2
        while name in taken:
            name, again = f"{base} ({again})", again + 1
        taken.add(name)
        names.append(name)
    return names


def check_columns(name: str, count: int) -> None:
    """Refuse a table with more columns than anybody can choose from."""
    if count > MOST_COLUMNS:
        raise RejectedInputError(
            f"{name}: {count:,} columns, at most {MOST_COLUMNS:,} are read",
            reason="too_many_columns",
            next_step="Keep only the columns with text; or choose another delimiter.",
            file=name,
            limit=MOST_COLUMNS,
            actual=count,
        )
