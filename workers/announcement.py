"""What a worker tells of itself when it starts: on which device, and how much memory that has."""

import subprocess

import redis

from linearity.adapters.live import Live
from linearity.adapters.machine import memory_bytes
from linearity.adapters.settings import Settings
from workers.devices import usable_devices

QUESTION = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
ANSWER_SECONDS = 10
MIB = 1 << 20


def announce(worker: str, settings: Settings) -> None:
    """Tell the web process what `worker` computes on; without Redis nobody is told."""
    name, size = describe_device(settings.device)
    live = Live(settings.queue_url, settings.queue_url, quick=True)
    try:
        live.announce_device(worker, name, size)
    except redis.RedisError:
        return  # an estimate then says that the device is not known
    finally:
        live.close()


def describe_device(wanted: str | None) -> tuple[str, int | None]:
    """Return the name and memory of the first device to be tried, without initialising CUDA."""
    device = usable_devices(wanted)[0]
    if device == "cpu":
        return "CPU", memory_bytes()
    try:
        asked = [*QUESTION, f"--id={device.partition(':')[2]}"]
        told = subprocess.run(
            asked, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True
        )
        name, size = told.stdout.strip().rsplit(", ", 1)
        return name, int(size) * MIB
    except (OSError, subprocess.SubprocessError, ValueError):
        return device, None
