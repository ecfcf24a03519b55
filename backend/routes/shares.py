"""``/api/v1/shares``: links for people who may look at one run and nothing else."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, answer, json_body
from backend.dependencies import ServicesDep, VisitorDep
from backend.shares import DAYS, LANGUAGES, LONGEST_NOTE, MODES, MOST_DAYS, link
from backend.strict_json import JsonObject
from linearity.adapters.settings import Settings, is_loopback

router = APIRouter(prefix=f"{API}/shares", tags=["shares"])

_BODY = json_body(
    "run",
    run={"type": "string", "description": "id of the run"},
    mode={"enum": list(MODES), "default": MODES[0]},
    days={"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS},
    view={"type": "object", "description": "view keys of the page's address, as texts"},
    note={"type": "string", "maxLength": LONGEST_NOTE, "description": "shown to the reader"},
    lang={"enum": [*LANGUAGES, None], "description": "language chosen for the reader"},
    include_texts={
        "type": "boolean",
        "default": False,
        "description": "also show prompts, answers, titles and tokens",
    },
)


@router.post("", status_code=201, openapi_extra=_BODY)
def create_share(
    body: JsonObject, request: Request, services: ServicesDep, visitor: VisitorDep
) -> Response:
    """Make a link; its `url` is in this answer and nowhere else."""
    share, token = services.shares.create(body, visitor)
    url = link(_base(request, services.settings), token, share.lang)
    view = services.shares.share_view(share) | {"url": url}
    return answer(view, 201, {"Location": f"{API}/shares/{share.id}"})


@router.get("")
def list_shares(
    request: Request, services: ServicesDep, visitor: VisitorDep, run: str | None = None
) -> Response:
    """Return one's links, newest first, and whether links of this server work elsewhere."""
    items = [services.shares.share_view(row) for row in services.shares.list(visitor, run)]
    local = services.settings.public_url is None and is_loopback(request.url.hostname or "")
    return answer({"items": items, "local": local, "days": DAYS, "most_days": MOST_DAYS})


@router.delete("/{id}", status_code=204)
def revoke_share(id: str, services: ServicesDep, visitor: VisitorDep) -> Response:
    """End a link at once and for good."""
    services.shares.revoke(id, visitor)
    return Response(status_code=204)


def _base(request: Request, settings: Settings) -> str:
    # The guard has checked the Host of the request.
    return settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
