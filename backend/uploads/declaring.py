"""Declaring an upload: everything that can refuse it is asked before its first byte."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from backend.quotas import limits_of
from backend.strict_json import check_fields
from backend.uploads.names import judge_files
from linearity.adapters.naming import safe_id
from linearity.adapters.settings import Settings
from linearity.adapters.state import InputRow, State, UploadRow
from linearity.adapters.state_uploads import Declared
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json, digest
from linearity.contracts.inputs import BUILTIN_DATASETS, BUILTIN_MODELS
from linearity.errors import ConflictError, DiskFullError, InvalidParameterError

RESERVE_BYTES = 256 << 20
"""Stays free whatever is uploaded: results, the state database and the queue need room."""

LONGEST_NAME = 80
_BUILTIN = (*BUILTIN_MODELS, *BUILTIN_DATASETS)


def declare_upload(
    kind: str,
    body: Mapping[str, Json],
    *,
    owner: str,
    state: State,
    store: ArtifactStore,
    settings: Settings,
) -> tuple[InputRow, list[UploadRow], bool]:
    """Register an input that waits for its files; the same declaration again finds the first.

    Returns the row, its files, and whether this call made them.

    Raises
    ------
    InvalidParameterError, UnsupportedFileError, TooLargeError
        For what cannot be received.
    ConflictError
        If the name is taken by something else.
    QuotaExceededError, DiskFullError
        If there is no room.
    """
    check_fields(body, required={"source": str, "name": str, "files": list}, optional={})
    declared = _declared(kind, body, owner)
    limits = limits_of(settings)
    _check_taken(declared, state)
    _check_room(declared, state, store)
    row, files, is_new = state.declare_input(declared, limits)
    if not is_new:
        _check_same(declared, row, files)
        return row, files, False
    try:
        for file in files:
            _allocate(store.part(file.id), file.size)
    except DiskFullError:
        forget_parts(store, state.delete_uploads(kind, row.id))
        state.delete_input(kind, row.id)
        raise
    return row, files, True


def forget_parts(store: ArtifactStore, files: list[UploadRow]) -> None:
    """Remove what had been received of `files`."""
    for file in files:
        store.part(file.id).unlink(missing_ok=True)


def _declared(kind: str, body: Mapping[str, Json], owner: str) -> Declared:
    name = str(body["name"])
    if not 0 < len(name) <= LONGEST_NAME or name != name.strip() or not name.isprintable():
        raise InvalidParameterError(
            "name", wanted=f"1 to {LONGEST_NAME} printable characters", got=name
        )
    id = safe_id(name, name) if re.fullmatch(r"[\w.-]+", name, re.ASCII) else _readable_id(name)
    return Declared(kind, id, name, owner, judge_files(kind, body["files"]))


def _readable_id(name: str) -> str:
    """Return an address for a name that is none, apart from every other such name."""
    return safe_id(f"{safe_id(name, name)}-{digest(name)[:8]}", name)


def _check_taken(declared: Declared, state: State) -> None:
    row = state.get_input(declared.kind, declared.id)
    other = row is not None and (row.source != "upload" or row.owner != declared.owner)
    if other or declared.id in _BUILTIN:
        raise _taken(declared)


def _check_same(declared: Declared, row: InputRow, files: list[UploadRow]) -> None:
    if {(file.name, file.size) for file in files} != set(declared.files):
        raise _taken(declared, state=row.state)


def _taken(declared: Declared, **data: object) -> ConflictError:
    return ConflictError(
        f"there is another {declared.kind} called {declared.id}",
        next_step="Choose another name, or remove that one first.",
        reason="name_taken",
        name=declared.name,
        **data,
    )


def _check_room(declared: Declared, state: State, store: ArtifactStore) -> None:
    """Refuse what the disk cannot hold beside what other uploads were promised."""
    if state.uploads_of(declared.kind, declared.id):
        return  # it has its room already
    promised = sum(
        file.size - _allocated(store.part(file.id))
        for _, files in state.receiving_inputs()
        for file in files
        if file.sha256 is None
    )
    free = shutil.disk_usage(store.root).free - max(promised, 0) - RESERVE_BYTES
    if declared.size > free:
        raise DiskFullError(
            f"these files have {declared.size:,} bytes and the disk has room for {max(free, 0):,}",
            next_step="Free space or set LINEARSCOPE_DATA to a larger disk, then try again.",
            limit=max(free, 0),
            actual=declared.size,
        )


def _allocated(part: Path) -> int:
    try:
        return part.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _allocate(part: Path, size: int) -> None:
    """Take the room of a file now, so that nothing else can take it while it is sent."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        raise DiskFullError(
            f"the disk has no room for {size:,} bytes",
            next_step="Free space or set LINEARSCOPE_DATA to a larger disk, then try again.",
        ) from error
    finally:
        os.close(descriptor)
