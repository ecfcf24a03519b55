"""Recognise what kind of file a user gives and how its table is laid out."""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linearity.adapters.readers.encodings import (
    EncodingGuess,
    detect_encoding,
    first_bad_byte,
    known_encoding,
)
from linearity.adapters.readers.lines import read_lines
from linearity.adapters.readers.records import KNOWN_NAMES
from linearity.adapters.readers.separated import DELIMITERS, LONGEST_FIELD
from linearity.adapters.readers.tables import Layout
from linearity.contracts.reading import ReadingOptions
from linearity.errors import RejectedInputError

SUFFIXES = {
    ".txt": "text", ".md": "text", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv",
    ".tsv": "csv", ".parquet": "parquet", ".xlsx": "xlsx",
}  # fmt: skip
TEXT_FORMATS = ("text", "csv", "jsonl")
_READ = "Give .txt, .md, .csv, .tsv, .jsonl, .parquet or .xlsx."
_REFUSED_SUFFIXES = {
    ".xlsm": "workbooks with macros are not read; save it as .xlsx",
    ".xls": "old workbooks are not read; save it as .xlsx",
    ".gz": "packed files are not read; unpack it first",
    ".zip": "archives are not read; unpack it first",
}
_MAGIC = {
    b"\x1f\x8b": "a gzip file", b"PK\x03\x04": "a zip archive or a workbook", b"PAR1": "Parquet",
    b"\xd0\xcf\x11\xe0": "an old Office file", b"%PDF": "a PDF", b"\x28\xb5\x2f\xfd": "a zstd file",
    b"BZh": "a bzip2 file", b"\xfd7zXZ": "an xz file", b"SQLite f": "a database",
}  # fmt: skip
_SAMPLE_LINES = 50
_LONGEST_SAMPLE = 200_000
_LONGEST_HEADING = 100


@dataclass(frozen=True)
class InputFile:
    """A file of a user: what they call it, and where its bytes are."""

    name: str
    path: Path


@dataclass(frozen=True)
class FileReading:
    """How one file is read, and how sure that is.

    Parameters
    ----------
    file : InputFile
    layout : Layout
        Its format may also be "text".
    guess : EncodingGuess or None
        How the characters seem to be written, of text files.
    """

    file: InputFile
    layout: Layout
    guess: EncodingGuess | None = None


def find_reading(file: InputFile, options: ReadingOptions) -> FileReading:
    """Return how a file is read: as the options say, and recognised where they say nothing.

    Raises
    ------
    RejectedInputError
        If it is of no type that is read, or is something else than its name says.
    """
    kind = options.format or format_of(file.name)
    if kind not in TEXT_FORMATS:
        return FileReading(file, Layout(kind, header=_true(options.header), sheet=options.sheet))
    _check_is_text(file)
    guess = detect_encoding(file.path)
    encoding = guess.encoding
    if options.encoding is not None:
        encoding = known_encoding(options.encoding)
        if encoding != guess.encoding:
            bad = first_bad_byte(file.path, encoding)
            guess = EncodingGuess(guess.encoding, guess.confidence, guess.marked,
                                  guess.alternatives, bad)  # fmt: skip
    if kind != "csv":
        return FileReading(file, Layout(kind, encoding), guess)
    lines = _first_lines(file, encoding)
    delimiter = options.delimiter or find_delimiter(lines, file.name)
    header = has_header(lines, delimiter) if options.header is None else options.header
    return FileReading(file, Layout(kind, encoding, delimiter, header), guess)


def format_of(name: str) -> str:
    """Return the format that the end of a file's name says.

    Raises
    ------
    RejectedInputError
        If files of this type are not read.
    """
    suffix = Path(name).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    raise RejectedInputError(
        f"{name}: {_REFUSED_SUFFIXES.get(suffix, 'files of this type are not read')}",
        reason="unsupported_file",
        next_step=_READ,
        file=name,
    )


def find_delimiter(lines: Sequence[str], name: str) -> str:
    """Return the delimiter that cuts most lines into the same number of cells."""

    def score(delimiter: str) -> tuple[float, int]:
        counts = [len(cells) for cells in _parse(lines, delimiter) if cells]
        most = max(set(counts), key=counts.count, default=1)
        return (counts.count(most) / max(len(counts), 1) if most > 1 else 0.0), most

    if name.lower().endswith(".tsv"):
        return "\t"
    best = max(DELIMITERS, key=score)
    return best if score(best)[0] > 0.0 else ","


def has_header(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the first row looks like names: a known one, or all short and different."""
    first = next((cells for cells in _parse(lines, delimiter) if cells), [])
    names = [cell.strip() for cell in first]
    if any(name.lower() in known for known in KNOWN_NAMES.values() for name in names):
        return True
    if not names or len(set(names)) < len(names):
        return False
    return all(_is_heading(name, alone=len(names) == 1) for name in names)


def _is_heading(cell: str, *, alone: bool) -> bool:
    if not cell or len(cell) > _LONGEST_HEADING or cell.endswith((".", "。", "?", "？", "!")):
        return False
    if alone and (" " in cell or len(cell) > _LONGEST_HEADING // 4):
        return False
    return not cell.replace(".", "").replace("-", "").replace(",", "").isdigit()


def _first_lines(file: InputFile, encoding: str) -> list[str]:
    lines: list[str] = []
    size = 0
    for line in read_lines(file.path, file.name, encoding, newline=""):
        lines.append(line)
        size += len(line)
        if len(lines) == _SAMPLE_LINES or size > _LONGEST_SAMPLE:
            break
    return lines


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    parsed: list[list[str]] = []
    try:
        for cells in itertools.islice(csv.reader(lines, delimiter=delimiter), _SAMPLE_LINES):
            parsed.append(cells)
    except csv.Error:
        return parsed  # what is wrong is said when the file is read as a whole
    return parsed


def _check_is_text(file: InputFile) -> None:
    with file.path.open("rb") as stream:
        head = stream.read(16)
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise RejectedInputError(
                f"{file.name}: not a text file (looks like {what})",
                reason="unsupported_file",
                next_step=_READ,
                file=file.name,
            )


def _true(value: bool | None) -> bool:
    return True if value is None else value
