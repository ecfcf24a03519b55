"""``/api/v1/logs``: what a service was asked, when, how long it took, and what follows."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.answers import API, NOT_KEPT, answer, json_body
from backend.dependencies import ServicesDep, VisitorDep
from backend.drawings import draw_load
from backend.input_routes import serve_inputs
from backend.log_sets import list_sets, make_sets
from backend.log_views import read_summary, totals_view
from backend.logs import confirm_log, preview_log, register_log, require_log
from backend.permissions import check_owner
from backend.registrations import find_input
from backend.strict_json import JsonObject
from backend.uploads.answering import FILES, answer_upload, is_upload
from backend.views import input_view
from linearity.contracts.logs import WEIGHTS
from linearity.contracts.reading import MASKS
from linearity.contracts.runs import InputState

router = APIRouter(prefix=f"{API}/logs", tags=["logs"])
serve_inputs(router, "log", "request log")

_BODY = json_body(
    "source",
    source={"enum": ["upload", "path"]},
    name={"type": "string", "description": "upload only"},
    path={"type": "string", "description": "path only: an absolute file"},
    files=FILES,
)
_CONFIRM = json_body(options={"type": "object", "description": "see the preview's `options`"})
_SETS = json_body(
    name={"type": "string"},
    documents={"type": "integer", "minimum": 2, "description": "of each of the two sets"},
    seed={"type": "integer", "minimum": 0},
    weight={"enum": list(WEIGHTS)},
    mask={"type": "array", "items": {"enum": list(MASKS)}},
)


@router.post("", status_code=201, openapi_extra=_BODY)
def add_log(body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Register a log or declare its file; 200 if that was done before."""
    if is_upload(body):
        return answer_upload("log", body, services, visitor)
    row = register_log(body, services, visitor)
    status = 201 if row.state is InputState.RECEIVING else 200
    return answer(input_view(row), status, {"Location": f"{API}/logs/{row.id}"})


@router.get("/{id}/preview")
def get_preview(id: str, request: Request, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Return the first rows and a proposal how to read them; format, encoding, delimiter."""
    found = find_input(services.state, "log", id)
    # What people asked, before anything is masked.
    check_owner(visitor, found.owner, f"the log {found.name}")
    return answer(preview_log(found.id, dict(request.query_params), services))


@router.post("/{id}/confirm", status_code=202, openapi_extra=_CONFIRM)
def confirm(id: str, body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Let a worker read the log as the options say."""
    found = find_input(services.state, "log", id)
    check_owner(visitor, found.owner, f"the log {found.name}")
    return answer(input_view(confirm_log(found.id, body, services)), 202)


@router.get("/{id}/summary")
def get_summary(id: str, services: ServicesDep) -> Response:
    """Return where requests, tokens, time and money go, and the finding in both languages."""
    record = require_log(id, services)
    row = find_input(services.state, "log", record.id)
    return answer(totals_view(row, read_summary(record, services.store)))


@router.get("/{id}/figures/{name}")
def get_figure(id: str, name: str, request: Request, services: ServicesDep) -> Response:
    """Return the figure pareto, hours or lengths; the query holds measure, lang and theme."""
    record = require_log(id, services)
    row = find_input(services.state, "log", record.id)
    view = totals_view(row, read_summary(record, services.store))
    data = draw_load(name, view, dict(request.query_params))
    return Response(data, headers=NOT_KEPT, media_type="application/json")


@router.get("/{id}/datasets")
def get_sets(id: str, services: ServicesDep) -> Response:
    """Return the datasets that were made of the log."""
    return answer({"items": list_sets(id, services)})


@router.post("/{id}/datasets", status_code=202, openapi_extra=_SETS)
def add_sets(id: str, body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Make a calibration and an evaluation set, disjoint and weighted by real use."""
    found = find_input(services.state, "log", id)
    # They hold what people asked, masked only as far as their maker wishes.
    check_owner(visitor, found.owner, f"the log {found.name}")
    rows = make_sets(found.id, body, services, visitor)
    return answer({"items": [input_view(row) for row in rows]}, 202)
