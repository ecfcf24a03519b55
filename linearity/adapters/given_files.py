"""Files of a model that somebody gave, read without trust: no link, no device, no pipe."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from linearity.adapters.findings import Findings
from linearity.contracts.canonical import Json, strict_loads
from linearity.contracts.model_files import CONFIG, GENERATION, INDEX, TOKENIZER
from linearity.errors import MalformedJSONError

TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
SENTENCEPIECE = "tokenizer.model"
TEMPLATE = "chat_template.jinja"

LARGEST = {
    CONFIG: 1 << 20,
    TOKENIZER: 32 << 20,
    TOKENIZER_CONFIG: 4 << 20,
    SPECIAL_TOKENS: 1 << 20,
    SENTENCEPIECE: 32 << 20,
    TEMPLATE: 1 << 20,
    GENERATION: 1 << 20,
    INDEX: 16 << 20,
}
"""The small files of a model, in the order of its fingerprint, and the largest size of each."""


@dataclass(frozen=True)
class GivenFile:
    """A file of a model: the name it has there, and where its bytes are."""

    name: str
    path: Path


@contextmanager
def open_given(path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """Open a regular file for reading, not following a link, and tell what it is.

    Raises
    ------
    OSError
        If it is anything else.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path.name} is not a regular file")
        yield stream, status


@dataclass(frozen=True)
class SmallFile:
    """The bytes of a small file, and when it was last changed."""

    data: bytes
    modified_ns: int


def read_small(file: GivenFile, findings: Findings) -> SmallFile | None:
    """Return a small file, or None with a finding if it is larger than it may be."""
    limit = LARGEST[file.name]
    with open_given(file.path) as (stream, status):
        if status.st_size <= limit:
            return SmallFile(stream.read(limit), status.st_mtime_ns)
        findings.refuse(
            "file_too_large",
            f"{file.name} has {status.st_size:,} bytes, at most {limit:,} are read",
            file=file.name,
            bounds=(limit, status.st_size),
        )
    return None


def parse_object(data: bytes, name: str, findings: Findings) -> dict[str, Json] | None:
    """Return the JSON object that `data` spells, or None with a finding."""
    try:
        value = strict_loads(data)
    except MalformedJSONError as error:
        findings.refuse("bad_json", f"{name}: {error.message}", file=name)
        return None
    if not isinstance(value, dict):
        findings.refuse("bad_json", f"{name} is not a JSON object", file=name)
        return None
    return value
