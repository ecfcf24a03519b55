"""``/s/{token}``: what a share link opens. Read-only, one run, no login.

Below it lies the part of the API that the page needs, at the same addresses as below ``/api/v1``.
"""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import NOT_KEPT, answer
from backend.assets import ENCODINGS as PAGE_ENCODINGS
from backend.dependencies import Services, ServicesDep
from backend.drawings import draw
from backend.ended_pages import ended_answer
from backend.negotiation import IDENTITY, choose_encoding, compress
from backend.refusals import (
    RunNotFinishedError,
    RunNotFoundError,
    ShareEndedError,
    ShareNotFoundError,
    TooManyGuessesError,
)
from backend.routes.runs import ResultQuery, export
from backend.routes.snapshots import send_snapshot
from backend.shares import Opened
from backend.trusted_proxy import client_address
from backend.version import read_version
from linearity.contracts.citation import cite

router = APIRouter(prefix="/s", include_in_schema=False)

_READ = ["GET", "HEAD"]
_DATA = "/{token}/data"


def opened(token: str, request: Request, services: ServicesDep) -> Opened:
    """Return what the link shows; a wrong guess is counted."""
    try:
        return services.shares.open(token)
    except ShareNotFoundError:
        services.guesses.miss(client_address(request, services.settings.proxy))
        raise


def opened_run(run_id: str, link: Annotated[Opened, Depends(opened)]) -> Opened:
    """Return what the link shows, if the address names its run."""
    if run_id != link.share.run_id:
        raise RunNotFoundError(run_id)
    return link


OpenedDep = Annotated[Opened, Depends(opened)]
OpenedRunDep = Annotated[Opened, Depends(opened_run)]


@router.api_route("/{token}", methods=_READ)
def shared_page(token: str, request: Request, services: ServicesDep) -> Response:
    """Return the page, or a small one that says why there is nothing to see."""
    try:
        link = opened(token, request, services)
    except (ShareNotFoundError, ShareEndedError, TooManyGuessesError) as error:
        return ended_answer(request, error, services.assets.base)
    if is_opening(request):
        services.shares.count_opening(link.share)
    page = services.assets.page
    encoding = choose_encoding(request.headers, [e for e in PAGE_ENCODINGS if e in page.variants])
    headers = {"Vary": "Accept-Encoding"}
    if encoding != IDENTITY:
        headers["Content-Encoding"] = encoding
    return Response(page.variants[encoding].body, headers=headers, media_type=page.media_type)


@router.api_route(_DATA, methods=_READ)
def shared_link(link: OpenedDep) -> Response:
    """Return what a reader is told about the link itself."""
    share = link.share
    return answer(
        {
            "run": share.run_id,
            "mode": share.mode,
            "view": share.view,
            "note": share.note,
            "created": share.created,
            "expires": share.expires,
            "include_texts": share.texts,
        }
    )


@router.api_route(f"{_DATA}/runs/{{run_id}}", methods=_READ)
def shared_run(link: OpenedRunDep) -> Response:
    """Return the run."""
    return answer(link.run)


@router.api_route(f"{_DATA}/runs/{{run_id}}/result", methods=_READ)
def shared_result(
    link: OpenedRunDep,
    services: ServicesDep,
    request: Request,
    query: Annotated[ResultQuery, Query()],
) -> Response:
    """Return the numbers as JSON or as a file."""
    if query.partial and link.result is None:
        return _json(request, orjson.dumps(_partial(link, services)))
    result = _finished(link, services)
    if query.format == "json":
        return _json(request, orjson.dumps(result))
    data, headers = export(result, query, name=f"{link.run['kind']}-{link.share.run_id}")
    return Response(data, headers=headers | NOT_KEPT)


@router.api_route(f"{_DATA}/runs/{{run_id}}/figures/{{name}}", methods=_READ)
def shared_figure(
    link: OpenedRunDep, name: str, request: Request, services: ServicesDep
) -> Response:
    """Return a figure ``{data, layout}``."""
    options = dict(request.query_params)
    partial = options.get("partial") == "1" and link.result is None
    result = _partial(link, services) if partial else _finished(link, services)
    return _json(request, draw(name, result, options))


@router.api_route(f"{_DATA}/runs/{{run_id}}/citation", methods=_READ)
def shared_citation(link: OpenedRunDep, services: ServicesDep) -> Response:
    """Return how to cite the run; of its parameters the digest alone."""
    _finished(link, services)
    assert link.result is not None
    imported = link.run.get("imported") or {}
    version = imported.get("software") or read_version()
    return answer(cite(services.results.parsed(link.result), version=version))


@router.api_route(f"{_DATA}/runs/{{run_id}}/snapshot", methods=_READ)
def shared_snapshot(link: OpenedRunDep, request: Request, services: ServicesDep) -> Response:
    """Return what is on the screen as one HTML file."""
    result = _finished(link, services)
    assert link.result is not None
    whole = result == services.results.parsed(link.result)
    sha256 = link.result if whole else None
    return send_snapshot(request, result, sha256, imported=link.run.get("imported"))


@router.api_route("/{path:path}", methods=_READ)
def nothing_else(path: str, request: Request, services: ServicesDep) -> Response:
    """Say that there is nothing; a wrong token is told and counted first."""
    token, slash, _ = path.partition("/")
    if slash:
        opened(token, request, services)
        raise HTTPException(404)
    return shared_page(token, request, services)


def is_opening(request: Request) -> bool:
    """Whether a person looks: previews of messengers and prefetching browsers do not count."""
    headers = request.headers
    prefetched = "prefetch" in headers.get("sec-purpose", headers.get("purpose", ""))
    looking = headers.get("sec-fetch-dest") == "document"
    return request.method == "GET" and looking and not prefetched


def _finished(link: Opened, services: Services) -> dict[str, object]:
    if link.result is None:
        raise RunNotFinishedError(
            f"the run is {link.run['status']}, so it has no result",
            next_step="Ask again later.",
            run_status=str(link.run["status"]),
        )
    return dict(link.seen(services.results.parsed(link.result)))


def _partial(link: Opened, services: Services) -> dict[str, object]:
    data = services.live.get_partial(link.share.run_id)
    if data is None:
        raise RunNotFinishedError(
            f"the run is {link.run['status']} and has no intermediate numbers yet",
            next_step="Ask again in a few seconds.",
            run_status=str(link.run["status"]),
        )
    return dict(link.seen(orjson.loads(data)))


def _json(request: Request, data: bytes) -> Response:
    encoding = choose_encoding(request.headers, ("gzip",))
    headers = NOT_KEPT | {"Vary": "Accept-Encoding"}
    if encoding != IDENTITY:
        headers["Content-Encoding"] = encoding
    return Response(compress(encoding, data), headers=headers, media_type="application/json")
