"""What a model would need here, told before it is registered: memory, minutes, which device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from backend.queue import Queue
from backend.submissions import measured_speed
from linearity.adapters.first_look import FirstLook
from linearity.adapters.live import Live
from linearity.adapters.machine import memory_bytes
from linearity.adapters.state import State
from linearity.contracts.estimate import estimate, settle_pairs
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.linearity import KIND, METHOD, SCHEMA, parse_params
from linearity.contracts.runs import RunRequest

UNKNOWN = "0" * 64
"""Fingerprint of what has not been read yet; an estimate does not depend on it."""


@dataclass(frozen=True)
class Device:
    """What a worker computes on, as it has said itself; a size that is not known is None."""

    name: str
    memory_bytes: int | None


def forecast(look: FirstLook, *, state: State, devices: Sequence[Device]) -> dict[str, Any] | None:
    """Return what a `linearity` run with default parameters takes; None if that is not known.

    Whether it fits is asked of every device for all pairs of states; where all pairs do not fit
    this machine, the run is the one of neighbouring states that the server would queue.
    """
    record = _record(look)
    if record is None:
        return None
    params = parse_params({}, model=record).as_json()
    asked = RunRequest(
        kind=KIND, schema=SCHEMA, method=METHOD, model=UNKNOWN, dataset=UNKNOWN, params=params
    )
    request = settle_pairs(asked, record, memory_bytes=memory_bytes())
    speed = measured_speed(state, record.id, kind=KIND)
    cost = estimate(request, record, flops_per_second=speed)
    fits = [
        {
            "name": device.name,
            "memory_bytes": device.memory_bytes,
            "fits": None
            if device.memory_bytes is None
            else cost.memory_bytes <= device.memory_bytes,
            "mode": None if device.memory_bytes is None else cost.mode_on(device.memory_bytes),
        }
        for device in devices
    ]
    return {
        **cost.as_json(),
        "seconds": list(cost.seconds),
        "tokens": params["tokens"],
        "measured_speed": speed is not None,
        "server_memory_bytes": memory_bytes(),
        "devices": fits,
    }


def known_devices(queue: Queue, live: Live) -> list[Device]:
    """Return what the workers that live compute on; empty if no worker has said so."""
    try:
        told = [live.get_device(worker.name) for worker in queue.workers()]
    except RedisError:
        return []
    devices = [_device(item) for item in told if item]
    return sorted(set(devices), key=lambda device: (device.name, device.memory_bytes or 0))


def _device(told: dict[str, Any]) -> Device:
    size = told.get("memory_bytes")
    return Device(str(told.get("name"))[:80], size if isinstance(size, int) else None)


def _record(look: FirstLook) -> ModelRecord | None:
    sizes = (look.blocks, look.width, look.vocabulary, look.context, look.parameters)
    if look.reasons or any(size is None for size in sizes):
        return None
    return ModelRecord(
        id="",
        name="",
        source="hub",
        reference="",
        fingerprint=UNKNOWN,
        family=look.family or "",
        blocks=look.blocks or 0,
        width=look.width or 0,
        vocabulary=look.vocabulary or 0,
        context=look.context or 0,
        parameters=look.parameters or 0,
        dtype=look.dtype or "float32",
        size=look.weight_bytes,
    )
