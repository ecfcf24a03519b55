"""How a run holds its model: whole in memory, over several devices, or streaming through one.

Decided by what is free when the run starts. It changes no number beyond rounding, so it is no
part of a request; a result says it in its environment.
"""

from dataclasses import dataclass

import torch

from linearity.adapters.machine import memory_bytes, size_text
from linearity.contracts.estimate import estimate, weights_bytes
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.runs import RunRequest
from linearity.errors import OutOfDeviceMemoryError

RESIDENT, STREAMING = "resident", "streaming"


@dataclass(frozen=True)
class Placement:
    """Where a run computes.

    Parameters
    ----------
    device : str
        "cpu" or "cuda:N".
    mode : "resident" | "streaming"
    why : str
        One line for people where it is not the usual mode.
    """

    device: str
    mode: str = RESIDENT
    why: str = ""


def place(request: RunRequest, model: ModelRecord, *, device: str, most: int | None) -> Placement:
    """Return how a run of any kind holds its model.

    Parameters
    ----------
    request : RunRequest
    model : ModelRecord
    device : str
    most : int or None
        Bytes that the run may take; None is all that is free, on a CPU the machine's memory.

    Raises
    ------
    OutOfDeviceMemoryError
        For a kind that needs the whole model in memory, where its weights do not fit.
    """
    free = free_memory(device, most)
    weights = weights_bytes(request, model)
    cost = estimate(request, model, flops_per_second=None)
    if cost.streaming is None:
        if weights <= free:
            return Placement(device)
        raise OutOfDeviceMemoryError(
            f"the weights of {model.name} take {size_text(weights)}, {device} has "
            f"{size_text(free)} for this run, and {request.kind} needs the whole model in memory: "
            "it changes blocks and runs the rest again and again",
            next_step="Use a device with more memory or a smaller dtype. Only linearity streams a "
            "model through memory block by block.",
            device=device,
            needed_bytes=weights,
            free_bytes=free,
        )
    streams_better = cost.streaming.memory_bytes <= free or weights > free
    if cost.memory_bytes <= free or not streams_better:
        return Placement(device)
    return Placement(
        device,
        STREAMING,
        f"{size_text(cost.memory_bytes)} would be needed and {size_text(free)} are free: "
        f"streaming block by block, {size_text(cost.streaming.disk_bytes)} of states on the disk",
    )


def free_memory(device: str, most: int | None) -> int:
    """Return the bytes that a run may take of a device."""
    if device.startswith("cuda"):
        # What this process holds of an earlier run gives way.
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    else:
        free = memory_bytes()
    return free if most is None else min(free, most)


def hold_to(device: str, most: int | None) -> None:
    """Let PyTorch refuse to take more of a GPU's memory than `most` bytes."""
    if device.startswith("cuda"):
        total = torch.cuda.mem_get_info(device)[1]
        share = 1.0 if most is None else min(most / total, 1.0)
        torch.cuda.set_per_process_memory_fraction(share, device)
