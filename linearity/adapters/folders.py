"""Looking through the folders that local models may lie in, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linearity.contracts.model_files import is_weight_file
from linearity.errors import PathNotAllowedError, UnknownInputError

MOST_FOLDERS = 500


@dataclass(frozen=True)
class Folder:
    """A folder below an allowed one.

    Parameters
    ----------
    is_model : bool
        Whether it holds config.json and weights.
    weight_bytes : int
        Size of its weight files.
    """

    name: str
    path: Path
    is_model: bool
    weight_bytes: int


@dataclass(frozen=True)
class Listing:
    """What lies directly below a folder; `more` if there were too many to list."""

    path: Path
    parent: Path | None
    folders: tuple[Folder, ...]
    more: bool


def list_folder(text: str, roots: Sequence[Path]) -> Listing:
    """Return the folders below the folder that `text` names; files are not named.

    Raises
    ------
    PathNotAllowedError
        If it lies outside `roots` once links are followed, whether it exists or not.
    UnknownInputError
        If there is no such folder, or it may not be read.
    """
    path = allowed_folder(text, roots)
    try:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)
        folders = [_folder(entry, roots) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise _no_folder(text) from error
    found = [folder for folder in folders if folder is not None]
    at_root = any(path == root.resolve() for root in roots)
    return Listing(
        path=path,
        parent=None if at_root else path.parent,
        folders=tuple(found[:MOST_FOLDERS]),
        more=len(found) > MOST_FOLDERS,
    )


def allowed_folder(text: str, roots: Sequence[Path]) -> Path:
    """Return the real folder that `text` names; raises as `list_folder`."""
    given = Path(text)
    try:
        if "\x00" in text or not given.is_absolute():
            raise ValueError(text)
        path = given.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise PathNotAllowedError(
            "wanted an absolute path of a folder",
            next_step="Take one of the folders that GET /api/v1/folders lists.",
        ) from error
    if not _inside(path, roots):
        raise PathNotAllowedError(
            "this folder is outside the folders that models may be read from",
            next_step="Ask the operator to add it to LINEARSCOPE_MODEL_ROOTS."
            if roots
            else "No folders are configured: set LINEARSCOPE_MODEL_ROOTS and restart.",
        )
    if not path.is_dir():
        raise _no_folder(text)
    return path


def _folder(entry: Path, roots: Sequence[Path]) -> Folder | None:
    """Return an entry if it is a folder that, links followed, still lies inside."""
    try:
        real = entry.resolve()
        if not real.is_dir() or not _inside(real, roots):
            return None
        weights = [item for item in real.iterdir() if is_weight_file(item.name)]
        size = sum(item.stat().st_size for item in weights)
        is_model = bool(weights) and (real / "config.json").is_file()
    except (OSError, RuntimeError):  # may not be read, or links that go in circles
        return None
    return Folder(entry.name, real, is_model, size)


def _inside(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root.resolve()) for root in roots)


def _no_folder(text: str) -> UnknownInputError:
    return UnknownInputError(
        f"there is no folder {text[:200]!r} that can be read",
        next_step="Take one of the folders that GET /api/v1/folders lists.",
    )
