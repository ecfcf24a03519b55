"""The page itself, its files, and the list of addresses."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from backend.address_book import describe_routes
from backend.assets import ENCODINGS, Asset
from backend.dependencies import ServicesDep
from backend.negotiation import choose_encoding, send_variant

router = APIRouter(include_in_schema=False)

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "private, no-cache"}
_READ = ["GET", "HEAD"]


@router.api_route("/", methods=_READ)
@router.api_route("/jobs", methods=_READ)
@router.api_route("/compare", methods=_READ)
@router.api_route("/access", methods=_READ)
@router.api_route("/library", methods=_READ)
@router.api_route("/library/add/model", methods=_READ)
@router.api_route("/library/add/dataset", methods=_READ)
@router.api_route("/library/add/log", methods=_READ)
def page(request: Request, services: ServicesDep) -> Response:
    """Return the page; its script shows what the address means."""
    return _send(request, services.assets.page, FRESH)


@router.api_route("/runs/{run_id}", methods=_READ)
def run_page(run_id: str, request: Request, services: ServicesDep) -> Response:
    """Return the page of a run; for an unknown one with 404, so that links can be checked."""
    status = 200 if services.state.get_run(run_id) else 404
    return _send(request, services.assets.page, FRESH, status=status)


@router.api_route("/library/logs/{id}", methods=_READ)
def log_page(id: str, request: Request, services: ServicesDep) -> Response:
    """Return the page of a request log; for an unknown one with 404."""
    status = 200 if services.state.find_input("log", id) else 404
    return _send(request, services.assets.page, FRESH, status=status)


@router.api_route("/assets/{path:path}", methods=_READ)
def asset(path: str, request: Request, services: ServicesDep) -> Response:
    """Return a file of the page; its address changes with its content."""
    found = services.assets.files.get(path)
    if found is None:
        raise HTTPException(404)
    return _send(request, found, FOR_EVER)


@router.get("/favicon.ico")
def favicon() -> Response:
    """Say that there is none: the page names its own icon."""
    return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})


@router.api_route("/docs", methods=_READ)
def docs(request: Request) -> Response:
    """Return every address of the API on one plain page, without scripts."""
    return HTMLResponse(describe_routes(request.app.openapi()), headers=FRESH)


def _send(
    request: Request, asset: Asset, headers: dict[str, str], *, status: int = 200
) -> Response:
    encoding = choose_encoding(request.headers, [e for e in ENCODINGS if e in asset.variants])
    headers = headers | {"Content-Type": asset.media_type}
    return send_variant(request, asset.variants[encoding], headers, status=status)
