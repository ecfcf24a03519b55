"""Executes the notebook of the documentation; ``python -m tests.notebook`` writes it anew."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "docs" / "linearscope.ipynb"
SECONDS = 300


def executed(path: Path, environ: Mapping[str, str]) -> Any:
    """Return the notebook with the outputs of a fresh kernel, started with `environ`."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=dict(environ))
    return notebook


def quiet_environ(folder: Path) -> dict[str, str]:
    """Return an environment in which a kernel writes into `folder` alone and finds our source."""
    return {
        **os.environ,
        "PYTHONPATH": str(NOTEBOOK.parent.parent),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "LINEARSCOPE_DATA": str(folder / "data"),
    }


def main() -> int:
    """Execute the notebook in place."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(NOTEBOOK, quiet_environ(Path(folder)))
    nbformat.write(notebook, NOTEBOOK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
