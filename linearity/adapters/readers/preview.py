"""What a dataset would be, before anything is kept: runs in the limited child.

The beginning of the files is read the way the whole would be. What it says of the whole is exact
where the beginning is the whole, and else estimated from the share of bytes that was read.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from linearity.adapters.documents import encode_document
from linearity.adapters.readers.column_facts import ColumnFacts
from linearity.adapters.readers.encodings import ENCODINGS, detect_encoding
from linearity.adapters.readers.intake import describe
from linearity.adapters.readers.layouts import (
    TEXT_FORMATS,
    FileReading,
    InputFile,
    find_reading,
    format_of,
)
from linearity.adapters.readers.lines import Row
from linearity.adapters.readers.parquet import parquet_rows
from linearity.adapters.readers.reading import Reading
from linearity.adapters.readers.records import choose_columns
from linearity.adapters.readers.token_counts import TokenCounter
from linearity.adapters.readers.workbook import sheet_names
from linearity.contracts.inputs import Document
from linearity.contracts.reading import ReadingOptions
from linearity.errors import LinearScopeError

SCANNED_ROWS = 20_000
SCANNED_BYTES = 32 << 20
SHOWN_RECORDS = 20
SHOWN_CHOICES = 8
SHOWN_CHARACTERS = 500
SHOWN_FILES = 20

Facts = dict[str, Any]


class _EnoughError(Exception):
    """The beginning has been read."""


class _Scan:
    """Reads the beginning of the files and keeps what the preview says about it."""

    def __init__(self, files: Sequence[InputFile], options: ReadingOptions) -> None:
        self.files, self.options = files, options
        self.columns: dict[str, ColumnFacts] = {}
        self.documents: list[Document] = []
        self.rows = self.bytes = 0
        self.is_whole = False
        self.problem: Facts | None = None
        # Rows that cannot be read are listed, and the rest is shown all the same.
        lenient = replace(options, bad_rows="drop")
        self.reading = Reading(
            files, lenient, at=self._at, on_row=self._on_row, accept_guesses=True
        )
        self._read()

    def _read(self) -> None:
        try:
            for document in self.reading:
                self.documents.append(document)
            self.is_whole = True
        except _EnoughError:
            pass
        except LinearScopeError as error:
            self.problem = error.as_json()

    def _at(self, position: int) -> None:
        self.bytes = position

    def _on_row(self, row: Row) -> None:
        if self.rows == SCANNED_ROWS or self.bytes > SCANNED_BYTES:
            raise _EnoughError
        self.rows += 1
        for name, value in row.values.items():
            self.columns.setdefault(name, ColumnFacts(name)).add(value)

    @property
    def share(self) -> float:
        """How much of the files was read, 0 to 1; 1 where all of it was."""
        total = sum(file.path.stat().st_size for file in self.files)
        return 1.0 if self.is_whole or not self.bytes else min(self.bytes / total, 1.0)


def preview(argument: Mapping[str, Any], log: Callable[[str], None]) -> Facts:
    """Return what the page shows before a dataset is confirmed.

    Parameters
    ----------
    argument : mapping
        "files" ([{name, path}]), "options" (`ReadingOptions.as_json`), and the path of a
        "tokenizer" or None.
    log : callable
        Not used; every function of the limited child has one.

    Returns
    -------
    dict
        See `POST /datasets/{id}/preview` in docs/api.md.

    Raises
    ------
    LinearScopeError
        If there is nothing to show. What is wrong further on stands in "problem".
    """
    options = ReadingOptions.from_json(argument["options"])
    files = [InputFile(f["name"], Path(f["path"])) for f in argument["files"]]
    described = [_file(file, options) for file in files[:SHOWN_FILES]]
    scan = _Scan(files, options)
    counter = TokenCounter(argument.get("tokenizer"))
    rows = _rows(scan)
    scale = rows["count"] / scan.rows if scan.rows and not rows["exact"] else 1.0
    chosen = choose_columns(options, list(scan.columns)) if scan.columns else None
    return {
        "files": described,
        "format": described[0]["format"],
        "columns": [facts.as_json(scale, counter) for facts in scan.columns.values()],
        "chosen": None if chosen is None else asdict(chosen),
        "records": [_record(document) for document in scan.documents[:SHOWN_RECORDS]],
        "rows": rows,
        "problem": scan.problem,
        "problems": scan.reading.reasons,
        "dropped": dict(scan.reading.dropped),
        "options": options.as_json(),
        **_documents(scan, scale, counter),
    }


def _file(file: InputFile, options: ReadingOptions) -> Facts:
    facts: Facts = {"name": file.name, "size": file.path.stat().st_size}
    facts["format"] = options.format or format_of(file.name)
    try:
        reading = find_reading(file, options)
    except LinearScopeError as error:
        if error.data.get("reason") not in ("not_utf8", "not_in_encoding"):
            raise
        # The wrong encoding is chosen: everything else can still be said.
        guess = detect_encoding(file.path)
        return facts | {"encoding": _encoding(str(options.encoding), guess, error.data.get("byte"))}
    return facts | _layout(reading)


def _layout(reading: FileReading) -> Facts:
    layout, guess = reading.layout, reading.guess
    facts: Facts = {"header": layout.header, "delimiter": None, "encoding": None, "sheets": None}
    if guess is not None:
        facts["encoding"] = _encoding(layout.encoding, guess, guess.bad_byte)
    if layout.format == "csv":
        facts["delimiter"] = layout.delimiter
    if layout.format == "xlsx":
        facts["sheets"] = sheet_names(reading.file.path, reading.file.name)
    if layout.format == "xlsx" or layout.format in TEXT_FORMATS:
        return facts
    return facts | {"rows": parquet_rows(reading.file.path, reading.file.name)}


def _encoding(chosen: str, guess: Any, bad_byte: object) -> Facts:
    return {
        "chosen": chosen,
        "label": ENCODINGS[chosen],
        "recognised": guess.encoding,
        "recognised_label": ENCODINGS[guess.encoding],
        "confidence": guess.confidence,
        "marked": guess.marked,
        "alternatives": list(guess.alternatives),
        "bad_byte": bad_byte,
    }


def _rows(scan: _Scan) -> Facts:
    declared = [_declared_rows(file, scan.options) for file in scan.files]
    if all(count is not None for count in declared):
        return {"count": sum(count or 0 for count in declared), "exact": True}
    seen = scan.rows
    exact = scan.is_whole or (scan.problem is not None and not scan.rows)
    return {"count": seen if exact else round(seen / scan.share), "exact": exact}


def _declared_rows(file: InputFile, options: ReadingOptions) -> int | None:
    kind = options.format or format_of(file.name)
    return parquet_rows(file.path, file.name) if kind == "parquet" else None


def _documents(scan: _Scan, scale: float, counter: TokenCounter) -> Facts:
    documents = scan.documents
    if not documents:
        return dict.fromkeys(("summary", "categories", "duplicates", "tokens", "unknown_tokens"))
    summary = describe(documents)
    categories = summary.pop("category_counts")
    copies = Counter(map(encode_document, documents))
    counted = ("documents", "characters", "prompts", "answers", "questions")
    scaled = {name: round(summary[name] * scale) for name in counted}
    per_character = counter.tokens_per_character(document.text for document in documents)
    return {
        "summary": summary | scaled,
        "categories": [{"name": name, "count": n} for name, n in categories.items()],
        "duplicates": {"count": len(documents) - len(copies), "of": len(documents)},
        "tokens": None if per_character is None else round(scaled["characters"] * per_character),
        "unknown_tokens": counter.unknown_share(document.text for document in documents),
    }


def _record(document: Document) -> Facts:
    def cut(text: str | None) -> str | None:
        long = text is not None and len(text) > SHOWN_CHARACTERS
        return f"{text[:SHOWN_CHARACTERS]}…" if text is not None and long else text

    facts: Facts = {"category": document.category, "characters": len(document.text)}
    if document.messages is not None:
        turns = islice(document.messages, SHOWN_RECORDS)
        return facts | {"messages": [{"role": t.role, "content": cut(t.content)} for t in turns]}
    if document.choices is not None:
        facts["choices"] = [cut(choice) for choice in document.choices[:SHOWN_CHOICES]]
    if document.prompt is not None:
        return facts | {"prompt": cut(document.prompt), "response": cut(document.response)}
    return facts | {"text": cut(document.text)}
