"""Which device an attempt computes on, and the lock that keeps others off a GPU."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import torch

from linearity.errors import InvalidParameterError

RETRY_SECONDS = 0.25


def usable_devices(wanted: str | None) -> list[str]:
    """Return the devices to try, best first.

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
    if wanted not in found:
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
    """Hold the first free device; the kernel frees the lock of a process that dies.

    `waiting` is called with a device's name while all of them are busy. Each `lane` has locks of
    its own: what somebody waits for in front of the page shares a GPU with a long analysis.
    """
    devices = usable_devices(wanted)
    if devices == ["cpu"]:
        yield "cpu"
        return
    locks.mkdir(parents=True, exist_ok=True)
    suffix = f"-{lane}.lock" if lane else ".lock"
    files = {device: locks / f"{device.replace(':', '-')}{suffix}" for device in devices}
    device, lock = _acquire(files, waiting)
    with lock:
        yield device


def _acquire(files: dict[str, Path], waiting: Callable[[str], None]) -> tuple[str, TextIO]:
    while True:
        for device, file in files.items():
            lock = file.open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                return device, lock
        waiting(next(iter(files)))
        time.sleep(RETRY_SECONDS)
