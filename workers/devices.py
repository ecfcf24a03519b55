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
    wanted: str | None, locks: Path, *, waiting: Callable[[str], None]
) -> Iterator[str]:
    """Hold the first free device; the kernel frees the lock of a process that dies.

    `waiting` is called with a device's name while all of them are busy.
    """
    devices = usable_devices(wanted)
    if devices == ["cpu"]:
        yield "cpu"
        return
    locks.mkdir(parents=True, exist_ok=True)
    device, lock = _acquire(devices, locks, waiting)
    with lock:
        yield device


def _acquire(devices: list[str], locks: Path, waiting: Callable[[str], None]) -> tuple[str, TextIO]:
    while True:
        for device in devices:
            lock = (locks / f"{device.replace(':', '-')}.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                return device, lock
        waiting(devices[0])
        time.sleep(RETRY_SECONDS)
