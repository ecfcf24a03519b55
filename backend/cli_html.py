"""``linearscope run ... --html FILE``: the result as a page that works offline."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer

from backend.children import python_command, python_environ


def run_to_page(arguments: Sequence[str], *, html: Path, out: Path | None) -> int:
    """Run `python -m linearity` with `arguments` and write its page; return the exit status."""
    if not html.absolute().parent.is_dir():
        typer.echo(f"--html: wanted a file in an existing folder, got {str(html)!r}", err=True)
        return 2
    from backend.snapshot import snapshot

    with tempfile.TemporaryDirectory() as folder:
        numbers = out or Path(folder) / "result.json"
        # The computing process never loads the page's packages, and this one never torch.
        command = python_command("linearity", *arguments, "--out", str(numbers))
        done = subprocess.run(command, env=python_environ(os.environ), check=False)
        if done.returncode != 0:
            return done.returncode
        lang = "ja" if os.environ.get("LANG", "").startswith("ja") else "en"
        html.write_bytes(snapshot(json.loads(numbers.read_bytes()), {"lang": lang}))
    return 0
