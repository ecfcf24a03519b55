"""What a kind's result needs to become one long table: columns, rows, and words for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]
Row = tuple[object, ...]
Words = Mapping[str, tuple[str, str]]  # key -> (English, Japanese)

LANGUAGES = ("en", "ja")


@dataclass(frozen=True)
class Table:
    """The long table of one kind.

    `rows` yields a row a number, in the order of `columns`. `words` names every column, and every
    value that stands in one of the columns `named`, in each language.
    """

    columns: Sequence[str]
    rows: Callable[[Result], Iterator[Row]]
    words: Words
    named: Sequence[str] = ("table", "metric")

    def for_people(self, result: Result, language: str) -> Iterator[Row]:
        """Yield the header and the rows in a language."""
        words = {key: pair[LANGUAGES.index(language)] for key, pair in self.words.items()}
        places = {self.columns.index(name) for name in self.named}
        yield tuple(words[name] for name in self.columns)
        for row in self.rows(result):
            yield tuple(
                words.get(str(cell), cell) if place in places else cell
                for place, cell in enumerate(row)
            )


def row_maker(columns: Sequence[str]) -> Callable[..., Row]:
    """Return a function that puts named cells in the order of `columns`; the rest stays empty."""

    def row(**cells: object) -> Row:
        assert cells.keys() <= set(columns), cells.keys() - set(columns)
        return tuple(cells.get(name) for name in columns)

    return row


def ends(interval: Sequence[float] | None) -> dict[str, object]:
    """Return both ends of a 95 % interval as cells, empty where there is none."""
    low, high = interval or (None, None)
    return {"low": low, "high": high}


def flag(value: bool) -> int:
    """Return a yes or no as a number, which every program reads the same way."""
    return int(value)
