"""Which files may be uploaded, judged by name and size before the first byte.

A name is compared with a short list and afterwards only displayed; it never becomes a path.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from backend.refusals import TooLargeError, UnsupportedFileError
from linearity.contracts.canonical import Json
from linearity.contracts.model_files import (
    CONFIG,
    CONVERT,
    INDEX,
    REFUSED_KINDS,
    SHARD,
    TOKENIZER,
    WEIGHTS,
    is_kept_file,
)
from linearity.errors import InvalidParameterError

File = tuple[str, int]

MOST_FILES = 1000
MOST_FILE_BYTES = 1 << 50
LONGEST_NAME = 200
SUFFIXES = {
    "dataset": (".txt", ".md", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".xlsx"),
    "log": (".jsonl", ".csv"),
}
LARGEST = {CONFIG: 1 << 20, TOKENIZER: 256 << 20, INDEX: 64 << 20}
LARGEST_OTHER = 16 << 20
"""Of the small files of a model; weights have no limit of their own."""

_REASONS = {
    "pickle": "pickled weights are never loaded, because loading them can run code",
    "format": "weights are read from safetensors only",
    "archive": "archives are not unpacked here",
    "code": "code is never run here and not needed",
}
_NEVER = "/\\:\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CONTROLS = ("Cc", "Cs", "Cn", "Co")


def judge_files(kind: str, value: Json) -> tuple[File, ...]:
    """Return the declared names and sizes of an input's files.

    Raises
    ------
    InvalidParameterError
        For the first name or size that cannot be, and for a model that lacks a file.
    UnsupportedFileError
        For the first file of a kind that is never read: pickle, archive, other formats, code.
    TooLargeError
        For a small file that is too large to be one.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_FILES:
        raise InvalidParameterError(
            "files", wanted=f'a list of 1 to {MOST_FILES} {{"name", "size"}}', got=_count(value)
        )
    files = tuple(_judge_file(kind, number, item) for number, item in enumerate(value))
    names = [name.casefold() for name, _ in files]
    for name, _ in files:
        if names.count(name.casefold()) > 1:
            raise InvalidParameterError("files", wanted="every name once", got=name)
    if kind == "model":
        _judge_model([name for name, _ in files])
    return files


def _judge_file(kind: str, number: int, value: Json) -> File:
    place = f"files[{number}]"
    if not isinstance(value, Mapping) or set(value) != {"name", "size"}:
        raise InvalidParameterError(place, wanted='an object {"name", "size"}', got=value)
    name, size = value["name"], value["size"]
    if not isinstance(name, str) or not _is_plain(name):
        raise InvalidParameterError(f"{place}.name", wanted="the plain name of a file", got=name)
    _judge_name(kind, f"{place}.name", name)
    if type(size) is not int or not 1 <= size <= MOST_FILE_BYTES:
        raise InvalidParameterError(
            f"{place}.size", wanted=f"bytes, 1 to {MOST_FILE_BYTES}", got=size
        )
    if kind == "model" and not name.endswith(".safetensors"):
        _judge_size(name, size)
    return name, size


def _judge_name(kind: str, place: str, name: str) -> None:
    if kind == "model":
        if not is_kept_file(name):
            _refuse_kind(name, ())
            raise InvalidParameterError(
                place,
                wanted="config.json, tokenizer.json, tokenizer_config.json, "
                "special_tokens_map.json, generation_config.json, model.safetensors, "
                "model-00001-of-0000N.safetensors, model.safetensors.index.json, LICENSE or NOTICE",
                got=name,
                next_step="Leave this file out; it is not needed.",
            )
    elif not name.lower().endswith(SUFFIXES[kind]) or name.startswith("."):
        _refuse_kind(name, SUFFIXES[kind])
        raise InvalidParameterError(
            place, wanted="a name ending in " + ", ".join(SUFFIXES[kind]), got=name
        )


def _refuse_kind(name: str, wanted: Sequence[str]) -> None:
    reason = REFUSED_KINDS.get(PurePosixPath(name).suffix.lower())
    if reason is None:
        return
    step = {
        "pickle": f"Convert the checkpoint where you trust it, then upload OUT: {CONVERT}",
        "format": f"Upload the safetensors checkpoint it was made from, or write one: {CONVERT}",
        "archive": "Unpack it and upload the files themselves.",
        "code": "Leave it out; no code of a checkpoint is needed.",
    }
    if wanted and reason != "archive":
        step[reason] = f"Upload {', '.join(wanted)}."
    raise UnsupportedFileError(
        f"{name}: {_REASONS[reason]}", next_step=step[reason], reason=reason, file=name
    )


def _judge_size(name: str, size: int) -> None:
    limit = LARGEST.get(name, LARGEST_OTHER)
    if size > limit:
        raise TooLargeError(
            f"{name} has {size:,} bytes, the limit is {limit:,}",
            next_step="Check that it is the right file.",
            limit=limit,
            actual=size,
            file=name,
        )


def _judge_model(names: Sequence[str]) -> None:
    shards = [match for match in map(SHARD.fullmatch, names) if match]
    missing = [name for name in (CONFIG, TOKENIZER) if name not in names]
    if not shards and WEIGHTS not in names:
        missing.append(WEIGHTS)
    if shards:
        missing += _missing_shards({match["number"] for match in shards}, shards[0]["count"])
        missing += [INDEX] if INDEX not in names else []
    if shards and (WEIGHTS in names or len({match["count"] for match in shards}) > 1):
        raise InvalidParameterError(
            "files", wanted="the weights of one model", got=[match[0] for match in shards][:4]
        )
    if missing:
        raise InvalidParameterError(
            "files",
            wanted="config.json, tokenizer.json and all safetensors",
            got=f"no {', no '.join(missing[:4])}",
            next_step="Choose the whole model folder.",
        )


def _missing_shards(numbers: set[str], count: str) -> list[str]:
    most = min(int(count), MOST_FILES)
    wanted = (f"{number:05}" for number in range(1, most + 1))
    return [f"model-{number}-of-{count}.safetensors" for number in wanted if number not in numbers]


def _is_plain(name: str) -> bool:
    """Whether a name is short, printable, and could not be taken for a path or another name."""
    seen = name + unicodedata.normalize("NFKC", name)  # full-width slashes are slashes, too
    return (
        0 < len(name) <= LONGEST_NAME
        and name == name.strip()
        and not name.endswith(".")
        and not any(mark in _NEVER or unicodedata.category(mark) in _CONTROLS for mark in seen)
    )


def _count(value: Json) -> str:
    return f"{len(value)} files" if isinstance(value, list) else type(value).__name__
