"""Taking in the bytes of one file: written off the event loop, counted once they are on the disk.

The database holds how many bytes count. What lies behind them in the part file, because a request
broke off or its checksum was wrong, is overwritten by the next one; so a process may be killed at
any moment and the count stays true.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import replace

from backend.refusals import ChecksumMismatchError, UnknownUploadError, UploadConflictError
from backend.uploads.finishing import UploadDesk
from linearity.adapters.state import UploadRow
from linearity.adapters.store import disk_errors

BLOCK_BYTES = 1 << 20
"""Gathered in memory before a thread writes them."""

CHECKPOINT_BYTES = 64 << 20
"""Counted at least so often in a long request without a checksum."""


class Reception:
    """One request that concerns one file; `checksum` is what its bytes must have, if sent along."""

    def __init__(self, row: UploadRow, desk: UploadDesk, checksum: bytes | None = None) -> None:
        self.row = row
        self.desk = desk
        self._checksum = checksum
        self._hasher = hashlib.sha256()
        self._block = bytearray()
        self._end = 0
        self._descriptor = -1

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the file alone, in this process and against every other.

        Raises
        ------
        UploadConflictError
            If another request is sending it.
        """
        await asyncio.to_thread(self._open)
        try:
            yield
        finally:
            os.close(self._descriptor)

    async def append(self, data: bytes) -> None:
        """Take the next bytes."""
        self._block += data
        if len(self._block) >= BLOCK_BYTES:
            await asyncio.to_thread(self._write)

    async def flush(self) -> None:
        """Put everything on the disk and count it.

        Raises
        ------
        ChecksumMismatchError
            If the bytes of this request are not those that were announced; none of them counts.
        """
        await asyncio.to_thread(self._complete)

    async def finish(self) -> None:
        """Make the whole file an object of the store."""
        await asyncio.to_thread(self.desk.finish_file, self.row)

    def _open(self) -> None:
        fresh = os.O_CREAT if self.row.received == 0 else 0
        with disk_errors():
            try:
                part = self.desk.store.part(self.row.id)
                self._descriptor = os.open(part, os.O_WRONLY | os.O_NOFOLLOW | fresh, 0o600)
            except FileNotFoundError:
                raise self.desk.lost(self.row) from None
        try:
            self.row = self._hold()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._end = self.row.received

    def _hold(self) -> UploadRow:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UploadConflictError(
                "another request is sending this file",
                next_step="Ask with HEAD how far it is, and go on from there.",
                reason="in_use",
            ) from error
        row = self.desk.state.get_upload(self.row.id)
        if row is None:
            raise UnknownUploadError
        if os.fstat(self._descriptor).st_size < row.received:
            raise self.desk.lost(row)
        return row

    def _write(self) -> None:
        block, self._block = self._block, bytearray()
        self._hasher.update(block)
        with disk_errors():
            view = memoryview(block)
            while view:
                written = os.pwrite(self._descriptor, view, self._end)
                self._end += written
                view = view[written:]
        if self._checksum is None and self._end - self.row.received >= CHECKPOINT_BYTES:
            self._count()

    def _complete(self) -> None:
        self._write()
        if self._checksum is not None:
            self._check(self._checksum)
        self._count()

    def _check(self, wanted: bytes) -> None:
        if not hmac.compare_digest(self._hasher.digest(), wanted):
            raise ChecksumMismatchError(
                "the bytes that arrived do not have the sha256 that was sent with them",
                next_step="Send them again from the same offset.",
                offset=self.row.received,
            )

    def _count(self) -> None:
        if self._end == self.row.received:
            return
        with disk_errors():
            os.fdatasync(self._descriptor)
        before = self.row.received
        if not self.desk.state.upload_received(self.row.id, before=before, after=self._end):
            raise UploadConflictError("another process is receiving this file", reason="in_use")
        self.row = replace(self.row, received=self._end)


CURRENT: ContextVar[Reception] = ContextVar("reception")
"""The file that the request at hand is about."""
