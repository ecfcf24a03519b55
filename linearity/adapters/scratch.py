"""Room on the disk for a run's states: files without a name, which no crash can leave behind."""

import errno
import math
import mmap
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from linearity.adapters.machine import free_disk_bytes, size_text
from linearity.adapters.store import disk_errors
from linearity.errors import DiskFullError

FOLDER = "scratch"
ALWAYS_FREE = 256 << 20


class Scratch:
    """Tensors whose numbers lie in a file; meets `linearity.models.streaming.Room`.

    The file has no name in the folder: the system frees its room when nothing holds the tensor
    any more, also when the process is killed.

    Parameters
    ----------
    root : Path
        The artifact store's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER

    def take(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return a tensor of zeros, on the CPU.

        Raises
        ------
        DiskFullError
            If the disk has not that much room; nothing has been written then.
        """
        needed = math.prod(shape) * dtype.itemsize
        self._folder.mkdir(parents=True, exist_ok=True)
        self._check(needed)
        with disk_errors(), tempfile.TemporaryFile(dir=self._folder) as file:
            _reserve(file.fileno(), needed)
            mapped = mmap.mmap(file.fileno(), needed)
        return torch.frombuffer(mapped, dtype=dtype).view(*shape)

    def _check(self, needed: int) -> None:
        free = free_disk_bytes(self._folder) - ALWAYS_FREE
        if needed > free:
            raise DiskFullError(
                f"the states of this run need {size_text(needed)} of the disk that holds the "
                f"artifact store, {size_text(max(free, 0))} are free",
                next_step="Use fewer tokens, free space, or set LINEARSCOPE_STORE to a larger "
                "disk.",
                needed_bytes=needed,
                free_bytes=max(free, 0),
            )


def _reserve(descriptor: int, size: int) -> None:
    """Make the file as long as it will be, so that a disk that fills up later does no harm."""
    os.ftruncate(descriptor, size)
    # Without this a write into the mapped file of a full disk kills the process. Some systems have
    # no such call, some file systems refuse it; the check beforehand is then all there is.
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is None:
        return
    try:
        allocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
