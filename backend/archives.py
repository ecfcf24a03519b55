"""The files that a run keeps, as one tar archive that is never made: its bytes are told on the way.

Every byte of the archive follows from the names, sizes and digests in the result: headers are
computed, files are read where they lie in the store. So its length is known before the first byte,
any part of it can be asked for again, and neither memory nor disk holds a copy.
"""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backend.refusals import FilesNotHereError
from linearity.adapters.clock import moment_of
from linearity.adapters.state import RunRow
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import digest
from linearity.contracts.parameters import choice

CHUNK_BYTES = 1 << 20
BLOCK = tarfile.BLOCKSIZE
KINDS_WITH_FILES = ("export",)


@dataclass(frozen=True)
class Member:
    """A file of the archive: its name in the folder, its object in the store, its size."""

    name: str
    sha256: str
    size: int


def kept_files(run: RunRow, result: Mapping[str, Any], store: ArtifactStore) -> list[Member]:
    """Return the files that a finished run keeps.

    Raises
    ------
    InvalidParameterError
        For a kind that keeps none.
    FilesNotHereError
        If the run was computed elsewhere, or a file is gone.
    """
    choice("kind", run.kind, KINDS_WITH_FILES)
    files = [Member(item["name"], item["sha256"], item["bytes"]) for item in result["files"]]
    if run.imported is not None:
        raise FilesNotHereError(
            "this run was computed elsewhere, and its files stayed there",
            next_step="Start the same export here, or get the files from where it was computed.",
        )
    gone = [file.name for file in files if not store.has(file.sha256)]
    if gone:
        raise FilesNotHereError(
            f"{gone[0]} of this export is no longer in the store",
            next_step="Start the same export again; it writes the files anew.",
            file=gone[0],
        )
    return files


class Archive:
    """A folder of stored files as a tar archive.

    Parameters
    ----------
    folder : str
        What it unpacks to.
    members : sequence of Member
    created : str
        Moment of every file, ISO 8601 in UTC.
    store : ArtifactStore
    """

    def __init__(
        self, folder: str, members: Sequence[Member], created: str, store: ArtifactStore
    ) -> None:
        self._folder, self._members, self._store = folder, members, store
        self._time = int(moment_of(created).timestamp())

    @property
    def size(self) -> int:
        """All its bytes."""
        return sum(piece.size for piece in self._pieces)

    @property
    def etag(self) -> str:
        """A strong tag: the same files give the same bytes."""
        named = [[member.name, member.sha256, member.size] for member in self._members]
        return f'"{digest([self._folder, self._time, named])[:32]}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to the one before `stop`."""
        at = 0
        for piece in self._pieces:
            first, last = max(start - at, 0), min(stop - at, piece.size)
            if first < last:
                yield from piece.read(first, last, self._store)
            at += piece.size

    @cached_property
    def _pieces(self) -> list["_Piece"]:
        pieces = []
        for member in self._members:
            pieces.append(_Piece(self._header(member)))
            pieces.append(_Piece(sha256=member.sha256, length=member.size))
            pieces.append(_Piece(bytes(-member.size % BLOCK)))
        return [*pieces, _Piece(bytes(2 * BLOCK))]

    def _header(self, member: Member) -> bytes:
        entry = tarfile.TarInfo(f"{self._folder}/{member.name}")
        entry.size, entry.mtime, entry.mode = member.size, self._time, 0o644
        return entry.tobuf(tarfile.PAX_FORMAT)


@dataclass(frozen=True)
class _Piece:
    """Consecutive bytes of an archive: given, or those of an object."""

    data: bytes = b""
    sha256: str = ""
    length: int = 0

    @property
    def size(self) -> int:
        return self.length if self.sha256 else len(self.data)

    def read(self, first: int, last: int, store: ArtifactStore) -> Iterator[bytes]:
        if self.sha256:
            return read_object(store, self.sha256, first, last)
        return iter([self.data[first:last]])


def read_object(store: ArtifactStore, sha256: str, first: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes of a stored object from `first` to the one before `stop`."""
    with store.path(sha256).open("rb") as stream:
        stream.seek(first)
        left = stop - first
        while left:
            chunk = stream.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise OSError("a stored file is shorter than its result says")
            left -= len(chunk)
            yield chunk
