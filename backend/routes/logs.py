"""``/api/v1/logs``: what a service was asked, when, and how long it took."""

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import API, answer, json_body
from backend.deletions import Derived, delete_input
from backend.dependencies import ServicesDep, VisitorDep
from backend.dependents import describe_dependents, find_dependents
from backend.registrations import find_input
from backend.strict_json import JsonObject
from backend.uploads.answering import FILES, answer_upload, input_views, one_view
from linearity.contracts.parameters import choice

router = APIRouter(prefix=f"{API}/logs", tags=["logs"])

_BODY = json_body(source={"enum": ["upload"]}, name={"type": "string"}, files=FILES)


@router.get("")
def list_logs(services: ServicesDep) -> Response:
    """Return every registered request log."""
    return answer({"items": input_views(services, "log")})


@router.post("", status_code=201, openapi_extra=_BODY)
def register_log(body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Declare the files of a request log; 200 if they were declared before."""
    choice("source", body.get("source"), ("upload",))
    return answer_upload("log", body, services, visitor)


@router.get("/{id}")
def get_log(id: str, services: ServicesDep) -> Response:
    """Return one request log by id, reference or name."""
    return answer(one_view(services, find_input(services.state, "log", id)))


@router.get("/{id}/dependents")
def get_dependents(id: str, services: ServicesDep) -> Response:
    """Return what depends on a log, and how many bytes go with it."""
    return answer(describe_dependents(services, find_dependents(services, "log", id)))


@router.delete("/{id}", status_code=204)
def delete_log(
    id: str, services: ServicesDep, visitor: VisitorDep, derived: Derived = "keep"
) -> Response:
    """Delete a log that no open run needs; ``derived=delete`` also what was made from it."""
    delete_input(services, "log", id, visitor=visitor, derived=derived)
    return Response(status_code=204)
