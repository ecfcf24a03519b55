"""The folder of an export while it is being made, and its one step from nothing to all there.

Everything is written where nobody looks for it. It becomes a folder of the user's by one rename,
or objects of the artifact store, and only after it was proven; until then it goes with whatever
stops the run.
"""

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from linearity.adapters.machine import free_disk_bytes, size_text
from linearity.adapters.store import ArtifactStore, file_sha256
from linearity.contracts.export import ExportedFile
from linearity.errors import DiskFullError, InvalidParameterError

OUT_DIR = "--out-dir"
PREFIX = ".linearscope-"
SMALL_FILES = 16 << 20
"""Room for what stands beside weights."""


@contextlib.contextmanager
def staged_folder(within: Path, name: str = "") -> Iterator[Path]:
    """Yield an empty folder in `within`, which is gone afterwards unless it was published.

    Parameters
    ----------
    within : Path
    name : str
        Of the run, where nobody else works on it: what an attempt of it left that was killed goes.

    Raises
    ------
    DiskFullError
        If the disk has no more room for what is written meanwhile.
    """
    folder = within / f"{PREFIX}{name or secrets.token_hex(8)}"
    with _full_disk(within):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def store_staging(store: ArtifactStore) -> Path:
    """Return where a folder is made that becomes objects of the store; swept when left behind."""
    return store.root / "staging"


def check_room(staged: Path, wanted: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises
    ------
    DiskFullError
    """
    free = free_disk_bytes(staged)
    if free < wanted + SMALL_FILES:
        needed = size_text(wanted + SMALL_FILES)
        raise _full(staged.parent, f"{needed} are needed and {size_text(free)} are free")


def check_destination(folder: Path) -> Path:
    """Return where a folder of the user's is made: beside it, so that a rename is enough.

    Raises
    ------
    InvalidParameterError
        If something is there already, or it cannot be written there.
    """
    if os.path.lexists(folder) and not _is_empty_folder(folder):
        raise InvalidParameterError(
            OUT_DIR,
            wanted="a folder that does not exist, or is empty",
            got=str(folder),
            next_step="Name another folder, or remove this one: nothing is ever overwritten.",
        )
    parent = folder.absolute().parent
    try:
        with tempfile.TemporaryFile(dir=parent):
            return parent
    except OSError as error:
        raise InvalidParameterError(
            OUT_DIR,
            wanted="a folder in one that exists and may be written to",
            got=str(folder),
            next_step=f"{parent.name or parent}: {error.strerror}.",
        ) from error


def publish_folder(staged: Path, folder: Path) -> list[ExportedFile]:
    """Make a proven folder the user's; return its files.

    Raises
    ------
    InvalidParameterError
        If something has come to be there meanwhile.
    """
    files = _files(staged)
    _flush(staged)
    check_destination(folder)
    if folder.is_dir() and not folder.is_symlink():
        folder.rmdir()
    staged.chmod(0o755)
    staged.rename(folder.absolute())
    _sync(folder.absolute().parent)
    return files


def publish_objects(staged: Path, store: ArtifactStore) -> list[ExportedFile]:
    """Make the files of a proven folder objects of the store, without a copy; return them."""
    files = _files(staged)
    _flush(staged)
    for file in files:
        store.adopt(staged / file.name, file.sha256)
    return files


@contextlib.contextmanager
def _full_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _full(folder, str(error.strerror)) from error
        raise


def _full(folder: Path, why: str) -> DiskFullError:
    return DiskFullError(
        f"the disk of the folder {folder.name} has no room for the export ({why}); nothing of it "
        "was kept",
        next_step="Free space, or export to another disk.",
    )


def _files(staged: Path) -> list[ExportedFile]:
    return [
        ExportedFile(path.name, file_sha256(path), path.stat().st_size)
        for path in sorted(staged.iterdir())
    ]


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _flush(staged: Path) -> None:
    for path in staged.iterdir():
        _sync(path)
    _sync(staged)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
