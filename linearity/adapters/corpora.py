"""Text to measure on: built-in corpora that come with Python, and the user's own files."""

import json
import platform
import sysconfig
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linearity.contracts.canonical import Json, canonical_json, strict_loads
from linearity.contracts.inputs import Document
from linearity.errors import MalformedJSONError, RejectedInputError, UnknownInputError

TEXT_SUFFIXES = (".txt", ".md")
LARGEST_DOCUMENT_CHARACTERS = 20_000_000
LONGEST_CATEGORY = 200
_NOT_LIBRARY = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def builtin_documents(name: str) -> list[str]:
    """Return the documents of a built-in corpus.

    Raises
    ------
    UnknownInputError
        If there is no such corpus.
    """
    if name == "python-docs":
        from pydoc_data.topics import topics

        return [topics[topic] for topic in sorted(topics)]
    if name == "python-source":
        return list(_standard_library())
    raise UnknownInputError(f"no built-in dataset is called {name!r}")


def builtin_corpus_version() -> str:
    """Return what the built-in corpora depend on: they differ between Python versions."""
    return f"Python {platform.python_version()}"


def read_documents(path: Path) -> list[Document]:
    """Return the documents of a file or of all text files below a folder, in path order.

    ``.txt`` and ``.md`` hold one document each; ``.jsonl`` one object a line: ``{"text": ...}``
    or ``{"prompt": ..., "response": ...}`` (the response may be left out), each with a
    ``category`` if it has one. A line with a text is a plain text, whatever else it holds.

    Raises
    ------
    RejectedInputError
        Naming the file and the line.
    """
    if path.is_file():
        return list(_read_file(path))
    files = sorted(p for p in path.rglob("*") if p.suffix in (*TEXT_SUFFIXES, ".jsonl"))
    for file in files:
        if not file.resolve().is_relative_to(path.resolve()):
            raise RejectedInputError(
                f"{file.name} is a link that leaves the folder",
                reason="link_outside",
                next_step="Copy the file into the folder.",
                file=file.name,
            )
    return [document for file in files if file.is_file() for document in _read_file(file)]


def encode_documents(documents: Sequence[Document]) -> bytes:
    """Return documents as they are stored: canonical JSON, one object a line.

    Documents without a visible character are left out.

    Raises
    ------
    RejectedInputError
        If nothing is left.
    """
    lines = [canonical_json(_stored(document)) for document in documents if document.text.strip()]
    if not lines:
        raise RejectedInputError(
            f"the dataset holds no text ({len(documents):,} empty documents)",
            reason="no_text",
            next_step="Give .txt, .md or .jsonl files with a text or a prompt in every line.",
            documents=len(documents),
        )
    return b"\n".join(lines) + b"\n"


def decode_documents(data: bytes) -> list[Document]:
    """Return the documents written by `encode_documents`."""
    return [_restored(json.loads(line)) for line in data.split(b"\n") if line]


def _stored(document: Document) -> dict[str, str]:
    """Leave out what is absent: a plain text has the same bytes in every version."""
    row = {
        "text": document.text if document.prompt is None else None,
        "prompt": document.prompt,
        "response": document.response,
        "category": document.category,
    }
    return {key: value for key, value in row.items() if value is not None}


def _restored(row: dict[str, str]) -> Document:
    if "text" in row:
        return Document(row["text"], row.get("category"))
    return Document.asked(row["prompt"], row.get("response"), category=row.get("category"))


def _standard_library() -> Iterator[str]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        if _NOT_LIBRARY.isdisjoint(path.relative_to(root).parts):
            try:
                with tokenize.open(path) as stream:
                    yield stream.read()
            except (SyntaxError, UnicodeDecodeError):
                continue  # a few files hold broken encodings on purpose


def _read_file(path: Path) -> Iterator[Document]:
    if path.suffix == ".jsonl":
        yield from _read_jsonl(path)
    elif path.suffix in TEXT_SUFFIXES:
        yield Document(_decode(path.read_bytes(), path.name))
    else:
        raise RejectedInputError(
            f"{path.name}: files of this type are not read",
            reason="unsupported_file",
            next_step="Give .txt, .md or .jsonl.",
        )


def _read_jsonl(path: Path) -> Iterator[Document]:
    # Split at \n only: other line separators are legal inside a JSON text.
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = strict_loads(line.removeprefix(b"\xef\xbb\xbf"))
            except MalformedJSONError as error:
                raise _Line(path, number).error(error.message) from error
            yield _Line(path, number).document(row)


@dataclass(frozen=True)
class _Line:
    """One line of a JSONL file: turns it into a document, or says what is wrong with it."""

    path: Path
    number: int

    def document(self, row: Json) -> Document:
        fields: Mapping[str, Json] = row if isinstance(row, dict) else {}
        category = self._optional(fields, "category")
        if category is not None and len(category) > LONGEST_CATEGORY:
            raise self.error(
                f'"category" has {len(category):,} characters, at most {LONGEST_CATEGORY} are read',
                key="category",
            )
        if fields.get("text") is not None:
            return Document(self._text(fields, "text"), category)
        if fields.get("prompt") is None:
            raise self._neither(fields)
        prompt = self._text(fields, "prompt")
        if not prompt.strip():
            raise self.error('"prompt" is empty', key="prompt")
        return Document.asked(prompt, self._optional(fields, "response"), category=category)

    def _optional(self, fields: Mapping[str, Json], key: str) -> str | None:
        """Tables exported by programs write an absent value as null or as an empty text."""
        text = None if fields.get(key) is None else self._text(fields, key)
        return text if text and text.strip() else None

    def _text(self, fields: Mapping[str, Json], key: str) -> str:
        value = fields[key]
        if not isinstance(value, str):
            raise self.error(f'"{key}" is not a text', key=key)
        return value

    def _neither(self, fields: Mapping[str, Json]) -> RejectedInputError:
        if "messages" in fields:
            return self.error(
                '"messages" are not read yet: write the last question as "prompt" and its answer '
                'as "response"',
                key="messages",
            )
        return self.error('wanted an object with a "text" or a "prompt" of type text')

    def error(self, what: str, *, key: str | None = None) -> RejectedInputError:
        return RejectedInputError(
            f"{self.path.name}, line {self.number}: {what}",
            reason="bad_line",
            next_step='Write one JSON object a line, for example {"text": "..."} or '
            '{"prompt": "...", "response": "..."}.',
            file=self.path.name,
            line=self.number,
            key=key,
        )


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RejectedInputError(
            f"{name}: not UTF-8 (byte {error.start})",
            reason="not_utf8",
            next_step="Save the file as UTF-8.",
            byte=error.start,
        ) from error
    if len(text) > LARGEST_DOCUMENT_CHARACTERS:
        raise RejectedInputError(
            f"{name}: {len(text):,} characters in one document",
            reason="document_too_long",
            next_step=f"Split it: at most {LARGEST_DOCUMENT_CHARACTERS:,} characters a document.",
            limit=LARGEST_DOCUMENT_CHARACTERS,
        )
    return text
