"""Which device, how much memory it has left, and what that means for the work on it."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from linearity.errors import OutOfDeviceMemoryError
from linearity.models.loaded import LoadedModel

Item = TypeVar("Item")
Done = TypeVar("Done")

LEAST_BATCH, LARGEST_BATCH = 2048, 16_384
"""Tokens of one forward pass: fewer leave a GPU idle, more gain nothing (7B shape, one H100)."""
BATCH_SHARE = 6
"""One in this many bytes of what is free may go to one batch and its copies in float32."""
STREAMED_BYTES = 2 << 30
"""The same of a model that streams through memory because there is little of it."""
SMALLEST_BATCH = 256


def default_device() -> str:
    """Return ``cuda:0`` if a GPU can be used, else ``cpu``."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def free_bytes(device: torch.device) -> int:
    """Return the bytes that this process may take of a GPU, or installed for the processor."""
    if device.type != "cuda":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free, total = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device)
    allowed = torch.cuda.get_per_process_memory_fraction(device) * total - reserved
    cached = reserved - torch.cuda.memory_allocated(device)
    return max(int(min(free, allowed)) + cached, 0)


def batch_tokens(model: LoadedModel) -> int:
    """Return how many tokens go through the model at a time; only speed depends on it."""
    if model.source is not None:
        fitting = STREAMED_BYTES // (model.states * model.width * (2 + 3 * 4))
        return min(max(fitting, SMALLEST_BATCH), LEAST_BATCH)
    if model.device.type != "cuda":
        return LEAST_BATCH  # large enough for a processor, and small enough for its caches
    a_token = model.states * model.width * (2 * 4 + 3 * 4)  # recorded and stacked, three copies
    fitting = free_bytes(model.device) // BATCH_SHARE // a_token
    return min(max(fitting, LEAST_BATCH), LARGEST_BATCH)


def by_halves(
    work: Callable[[Sequence[Item]], Done],
    items: Sequence[Item],
    too_large: Callable[[Item], OutOfDeviceMemoryError],
) -> list[Done]:
    """Do some work on all items at once; where the device has no room, on one half after the other.

    Parameters
    ----------
    work : callable
    items : sequence
        At least one.
    too_large : callable
        Returns what to raise about a single item that does not fit.

    Returns
    -------
    list
        What `work` returned, piece by piece, in the order of the items.
    """
    try:
        return [work(items)]
    except torch.OutOfMemoryError as error:
        if len(items) == 1:
            raise too_large(items[0]) from error
    # Here the error has let go of what it held.
    torch.cuda.empty_cache()
    half = len(items) // 2
    return [*by_halves(work, items[:half], too_large), *by_halves(work, items[half:], too_large)]
