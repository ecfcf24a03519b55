"""``/api/v1/models``: what can be measured."""

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import API, answer, json_body
from backend.deletions import Derived, delete_input
from backend.dependencies import Services, ServicesDep, VisitorDep
from backend.dependents import describe_dependents, find_dependents
from backend.registrations import SOURCES, find_input, register_input
from backend.series import is_series, parse_series, register_series
from backend.strict_json import JsonObject
from backend.uploads.answering import FILES, answer_upload, input_views, is_upload, one_view
from backend.views import input_view
from backend.visitors import Visitor
from linearity.contracts.runs import InputState

router = APIRouter(prefix=f"{API}/models", tags=["models"])

_BODY = json_body(
    "source",
    source={"enum": [*SOURCES, "upload"]},
    name={"type": "string", "description": "built-in name, hub id, or the name of an upload"},
    revision={"type": ["string", "null"], "description": "hub only"},
    commit={"type": ["string", "null"], "description": "hub only: the commit that was shown"},
    path={"type": "string", "description": "path only: an absolute folder"},
    revisions={"type": "array", "items": {"type": "string"}, "description": "hub: a series"},
    paths={"type": "array", "items": {"type": "string"}, "description": "path: a series"},
    files=FILES,
)


@router.get("")
def list_models(services: ServicesDep) -> Response:
    """Return every registered model."""
    return answer({"items": input_views(services, "model")})


@router.post("", status_code=202, openapi_extra=_BODY)
def register_model(body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Register a model, or a series of them; a worker inspects each. 201 for an upload."""
    if is_upload(body):
        return answer_upload("model", body, services, visitor)
    if is_series(body):
        return _register_series(body, services, visitor)
    row = register_input(
        "model",
        body,
        state=services.state,
        queue=services.queue,
        live=services.live,
        roots=services.settings.model_roots,
        owner=visitor.name,
    )
    status = 200 if row.state is InputState.READY else 202
    return answer(input_view(row), status, {"Location": f"{API}/models/{row.id}"})


def _register_series(body: JsonObject, services: Services, visitor: Visitor) -> Response:
    series = parse_series(body, desk=services.desk, roots=services.settings.model_roots)
    rows = register_series(
        series,
        owner=visitor.name,
        state=services.state,
        queue=services.queue,
        live=services.live,
    )
    ready = all(row.state is InputState.READY for row in rows)
    items = [input_view(row) for row in rows]
    return answer({"series": series.label, "items": items}, 200 if ready else 202)


@router.get("/{id}")
def get_model(id: str, services: ServicesDep) -> Response:
    """Return one model by id, reference or name."""
    return answer(one_view(services, find_input(services.state, "model", id)))


@router.get("/{id}/dependents")
def get_dependents(id: str, services: ServicesDep) -> Response:
    """Return what depends on a model, and how many bytes go with it."""
    return answer(describe_dependents(services, find_dependents(services, "model", id)))


@router.delete("/{id}", status_code=204)
def delete_model(
    id: str, services: ServicesDep, visitor: VisitorDep, derived: Derived = "keep"
) -> Response:
    """Delete a model that no open run needs; ``derived=delete`` also what was made from it."""
    delete_input(services, "model", id, visitor=visitor, derived=derived)
    return Response(status_code=204)
