"""Paths that somebody names, and the folders that they may lie in."""

from collections.abc import Sequence
from pathlib import Path

from linearity.errors import PathNotAllowedError, UnknownInputError


def allowed_path(reference: str, roots: Sequence[Path] | None) -> Path | None:
    """Return the existing path that `reference` names, None if it cannot be a path.

    Raises
    ------
    PathNotAllowedError
        If it looks like a path and lies outside `roots`, whether it exists or not.
    """
    looks_local = reference.startswith(("/", "./", "../", "~")) or reference in (".", "..")
    if "\x00" in reference or (roots is not None and not looks_local):
        return None
    path = Path(reference).expanduser().resolve()
    if roots is not None and not any(path.is_relative_to(root.resolve()) for root in roots):
        raise PathNotAllowedError(
            "this folder is outside the folders that models and datasets may be read from",
            next_step="Ask the operator to add it to LINEARSCOPE_MODEL_ROOTS."
            if roots
            else "No folders are configured: set LINEARSCOPE_MODEL_ROOTS and restart.",
        )
    if path.exists():
        return path
    if looks_local:
        raise UnknownInputError(f"there is no file or folder {reference[:200]!r}")
    return None
