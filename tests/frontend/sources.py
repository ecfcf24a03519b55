"""The files of the page, as text."""

from pathlib import Path

import frontend

FRONTEND = Path(frontend.__file__).parent
SCRIPTS = sorted(FRONTEND.rglob("*.js"))
STYLES = sorted(FRONTEND.rglob("*.css"))


def read(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    """Return the path within the frontend folder."""
    return path.relative_to(FRONTEND).as_posix()
