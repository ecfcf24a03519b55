"""JSON lines: one object a line, parsed strictly."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from linearity.adapters.readers.lines import Row, check_columns, read_lines
from linearity.contracts.canonical import strict_loads
from linearity.errors import MalformedJSONError


def read_jsonl(path: Path, name: str, *, encoding: str, at: Callable[[int], None]) -> Iterator[Row]:
    """Yield the objects of a file, split at line feeds only."""
    lines = read_lines(path, name, encoding, at=at)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = strict_loads(line.encode())
        except MalformedJSONError as error:
            # The parser counts lines inside the one it was given: that would mislead.
            yield Row(number, problem=error.message.replace(" at line 1, column", " at column"))
            continue
        if not isinstance(value, Mapping):
            yield Row(number, problem='wanted an object, for example {"text": "..."}')
            continue
        check_columns(name, len(value))
        yield Row(number, value)
