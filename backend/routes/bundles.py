"""Runs as files to give away, and how they come in; and how a run is cited."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, REVALIDATED, answer
from backend.bundles import bundle_name, export_run, import_bundle
from backend.dependencies import RunDep, ServicesDep, VisitorDep
from backend.negotiation import IDENTITY, make_variant, send_variant
from backend.refusals import UnsupportedMediaTypeError
from backend.routes.runs import require_result
from backend.strict_json import read_bounded
from backend.version import read_version
from linearity.adapters.bundles import MOST_BYTES, as_bundle
from linearity.contracts.citation import cite

router = APIRouter(prefix=API, tags=["runs"])

MEDIA_TYPE = "application/zip"
OF_A_RESULT = "application/json"


async def read_archive(request: Request) -> bytes:
    """Return the bundle in the body of `request`, or what `run --out` wrote as a bundle."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (
        media_type not in (MEDIA_TYPE, OF_A_RESULT)
        or request.headers.get("content-encoding", "identity") != "identity"
    ):
        raise UnsupportedMediaTypeError(
            f"wanted Content-Type {MEDIA_TYPE} or {OF_A_RESULT} without a Content-Encoding",
            next_step=f"Send the file as it is, with Content-Type: {MEDIA_TYPE} for a bundle and "
            f"{OF_A_RESULT} for what `linearscope run --out` wrote.",
        )
    data = await read_bounded(request, most=MOST_BYTES)
    return data if media_type == MEDIA_TYPE else await run_in_threadpool(as_bundle, data)


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
            OF_A_RESULT: {"schema": {"type": "object"}},
        },
    }
}


@router.get("/runs/{run_id}/bundle")
def get_bundle(
    run: RunDep, request: Request, services: ServicesDep, texts: bool = False
) -> Response:
    """Return a finished run as one file; ``texts=1`` keeps texts of the dataset in it."""
    sha256 = require_result(run)
    data = services.results.read(sha256, IDENTITY)[0].body
    bundle = export_run(run, services.results.parsed(sha256), data, texts=texts)
    headers = REVALIDATED | {
        "Content-Type": MEDIA_TYPE,
        "Content-Disposition": f'attachment; filename="{bundle_name(run)}"',
    }
    return send_variant(request, make_variant(IDENTITY, bundle), headers)


@router.post("/bundles", status_code=201, openapi_extra=_BODY)
async def add_bundle(
    data: Annotated[bytes, Depends(read_archive)], services: ServicesDep, visitor: VisitorDep
) -> Response:
    """Take in a run that was exported elsewhere: 201, or 200 if the same is here already."""
    row, new = await run_in_threadpool(
        import_bundle, data, state=services.state, store=services.store, owner=visitor.name
    )
    view = await run_in_threadpool(services.views.one, row)
    return answer(view, 201 if new else 200, {"Location": f"{API}/runs/{row.id}"})


@router.get("/runs/{run_id}/citation")
def get_citation(run: RunDep, services: ServicesDep) -> Response:
    """Return how to cite a finished run, as text in both languages and as BibTeX."""
    result = services.results.parsed(require_result(run))
    version = run.imported["software"] if run.imported else read_version()
    return answer(cite(result, version=version))
