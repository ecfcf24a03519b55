"""How a run holds its model: whole in memory, over several devices, or streaming through one.

Decided by what is free when the run starts. It changes no number beyond rounding, so it is no
part of a request; a result says it in its environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from linearity.adapters.machine import memory_bytes, size_text
from linearity.contracts.estimate import Estimate, estimate, weights_bytes
from linearity.contracts.families import runs_whole
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.runs import RunRequest
from linearity.errors import OutOfDeviceMemoryError

RESIDENT, STREAMING, DEVICE_MAP = "resident", "streaming", "device_map"


@dataclass(frozen=True)
class Placement:
    """Where a run computes.

    Parameters
    ----------
    device : str
        "cpu" or "cuda:N": where states and moments are.
    mode : "resident" | "streaming" | "device_map"
    why : str
        One line for people where it is not the usual mode.
    room : mapping of str to int
        Devices that share the blocks, with the bytes that weights may take of each; `device` first.
    """

    device: str
    mode: str = RESIDENT
    why: str = ""
    room: Mapping[str, int] = field(default_factory=dict)

    @property
    def devices(self) -> str:
        """All devices that hold something."""
        return ",".join(self.room) or self.device


def place(request: RunRequest, model: ModelRecord, *, device: str, most: int | None) -> Placement:
    """Return how a run of any kind holds its model.

    Parameters
    ----------
    request : RunRequest
    model : ModelRecord
    device : str
        "cpu", "cuda:N", or several of these joined by commas.
    most : int or None
        Bytes that the run may take of each; None is all that is free, on a CPU the machine's
        memory.

    Raises
    ------
    OutOfDeviceMemoryError
        For a kind that needs the whole model on one device, where its weights do not fit.
    """
    free = {name: free_memory(name, most) for name in device.split(",")}
    first, available = next(iter(free.items()))
    cost = estimate(request, model, flops_per_second=None)
    if cost.streaming is None or runs_whole(model):
        _check_whole(request, model, device=first, free=available)
        return Placement(first)
    if cost.memory_bytes <= available:
        return Placement(first)
    room = _room(request, model, cost, free)
    needed = f"{size_text(cost.memory_bytes)} would be needed and {size_text(available)} are free"
    if room:
        return Placement(
            first, DEVICE_MAP, f"{needed} on {first}: blocks over {', '.join(room)}", room
        )
    if cost.streaming.memory_bytes > available and weights_bytes(request, model) <= available:
        return Placement(first)  # streaming would not help; moments can be made in parts
    disk = size_text(cost.streaming.disk_bytes)
    return Placement(
        first, STREAMING, f"{needed}: streaming block by block, {disk} of states on the disk"
    )


def _check_whole(request: RunRequest, model: ModelRecord, *, device: str, free: int) -> None:
    weights = weights_bytes(request, model)
    if weights <= free:
        return
    does = "asks it about new text" if request.kind == "passage" else "changes blocks"
    why = f"{request.kind} needs the whole model on one device, because it {does}"
    if runs_whole(model):
        why = f"this {model.family} is only run as a whole"
    raise OutOfDeviceMemoryError(
        f"the weights of {model.name} take {size_text(weights)}, {device} has {size_text(free)} "
        f"for this run, and {why}",
        next_step="Use a device with more memory or a smaller dtype. Only linearity streams a "
        "model through memory block by block, or shares it out over several devices.",
        device=device,
        needed_bytes=weights,
        free_bytes=free,
    )


def _room(
    request: RunRequest, model: ModelRecord, cost: Estimate, free: Mapping[str, int]
) -> dict[str, int]:
    """Return what is left for blocks on each device; nothing where they do not fit all together.

    The first one has everything else: embedding, head, moments, states.
    """
    weights = weights_bytes(request, model)
    around = 2 * model.vocabulary * model.width * weights // max(model.parameters, 1)
    blocks = max(weights - around // 2, 0)
    first = next(iter(free))
    others = cost.memory_bytes - weights + around
    room = {
        device: max(size - others, 0) if device == first else size for device, size in free.items()
    }
    # A block is never cut, so each device may keep room for less than one.
    margin = len(room) * blocks // model.blocks
    fits = len(free) > 1 and free[first] >= others and blocks + margin <= sum(room.values())
    return room if fits else {}


def free_memory(device: str, most: int | None) -> int:
    """Return the bytes that a run may take of a device."""
    if device.startswith("cuda"):
        # What this process holds of an earlier run gives way.
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    else:
        free = memory_bytes()
    return free if most is None else min(free, most)


def hold_to(devices: str, most: int | None) -> None:
    """Let PyTorch refuse to take more than `most` bytes of each GPU's memory."""
    for device in devices.split(","):
        if device.startswith("cuda"):
            total = torch.cuda.mem_get_info(device)[1]
            share = 1.0 if most is None else min(most / total, 1.0)
            torch.cuda.set_per_process_memory_fraction(share, device)


def device_names(devices: str) -> str:
    """Return what hardware some devices are, for example ``2 x NVIDIA H100``; "" for a CPU."""
    names = [torch.cuda.get_device_name(d) for d in devices.split(",") if d.startswith("cuda")]
    counted = {name: names.count(name) for name in names}
    return ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counted.items())
