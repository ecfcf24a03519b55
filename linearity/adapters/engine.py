"""What runs models in this process, as a result tells it."""

import platform
import re
from pathlib import Path

import torch
import transformers

from linearity.adapters.placement import device_names
from linearity.contracts.timings import Engine

_MODEL_NAME = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def engine_here(devices: str, *, dtype: str, attention: str) -> Engine:
    """Return this process as an engine.

    Parameters
    ----------
    devices : str
        "cpu", "cuda:N", or several of these joined by commas.
    dtype, attention : str
    """
    cpu = devices == "cpu"
    return Engine(
        name="in_process",
        software=f"transformers {transformers.__version__}, torch {torch.__version__}",
        device=devices,
        device_name=processor_name() if cpu else device_names(devices),
        dtype=dtype,
        attention=attention,
        quantisation="none",
        threads=torch.get_num_threads() if cpu else None,
        graphs=False,
    )


def processor_name() -> str:
    """Return the name of this machine's processor, or of its architecture."""
    try:
        found = _MODEL_NAME.search(Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()
