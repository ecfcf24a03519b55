"""The artifact store: immutable bytes on a local disk, named by their sha256.

Writes go to a staging file in the store itself, are flushed to the disk and renamed, so that an
object is either whole or absent. Keys are made of hexadecimal digits and fixed names only; no
text of a user ever becomes part of a path.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from linearity.contracts.canonical import Json, canonical_json, sha256_hex, strict_loads
from linearity.errors import CorruptObjectError, DiskFullError

CHUNK_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[0-9a-f]{32}")


class ArtifactStore:
    """Objects below one folder: ``objects/ab/abcdef...`` and small named ``refs/<sha256>``.

    ``staging`` holds what is being written, ``incoming`` what is being uploaded over days.
    `tell` hears the name of every object that has been stored.
    """

    def __init__(self, root: Path, tell: Callable[[str], object] = lambda _: None) -> None:
        self.root = root
        self._tell = tell
        for name in ("objects", "refs", "staging", "incoming"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the object is, or would be."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"wanted 64 hexadecimal digits, got {sha256[:80]!r}")
        return self.root / "objects" / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether the object is here."""
        return self.path(sha256).is_file()

    def put(self, data: bytes) -> str:
        """Store `data` and return its sha256."""
        with self.writer() as writer:
            writer.write(data)
        return writer.sha256

    def put_file(self, source: Path) -> tuple[str, int]:
        """Copy a file into the store and return its sha256 and size."""
        with self.writer() as writer, source.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                writer.write(chunk)
        return writer.sha256, writer.size

    def part(self, id: str) -> Path:
        """Return where the bytes of a file lie while it is being uploaded."""
        if not _PART.fullmatch(id):
            raise ValueError(f"wanted 32 hexadecimal digits, got {id[:80]!r}")
        return self.root / "incoming" / id

    def parts(self) -> list[Path]:
        """Return the files that are being uploaded, or were left behind."""
        return list((self.root / "incoming").iterdir())

    def adopt(self, part: Path, sha256: str) -> None:
        """Make a file of this store, flushed and digested by the caller, an object: no copy."""
        target = self.path(sha256)
        with disk_errors():
            _publish(part, target)
        self._tell(sha256)

    def get(self, sha256: str) -> bytes:
        """Return the bytes of an object, checked against their name.

        Raises
        ------
        FileNotFoundError
            If there is no such object.
        CorruptObjectError
            If the bytes no longer match the name.
        """
        data = self.path(sha256).read_bytes()
        if sha256_hex(data) != sha256:
            raise CorruptObjectError(
                f"the stored object {sha256[:12]} is damaged",
                next_step="Run the analysis again; it writes a fresh copy.",
                sha256=sha256,
            )
        return data

    def delete(self, sha256: str) -> None:
        """Remove an object; absent is fine."""
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self, *, older_than_seconds: float) -> int:
        """Delete what interrupted writes left behind; return how many entries went."""
        oldest = time.time() - older_than_seconds
        left = [path for path in (self.root / "staging").iterdir() if path.stat().st_mtime < oldest]
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(left)

    def set_ref(self, name: Json, value: Json) -> None:
        """Remember a small value under any name; the name is digested, never a path."""
        with _staged(self.root / "refs" / sha256_hex(canonical_json(name))) as stream:
            stream.write(canonical_json(value))

    def get_ref(self, name: Json) -> Json:
        """Return what `set_ref` remembered, or None."""
        try:
            data = (self.root / "refs" / sha256_hex(canonical_json(name))).read_bytes()
        except FileNotFoundError:
            return None
        return strict_loads(data)

    def delete_ref(self, name: Json) -> None:
        """Forget what `set_ref` remembered; nothing there is fine."""
        (self.root / "refs" / sha256_hex(canonical_json(name))).unlink(missing_ok=True)

    @contextlib.contextmanager
    def writer(self) -> Iterator["ObjectWriter"]:
        """Write an object piece by piece; it appears when the block ends without an error."""
        staged = self.root / "staging" / secrets.token_hex(16)
        with disk_errors():
            try:
                with staged.open("xb") as stream:
                    writer = ObjectWriter(stream)
                    yield writer
                    _flush(stream)
                writer.sha256 = writer.hasher.hexdigest()
                _publish(staged, self.path(writer.sha256))
            finally:
                staged.unlink(missing_ok=True)
        self._tell(writer.sha256)


class ObjectWriter:
    """Counts and digests what passes through on its way to the disk."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.hasher = hashlib.sha256()
        self.size = 0
        self.sha256 = ""

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`."""
        self.stream.write(data)
        self.hasher.update(data)
        self.size += len(data)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _staged(target: Path) -> Iterator[BinaryIO]:
    staged = target.parent.parent / "staging" / secrets.token_hex(16)
    with disk_errors():
        try:
            with staged.open("xb") as stream:
                yield stream
                _flush(stream)
            _publish(staged, target)
        finally:
            staged.unlink(missing_ok=True)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _publish(staged: Path, target: Path) -> None:
    staged.chmod(0o444)
    target.parent.mkdir(exist_ok=True)
    staged.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Say a full disk as our own error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                "the disk that holds the data folder is full",
                next_step="Free space or set LINEARSCOPE_DATA to a larger disk, then try again.",
            ) from error
        raise
