"""What a worker tells of itself: on which device it computes, and how much memory that has."""

import contextlib
import subprocess

import redis

from linearity.adapters.live import Live
from linearity.adapters.machine import memory_bytes
from linearity.adapters.settings import Settings
from workers.devices import usable_devices

QUESTION = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
ANSWER_SECONDS = 10
MIB = 1 << 20


class Announcement:
    """Tells the web process what a worker computes on, again and again: Redis may be emptied."""

    def __init__(self, worker: str, settings: Settings) -> None:
        self._worker = worker
        self._device = describe_device(settings.device, most=settings.device_memory)
        self._live = Live(settings.queue_url, settings.queue_url, quick=True)

    def __call__(self) -> None:
        """Tell it; without Redis nobody is told."""
        # An estimate then says that the device is not known.
        with contextlib.suppress(redis.RedisError):
            self._live.announce_device(self._worker, *self._device)


def describe_device(wanted: str | None, *, most: int | None = None) -> tuple[str, int | None]:
    """Return the name and memory of the first device to be tried, without initialising CUDA.

    Of several that are used together it is what they have together; of each at most `most` bytes
    count.
    """
    device = usable_devices(wanted)[0]
    if device == "cpu":
        return "CPU", min(memory_bytes(), most or memory_bytes())
    try:
        asked = [*QUESTION, f"--id={device.replace('cuda:', '')}"]
        told = subprocess.run(
            asked, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True
        )
        lines = [line.rsplit(", ", 1) for line in told.stdout.strip().splitlines()]
        name = " + ".join(name for name, _ in lines)
        sizes = [int(size) * MIB for _, size in lines]
        return name, sum(min(size, most or size) for size in sizes)
    except (OSError, subprocess.SubprocessError, ValueError):
        return device, None
