"""How many previews are made at once: each is a process with memory of its own."""

import contextlib
import threading
from collections.abc import Iterator

from backend.refusals import BusyError

MOST_AT_ONCE = 2
MOST_WAITING = 8
"""Each waits in a thread that the rest of the page needs too."""
WAIT_SECONDS = 30.0

_PLACES = threading.BoundedSemaphore(MOST_AT_ONCE)
_QUEUE = threading.BoundedSemaphore(MOST_AT_ONCE + MOST_WAITING)


@contextlib.contextmanager
def preview_place() -> Iterator[None]:
    """Hold one of the places while the block runs.

    Raises
    ------
    BusyError
        If too many wait already, or none became free in time.
    """
    if not _QUEUE.acquire(blocking=False):
        raise _busy()
    try:
        if not _PLACES.acquire(timeout=WAIT_SECONDS):
            raise _busy()
        try:
            yield
        finally:
            _PLACES.release()
    finally:
        _QUEUE.release()


def _busy() -> BusyError:
    return BusyError(
        f"{MOST_AT_ONCE} previews are being made", next_step="Try again in a few seconds."
    )
