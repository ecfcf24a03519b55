"""CSV: values between commas, semicolons or tabs, quoted where they hold one of these."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from linearity.adapters.readers.lines import (
    LONGEST_LINE,
    Row,
    check_columns,
    column_names,
    read_lines,
    too_long,
)
from linearity.errors import InvalidParameterError, RejectedInputError

DELIMITERS = (",", ";", "\t", "|")
LONGEST_FIELD = 1_000_000
"""Characters; Python's own limit of 131,072 is shorter than many documents."""


def read_separated(
    path: Path,
    name: str,
    *,
    encoding: str,
    delimiter: str,
    header: bool,
    at: Callable[[int], None] = lambda _: None,
) -> Iterator[Row]:
    """Yield the rows below the header, or all of them if there is none."""
    columns: list[str] | None = None
    for row in _parsed(path, name, encoding=encoding, delimiter=delimiter, at=at):
        number, cells, problem = row
        if problem is not None:
            yield Row(number, problem=problem)
            continue
        if columns is None:
            check_columns(name, len(cells))
            columns = column_names(cells if header else [""] * len(cells))
            if header:
                continue
        if len(cells) != len(columns):
            yield Row(number, problem=f"{len(cells)} cells, the table has {len(columns)} columns")
        else:
            yield Row(number, dict(zip(columns, cells, strict=True)))


def _parsed(
    path: Path, name: str, *, encoding: str, delimiter: str, at: Callable[[int], None]
) -> Iterator[tuple[int, list[str], str | None]]:
    if delimiter not in DELIMITERS:
        raise InvalidParameterError("delimiter", wanted="a comma, ;, | or a tab", got=delimiter)
    csv.field_size_limit(LONGEST_FIELD)
    feed = _Feed(read_lines(path, name, encoding, at=at, newline=""), name)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        number = feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" not in str(error):
                raise _unreadable(name, number, str(error)) from error
            yield number, [], "text after a closing quote; a quote inside a value is written twice"
            continue
        if feed.has_nul:
            yield number, [], "holds the NUL character"
        elif cells:
            yield number, cells, None


class _Feed:
    """Hands lines to the parser and knows how much went into the row at hand."""

    def __init__(self, lines: Iterator[str], name: str) -> None:
        self._lines, self._name = lines, name
        self._number = self._size = self._began = 0
        self.has_nul = False

    def begin(self) -> int:
        """Begin a row; return the number of its first line."""
        self._size, self.has_nul = 0, False
        self._began = self._number + 1
        return self._began

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self._size += len(line)
        if self._size > LONGEST_LINE:
            raise too_long(self._name, self._began)
        if "\x00" in line:
            self.has_nul = True
        return line


def _unreadable(name: str, number: int, reason: str) -> RejectedInputError:
    if "field larger" in reason:
        what = f"a value longer than {LONGEST_FIELD:,} characters, or a quote that never closes"
    elif "unexpected end" in reason:
        what = "a quote that never closes"
    else:
        what = reason
    return RejectedInputError(
        f"{name}, line {number}: {what}",
        reason="bad_csv",
        next_step="Close the quote; a quote inside a value is written twice.",
        file=name,
        line=number,
        limit=LONGEST_FIELD,
    )
