"""All documents of a user's files, and what was left out on the way."""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from linearity.adapters.readers.encodings import ENCODINGS, known_encoding, undecodable
from linearity.adapters.readers.layouts import FileReading, InputFile, find_reading
from linearity.adapters.readers.lines import Row, read_lines
from linearity.adapters.readers.records import (
    Columns,
    RowError,
    choose_columns,
    make_document,
    make_document_by_name,
)
from linearity.adapters.readers.tables import read_rows
from linearity.contracts.inputs import Document
from linearity.contracts.reading import ReadingOptions
from linearity.errors import RejectedInputError

LONGEST_DOCUMENT = 20_000_000
MOST_REASONS = 20
_BY_NAME = ("text", "messages", "prompt")


class Reading:
    """Yields the documents of files one by one, and counts what it leaves out.

    Parameters
    ----------
    files : sequence of InputFile
    options : ReadingOptions
    at : callable
        Told now and then how many bytes of all files have been read.
    on_row : callable
        Sees every row of a table, and may raise to stop.
    accept_guesses : bool
        Whether an encoding that nobody chose may be a mere guess: on a preview, which asks.

    Attributes
    ----------
    dropped : Counter
        Rows left out: "empty", "bad".
    reasons : list of dict
        The first 20 rows that cannot be read.
    encodings : dict
        What each text file is read as.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        options: ReadingOptions,
        *,
        at: Callable[[int], None] = lambda _: None,
        on_row: Callable[[Row], None] = lambda _: None,
        accept_guesses: bool = False,
    ) -> None:
        self._files, self._options, self._at = files, options, at
        self._on_row, self._accept_guesses = on_row, accept_guesses
        self._done = 0
        self.dropped: Counter[str] = Counter()
        self.reasons: list[dict[str, object]] = []
        self.encodings: dict[str, str] = {}
        self.guessed: list[str] = []

    def __iter__(self) -> Iterator[Document]:
        for file in self._files:
            reading = find_reading(file, self._options)
            self._note_encoding(reading)
            if reading.layout.format == "text":
                yield from self._texts(reading)
            else:
                yield from self._records(reading)
            self._done += file.path.stat().st_size
            self._at(self._done)
        if self.reasons and self._options.bad_rows == "refuse":
            raise self._bad_rows()

    def _note_encoding(self, reading: FileReading) -> None:
        guess, file = reading.guess, reading.file
        if guess is None:
            return
        self.encodings[file.name] = reading.layout.encoding
        accepts = self._accept_guesses
        if self._options.encoding is None and guess.confidence == "unsure" and not accepts:
            error = undecodable(file.name, file.path, "utf-8")
            error.next_step = (
                "Save the file as UTF-8, or say its encoding; it may be "
                f"{ENCODINGS[guess.encoding]} (encoding={guess.encoding})."
            )
            raise error
        if guess.confidence == "likely" and self._options.encoding is None:
            self.guessed.append(file.name)

    def _texts(self, reading: FileReading) -> Iterator[Document]:
        texts = read_texts(
            reading, self._options.split, at=lambda here: self._at(self._done + here)
        )
        for number, text in enumerate(texts, start=1):
            self._on_row(Row(number))
            if "\x00" in text:
                raise _not_text(reading.file.name)
            if text.strip():
                yield Document(text)
            else:
                self.dropped["empty"] += 1

    def _records(self, reading: FileReading) -> Iterator[Document]:
        make: Callable[[Row], Document | None] | None = None
        file = reading.file
        rows = read_rows(
            file.path, reading.layout, name=file.name, at=lambda here: self._at(self._done + here)
        )
        for row in rows:
            self._on_row(row)
            try:
                if row.problem is not None:
                    raise RowError(row.problem)
                make = make or self._maker(row, reading)
                document = make(row)
            except RowError as error:
                self._note_problem(reading, row, error)
                continue
            if document is None or not document.text.strip():
                self.dropped["empty"] += 1
            else:
                yield document

    def _maker(self, row: Row, reading: FileReading) -> Callable[[Row], Document | None]:
        present, name = list(row.values), reading.file.name
        by_name = any(column in present for column in _BY_NAME)
        is_open = not self._options.has_columns and self._options.category is None
        if reading.layout.format == "jsonl" and by_name and is_open:
            # Lines of one file may differ: a text here, a prompt there.
            return lambda row: make_document_by_name(row.values)
        columns = choose_columns(self._options, present)
        if not columns.are_known:
            raise _no_column(name, present)
        _check_columns(name, columns, present)
        return lambda row: make_document(row.values, columns)

    def _note_problem(self, reading: FileReading, row: Row, error: RowError) -> None:
        self.dropped["bad"] += 1
        if len(self.reasons) < MOST_REASONS:
            place = "line" if reading.guess is not None else "row"
            self.reasons.append(
                {
                    "code": "bad_line",
                    "message": f"{reading.file.name}, {place} {row.number}: {error}",
                    "file": reading.file.name,
                    "line": row.number,
                    "key": error.column,
                }
            )
        elif self._options.bad_rows == "refuse":
            raise self._bad_rows()

    def _bad_rows(self) -> RejectedInputError:
        bad = self.dropped["bad"]
        more = "" if bad == 1 else f" ({bad - 1} more rows cannot be read)"
        if bad > MOST_REASONS:
            more = f" (and more than {MOST_REASONS - 1} others)"
        first = self.reasons[0]
        return RejectedInputError(
            f"{first['message']}{more}",
            reason="bad_line",
            next_step="Mend these rows, or leave out the rows that cannot be read (bad_rows=drop).",
            file=first["file"],
            line=first["line"],
            key=first["key"],
            reasons=self.reasons,
        )


def read_texts(
    reading: FileReading, split: str, *, at: Callable[[int], None] = lambda _: None
) -> Iterator[str]:
    """Yield the documents of a plain text file: the whole, its lines, or its paragraphs.

    Raises
    ------
    RejectedInputError
    """
    file, encoding = reading.file, reading.layout.encoding
    if split == "document":
        yield _whole(file, encoding)
        return
    paragraph: list[str] = []
    size = 0
    for line in read_lines(file.path, file.name, encoding, at=at, newline=""):
        text = line.rstrip("\r\n")
        if split == "line":
            yield text
        elif text.strip():
            paragraph.append(text)
            size += len(text)
            _check_length(file.name, size)
        elif paragraph:
            yield "\n".join(paragraph)
            paragraph, size = [], 0
    if paragraph:
        yield "\n".join(paragraph)


def _whole(file: InputFile, encoding: str) -> str:
    with file.path.open("rb") as raw:
        text = io.TextIOWrapper(raw, known_encoding(encoding), errors="strict", newline="")
        try:
            whole = text.read(LONGEST_DOCUMENT + 1).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise undecodable(file.name, file.path, encoding) from error
    _check_length(file.name, len(whole))
    return whole


def _check_length(name: str, characters: int) -> None:
    if characters > LONGEST_DOCUMENT:
        raise RejectedInputError(
            f"{name}: more than {LONGEST_DOCUMENT:,} characters in one document",
            reason="document_too_long",
            next_step="Split it, or let each line or paragraph be a document (split=paragraph).",
            limit=LONGEST_DOCUMENT,
            file=name,
        )


def _check_columns(name: str, columns: Columns, present: Sequence[str]) -> None:
    wanted = (columns.text, columns.messages, columns.prompt, columns.response, columns.category)
    missing = [column for column in wanted if column is not None and column not in present]
    # A line of JSON lines may leave out what is absent; the text itself it may not.
    if missing and missing[0] in (columns.text, columns.messages, columns.prompt):
        raise RejectedInputError(
            f'{name}: there is no column "{missing[0]}"',
            reason="no_column",
            next_step=f"Columns of this file: {_listed(present)}.",
            file=name,
            columns=_shown(present),
        )


def _no_column(name: str, present: Sequence[str]) -> RejectedInputError:
    return RejectedInputError(
        f"{name}: it is not said which column holds the text",
        reason="no_column",
        next_step=f"Choose one of: {_listed(present)}.",
        file=name,
        columns=_shown(present),
    )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(_shown(columns))


def _shown(columns: Sequence[str]) -> list[str]:
    """Return the beginnings of names; what was taken for a row of names may be one of texts."""
    return [column[:40] for column in columns[:20]]


def _not_text(name: str) -> RejectedInputError:
    return RejectedInputError(
        f"{name}: holds the NUL character, so it is no text",
        reason="not_text",
        next_step="Give a text file, or choose its encoding.",
        file=name,
    )
