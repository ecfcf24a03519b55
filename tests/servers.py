"""Real servers and processes for tests; each ends with the test that wanted it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.embedded import EmbeddedValkey

PATIENCE_SECONDS = 60.0


@contextmanager
def running_valkey(folder: Path) -> Iterator[EmbeddedValkey]:
    """A queue server of one's own."""
    server = EmbeddedValkey(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def eventually(condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `condition` holds; fail when it does not within a generous time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {seconds:.0f} s"
        time.sleep(0.05)


def processes_of(data: Path) -> list[int]:
    """Return the living processes whose command or environment names the data folder (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it ended, or belongs to somebody else
        if bytes(data) in text:  # a process that ended but was not waited for has neither
            found.append(int(entry.name))
    return found
