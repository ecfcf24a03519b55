"""Register a request log: its file into the store, its totals beside it."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from linearity.adapters.limited import Limits, call_limited
from linearity.adapters.state import InputRow
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json, canonical_json
from linearity.contracts.logs import LogRecord
from linearity.errors import InputChangedError, PathNotAllowedError, UnknownInputError

READING = Limits(cpu_seconds=4 * 3600, wall_seconds=6 * 3600.0)
LOOKING = Limits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=60.0)


def prepare_log(
    row: InputRow,
    *,
    roots: Sequence[Path] | None,
    store: ArtifactStore,
    log: Callable[[str], None],
) -> LogRecord:
    """Read a log, sum it and return its record.

    Parameters
    ----------
    row : InputRow
        With options as `confirmed_options` made them.
    roots : sequence of Path, or None
        Folders that a log on this machine may lie in.
    store : ArtifactStore
        Receives the file, for sets are made of it, and its totals.
    log : callable
        Receives lines for people.

    Raises
    ------
    LinearScopeError
        If the file cannot be read as the options say.
    """
    options = row.options or {}
    path = locate_log(row, roots=roots, store=store)
    before = path.stat()
    argument = {
        "path": str(path.absolute()),
        "name": row.name,
        "options": options["read"],
        "tokenizer": locate_tokenizer(options.get("tokenizer"), store),
    }
    summary = call_limited(
        "linearity.adapters.log_reader:read_log", argument, limits=READING, log=log
    )
    if row.source == "upload":
        fingerprint = path.name
    else:
        # Only now: of a log that is refused, nothing is kept.
        _check_unchanged(before, path, row.name)
        fingerprint = store.put_file(path)[0]
    return _record(row, store, fingerprint, cast("Mapping[str, Json]", summary))


def preview(
    row: InputRow,
    known: Mapping[str, Json],
    *,
    roots: Sequence[Path] | None,
    store: ArtifactStore,
) -> dict[str, Json]:
    """Return the beginning of a log and a proposal how to read it (`preview_log`)."""
    path = locate_log(row, roots=roots, store=store)
    argument: Json = {"path": str(path.absolute()), "name": row.name, "options": dict(known)}
    seen = call_limited("linearity.adapters.log_preview:preview_log", argument, limits=LOOKING)
    return dict(cast("Mapping[str, Json]", seen))


def locate_log(row: InputRow, *, roots: Sequence[Path] | None, store: ArtifactStore) -> Path:
    """Return where the file of a log is: in the store, or where its owner keeps it.

    Raises
    ------
    UnknownInputError
        If it is not there.
    PathNotAllowedError
        If it lies outside `roots`.
    """
    if row.source == "upload":
        path = store.path(str((row.options or {}).get("file")))
    else:
        path = Path(row.reference).resolve()
        # Judged again here: a link may have changed since the path was registered.
        if roots is not None and not any(path.is_relative_to(root.resolve()) for root in roots):
            raise PathNotAllowedError(
                "this log lies outside the folders that files may be read from",
                next_step="Ask the operator to add its folder to LINEARSCOPE_MODEL_ROOTS.",
            )
    if not path.is_file():
        raise UnknownInputError(
            f"the file of the log {row.name} is not there", next_step="Give the path of one file."
        )
    return path


def locate_tokenizer(given: Json, store: ArtifactStore) -> str | None:
    """Return the path of the tokenizer file that options name by ``sha256`` and ``path``."""
    if not isinstance(given, Mapping):
        return None
    kept = given.get("path")
    path = Path(kept) if isinstance(kept, str) else store.path(str(given["sha256"]))
    if not path.is_file():
        raise InputChangedError(
            "the tokenizer that was to count tokens is gone",
            next_step="Register the model again, or estimate tokens from characters.",
        )
    return str(path.absolute())


def _check_unchanged(before: os.stat_result, path: Path, name: str) -> None:
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputChangedError(
            f"the file of the log {name} changed while it was read",
            next_step="Register the log again when nothing writes to its file.",
        )


def _record(
    row: InputRow, store: ArtifactStore, fingerprint: str, summary: Mapping[str, Json]
) -> LogRecord:
    skipped = cast("list[Mapping[str, int]]", summary["skipped"])
    return LogRecord(
        id=row.id,
        name=row.name,
        source=row.source,
        reference=row.reference,
        fingerprint=fingerprint,
        summary=store.put(canonical_json(summary)),
        size=store.path(fingerprint).stat().st_size,
        requests=cast("Mapping[str, int]", summary["totals"])["requests"],
        skipped=sum(kind["rows"] for kind in skipped),
        routes=len(cast("list[Json]", summary["routes"])),
        prompts=cast("Mapping[str, int]", summary["known"])["prompt"],
        first=cast("str | None", summary["first"]),
        last=cast("str | None", summary["last"]),
    )
