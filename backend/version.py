"""Which version and which revision of the source is running."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REVISION_LENGTH = 10


def read_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("linearscope")
    except PackageNotFoundError:
        return "development"


def read_revision() -> str:
    """Return the commit of the checkout that this file lies in, or nothing."""
    folder = Path(__file__).parent.parent / ".git"
    try:
        head = (folder / "HEAD").read_text().strip()
        if head.startswith("ref: "):
            head = (folder / head.removeprefix("ref: ")).read_text().strip()
    except OSError:
        return ""
    return head[:REVISION_LENGTH]
