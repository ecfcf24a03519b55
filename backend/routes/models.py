"""``/api/v1/models``: what can be measured."""

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import API, answer, json_body
from backend.dependencies import Services, ServicesDep, VisitorDep
from backend.exported_models import SOURCE, is_export, register_export
from backend.input_routes import serve_inputs
from backend.model_templates import allow_template
from backend.registrations import SOURCES, register_input
from backend.series import is_series, parse_series, register_series
from backend.strict_json import JsonObject
from backend.uploads.answering import FILES, answer_upload, is_upload
from backend.views import input_view
from backend.visitors import Visitor
from linearity.contracts.runs import InputState

router = APIRouter(prefix=f"{API}/models", tags=["models"])
serve_inputs(router, "model", "model")

_BODY = json_body(
    "source",
    source={"enum": [*SOURCES, "upload", SOURCE]},
    run={"type": "string", "description": "run only: id of a finished export"},
    name={"type": "string", "description": "built-in name, hub id, or the name of an upload"},
    revision={"type": ["string", "null"], "description": "hub only"},
    commit={"type": ["string", "null"], "description": "hub only: the commit that was shown"},
    path={"type": "string", "description": "path only: an absolute folder"},
    revisions={"type": "array", "items": {"type": "string"}, "description": "hub: a series"},
    paths={"type": "array", "items": {"type": "string"}, "description": "path: a series"},
    files=FILES,
    blocks={"type": "string", "description": "path and hub: the list of blocks, model.layers"},
    norm={"type": "string", "description": "path and hub: the final norm, model.norm"},
)
_ALLOW = json_body("allow", allow={"type": "boolean"})


@router.post("", status_code=202, openapi_extra=_BODY)
def register_model(body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Register a model, or a series of them; a worker inspects each. 201 for an upload."""
    if is_upload(body):
        return answer_upload("model", body, services, visitor)
    if is_series(body):
        return _register_series(body, services, visitor)
    if is_export(body):
        row = register_export(body, services, visitor)
    else:
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


@router.post("/{id}/template", openapi_extra=_ALLOW)
def template(id: str, body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Allow or forbid that the chat template of an upload or a folder is rendered."""
    return answer(input_view(allow_template(id, body, services, visitor)))


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
