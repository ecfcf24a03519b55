"""Which device an attempt computes on, and the locks that keep others off a GPU."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from linearity.errors import InvalidParameterError

RETRY_SECONDS = 0.25


def usable_devices(wanted: str | None) -> list[str]:
    """Return the devices to try, best first; several that are used together are one of them.

    Raises
    ------
    InvalidParameterError
        If a GPU is wanted that this machine does not have.
    """
    if wanted == "cpu":
        return ["cpu"]
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if wanted is None:
        return found or ["cpu"]
    if wanted == "cuda" and found:
        return found
    if not set(wanted.split(",")) <= set(found):
        raise InvalidParameterError(
            "LINEARSCOPE_DEVICE",
            wanted=f"one of {', '.join(['cpu', *found])}",
            got=wanted,
        )
    return [wanted]


@contextmanager
def hold_device(
    wanted: str | None, locks: Path, *, waiting: Callable[[str], None], lane: str = ""
) -> Iterator[str]:
    """Hold the first free device, or several together; the kernel frees a dead process's locks.

    `waiting` is called with a device's name while all of them are busy. Each `lane` has locks of
    its own: what somebody waits for in front of the page shares a GPU with a long analysis.
    """
    devices = usable_devices(wanted)
    if devices == ["cpu"]:
        yield "cpu"
        return
    locks.mkdir(parents=True, exist_ok=True)
    suffix = f"-{lane}.lock" if lane else ".lock"
    files = {
        device: [locks / f"{part.replace(':', '-')}{suffix}" for part in device.split(",")]
        for device in devices
    }
    device, held = _acquire(files, waiting)
    with held:
        yield device


def _acquire(files: dict[str, list[Path]], waiting: Callable[[str], None]) -> tuple[str, ExitStack]:
    while True:
        for device, parts in files.items():
            held = _all_of(parts)
            if held is not None:
                return device, held
        waiting(next(iter(files)))
        time.sleep(RETRY_SECONDS)


def _all_of(files: list[Path]) -> ExitStack | None:
    """Return all the locks, or None and none of them: who waits holds nothing."""
    with ExitStack() as held:
        for file in files:
            lock = held.enter_context(file.open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
        return held.pop_all()
