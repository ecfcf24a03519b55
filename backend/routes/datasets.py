"""``/api/v1/datasets``: the text that models read while they are measured."""

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import API, answer, json_body
from backend.dataset_previews import confirm_dataset, preview_dataset
from backend.dataset_registrations import register_dataset
from backend.dependencies import ServicesDep, VisitorDep
from backend.input_routes import serve_inputs
from backend.permissions import check_owner
from backend.registrations import SOURCES, find_input
from backend.strict_json import JsonObject
from backend.uploads.answering import FILES, answer_upload, is_upload
from backend.views import input_view
from linearity.contracts.runs import InputState

router = APIRouter(prefix=f"{API}/datasets", tags=["datasets"])
serve_inputs(router, "dataset", "dataset")

_BODY = json_body(
    "source",
    source={"enum": [*SOURCES, "upload"]},
    name={"type": "string", "description": "built-in name, hub id, or the name of an upload"},
    path={"type": "string", "description": "path only: an absolute file or folder"},
    config={"type": ["string", "null"], "description": "hub only: a subset"},
    split={"type": ["string", "null"], "description": "hub only: train unless given"},
    revision={"type": ["string", "null"], "description": "hub only"},
    options={"type": "object", "description": "hub and path: how the files are read"},
    preview={"type": "boolean", "description": "hub and path: wait until it is confirmed"},
    files=FILES,
)
_OPTIONS = {"type": "object", "description": "how the files are read, see docs/api.md"}
_PREVIEW = json_body(options=_OPTIONS, model={"type": ["string", "null"]})
_CONFIRM = json_body(options=_OPTIONS)


@router.post("", status_code=202, openapi_extra=_BODY)
def register(body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Register a dataset; a worker inspects it. 200 if it is ready already, 201 for an upload."""
    if is_upload(body):
        return answer_upload("dataset", body, services, visitor)
    row = register_dataset(body, services, visitor)
    status = 200 if row.state is InputState.READY else 202
    return answer(input_view(row), status, {"Location": f"{API}/datasets/{row.id}"})


@router.post("/{id}/preview", openapi_extra=_PREVIEW)
def preview(id: str, body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Return what a dataset would be, read as the options say; nothing is kept."""
    row = find_input(services.state, "dataset", id)
    # Other options would show what its owner has masked or left out.
    check_owner(visitor, row.owner, f"the dataset {row.name}")
    return answer(preview_dataset(row, body, services))


@router.post("/{id}/confirm", status_code=202, openapi_extra=_CONFIRM)
def confirm(id: str, body: JsonObject, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Confirm how a received dataset is to be read; a worker inspects it then."""
    found = find_input(services.state, "dataset", id)
    check_owner(visitor, found.owner, f"the dataset {found.name}")
    row = confirm_dataset(found, body, services)
    return answer(input_view(row), 202, {"Location": f"{API}/datasets/{row.id}"})
