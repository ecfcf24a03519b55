"""``/api/v1/folders``: the folders on the server that models may be read from."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import API, answer
from backend.dependencies import ServicesDep
from backend.preflights import folder_preflight, look_view
from linearity.adapters.first_look import look_at_folder
from linearity.adapters.folders import Folder, allowed_folder, list_folder

router = APIRouter(prefix=f"{API}/folders", tags=["models"])


@router.get("")
def list_folders(services: ServicesDep, path: str | None = None) -> Response:
    """Return the allowed folders, or the folders below one of them; files are never named."""
    roots = services.settings.model_roots
    if path is None:
        found = [{"name": root.name or str(root), "path": str(root)} for root in roots]
        return answer({"roots": found})
    listing = list_folder(path, roots)
    return answer(
        {
            "path": str(listing.path),
            "parent": str(listing.parent) if listing.parent else None,
            "folders": [_view(folder, roots) for folder in listing.folders],
            "more": listing.more,
        }
    )


@router.get("/model")
def check_folder(path: str, services: ServicesDep) -> Response:
    """Return what a model folder is and needs, from its small files and headers."""
    roots = services.settings.model_roots
    folder = allowed_folder(path, roots)
    look = look_at_folder(folder, roots)
    return answer(folder_preflight(folder, look, services=services))


def _view(folder: Folder, roots: Sequence[Path]) -> dict[str, object]:
    shown: dict[str, object] = {"name": folder.name, "path": str(folder.path), "model": None}
    if folder.is_model:
        facts = look_view(look_at_folder(folder.path, roots))
        names = ("usable", "family", "blocks", "width", "dtype", "parameters", "weight_bytes")
        shown["model"] = {name: facts[name] for name in names}
    return shown
