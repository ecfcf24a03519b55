"""How much memory and disk this machine has."""

import os
import shutil
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Return the memory that a process here may use: the machine's, or its container's limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdecimal() else physical


def free_disk_bytes(folder: Path) -> int:
    """Return the room left on the disk that holds `folder`."""
    return shutil.disk_usage(folder).free


def size_text(count: int) -> str:
    """Return a number of bytes for people, for example ``13.5 GiB``."""
    for power, unit in ((3, "GiB"), (2, "MiB")):
        if count >= 1024**power:
            return f"{count / 1024**power:,.1f} {unit}"
    return f"{count / 1024:,.1f} KiB"
