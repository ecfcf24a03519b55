"""The notebook of the documentation runs as it stands, and shows what it shows."""

import platform
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebook import NOTEBOOK, executed, quiet_environ

MOST_BYTES = 100_000
OF_A_MACHINE = re.compile(r"/(?:home|root|tmp|work|Users|usr|opt|private)/|site-packages")


def shown(notebook: Any) -> list[list[str]]:
    """Return the texts that every cell of code shows."""
    return [
        [
            str(output["text"] if "text" in output else output["data"].get("text/plain", ""))
            for output in cell["outputs"]
        ]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def test_it_was_executed_in_order_and_names_no_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]

    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["outputs"] for cell in code)
    assert OF_A_MACHINE.findall(NOTEBOOK.read_text("utf-8")) == []
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    assert "stderr" not in NOTEBOOK.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_runs_and_shows_the_same_numbers(tmp_path: Path) -> None:
    stored = nbformat.read(NOTEBOOK, as_version=4)

    again = executed(NOTEBOOK, quiet_environ(tmp_path))

    # Its text is the reference of the Python that runs it, another one in another version.
    if stored["metadata"]["language_info"]["version"] == platform.python_version():
        assert shown(again) == shown(stored)
