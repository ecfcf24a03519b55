"""``/api/v1/runs/{id}/snapshot``: what is on the screen as one HTML file."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, NOT_KEPT
from backend.dependencies import RunDep, ServicesDep
from backend.routes.runs import require_result
from backend.snapshot import snapshot
from backend.views import imported_view

router = APIRouter(prefix=f"{API}/runs", tags=["runs"])


@router.get("/{run_id}/snapshot")
def get_snapshot(run: RunDep, request: Request, services: ServicesDep) -> Response:
    """Return a finished run as one HTML file; the query is the view, spelled as on the page."""
    sha256 = require_result(run)
    result = services.results.parsed(sha256)
    return send_snapshot(request, result, sha256, imported=imported_view(run.imported))


def send_snapshot(
    request: Request,
    result: Mapping[str, Any],
    sha256: str | None,
    *,
    imported: Mapping[str, Any] | None,
) -> Response:
    """Answer with the file, to be saved; `sha256` names the stored result if it is all of it."""
    data = snapshot(result, dict(request.query_params), sha256=sha256, imported=imported)
    name = f'attachment; filename="{result["kind"]}-{result["id"]}.html"'
    headers = NOT_KEPT | {"Content-Disposition": name}
    return Response(data, headers=headers, media_type="text/html; charset=utf-8")
