"""Text to measure on: built-in corpora that come with Python, and the user's own files."""

import json
import platform
import sysconfig
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

from linearity.contracts.canonical import canonical_json, strict_loads
from linearity.errors import MalformedJSONError, RejectedInputError, UnknownInputError

TEXT_SUFFIXES = (".txt", ".md")
LARGEST_DOCUMENT_CHARACTERS = 20_000_000
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


def read_documents(path: Path) -> list[str]:
    """Return the documents of a file or of all text files below a folder, in path order.

    ``.txt`` and ``.md`` hold one document each; ``.jsonl`` one object with a ``text`` a line.

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


def encode_documents(documents: Sequence[str]) -> bytes:
    """Return documents as they are stored: canonical JSON, one object a line.

    Documents without a visible character are left out.

    Raises
    ------
    RejectedInputError
        If nothing is left.
    """
    lines = [canonical_json({"text": text}) for text in documents if text.strip()]
    if not lines:
        raise RejectedInputError(
            f"the dataset holds no text ({len(documents):,} empty documents)",
            reason="no_text",
            next_step="Give .txt, .md or .jsonl files (a text field in every line) with text.",
            documents=len(documents),
        )
    return b"\n".join(lines) + b"\n"


def decode_documents(data: bytes) -> list[str]:
    """Return the documents written by `encode_documents`."""
    return [json.loads(line)["text"] for line in data.split(b"\n") if line]


def _standard_library() -> Iterator[str]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        if _NOT_LIBRARY.isdisjoint(path.relative_to(root).parts):
            try:
                with tokenize.open(path) as stream:
                    yield stream.read()
            except (SyntaxError, UnicodeDecodeError):
                continue  # a few files hold broken encodings on purpose


def _read_file(path: Path) -> Iterator[str]:
    if path.suffix == ".jsonl":
        yield from _read_jsonl(path)
    elif path.suffix in TEXT_SUFFIXES:
        yield _decode(path.read_bytes(), path.name)
    else:
        raise RejectedInputError(
            f"{path.name}: files of this type are not read",
            reason="unsupported_file",
            next_step="Give .txt, .md or .jsonl.",
        )


def _read_jsonl(path: Path) -> Iterator[str]:
    # Split at \n only: other line separators are legal inside a JSON text.
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = strict_loads(line.removeprefix(b"\xef\xbb\xbf"))
            except MalformedJSONError as error:
                raise _bad_line(path, number, error.message) from error
            text = row.get("text") if isinstance(row, dict) else None
            if not isinstance(text, str):
                raise _bad_line(path, number, 'wanted an object with a "text" of type text')
            yield text


def _bad_line(path: Path, number: int, what: str) -> RejectedInputError:
    return RejectedInputError(
        f"{path.name}, line {number}: {what}",
        reason="bad_line",
        next_step='Write one JSON object a line, for example {"text": "..."}.',
        line=number,
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
