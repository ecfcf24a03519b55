"""The file of the current request as the tus library sees it.

The library keeps its own notes about a file beside the file. Ours are rows of the state database,
so it is given them when it asks, and what it wants to write down is known already.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from fastapi import HTTPException
from tuspyserver.storage import TusStorage

from backend.uploads.reception import CURRENT
from linearity.errors import LinearScopeError


class RefusedError(HTTPException):
    """One of our own errors on its way through the library, which passes on HTTP errors only."""

    def __init__(self, error: LinearScopeError) -> None:
        super().__init__(400, error.message)
        self.error = error


class ReceivingStorage(TusStorage):
    """Hands everything to the reception of the current request."""

    async def exists(self, uid: str) -> bool:
        """Say yes: a request without a row was refused before."""
        return CURRENT.get().row.id == uid

    async def size(self, uid: str) -> int:
        """Return how many bytes count."""
        return CURRENT.get().row.received

    async def append(self, uid: str, chunk: bytes) -> None:
        """Take bytes."""
        with _passing():
            await CURRENT.get().append(chunk)

    async def flush(self, uid: str) -> None:
        """Put the bytes of this request on the disk."""
        with _passing():
            await CURRENT.get().flush()

    async def finalize(self, uid: str) -> None:
        """Make the whole file an object of the store."""
        with _passing():
            await CURRENT.get().finish()

    async def read_info(self, uid: str) -> dict[str, Any]:
        """Return what the database knows, in the library's words.

        It answers HEAD with 400 unless both a name and a type are among the metadata.
        """
        row, days = CURRENT.get().row, CURRENT.get().desk.days
        touched = datetime.fromisoformat(row.touched.replace("Z", "+00:00"))
        expires = (touched + timedelta(days=days)).replace(microsecond=0)
        return {
            "metadata": {"filename": row.name, "filetype": "application/octet-stream"},
            "size": row.size,
            "offset": row.received,
            "created_at": row.touched,
            "expires": format_datetime(expires, usegmt=True),
        }

    async def write_info(self, uid: str, data: dict[str, Any]) -> None:
        """Write nothing: the database counted the bytes when they were on the disk."""

    @contextlib.asynccontextmanager
    async def lock(self, uid: str) -> AsyncIterator[None]:  # type: ignore[override]  # untyped there
        """Hold the file alone."""
        async with contextlib.AsyncExitStack() as stack:
            with _passing():
                await stack.enter_async_context(CURRENT.get().lock())
            yield

    async def create(self, uid: str) -> None:
        """Refuse: files are declared together with their input."""
        raise NotImplementedError

    async def delete(self, uid: str) -> None:
        """Refuse: files go with their input."""
        raise NotImplementedError

    async def read(self, uid: str) -> bytes | None:
        """Refuse: nothing that was uploaded is sent back."""
        raise NotImplementedError

    async def list_uids(self) -> list[str]:
        """Refuse: the database knows them."""
        raise NotImplementedError

    def location(self, uid: str) -> str:
        """Return a handle that names no path."""
        return uid


@contextlib.contextmanager
def _passing() -> Iterator[None]:
    try:
        yield
    except LinearScopeError as error:
        raise RefusedError(error) from error
