"""How a declared upload is answered, for every kind of input alike."""

from collections.abc import Mapping

from starlette.responses import Response

from backend.answers import API, answer
from backend.dependencies import Services
from backend.uploads.declaring import declare_upload
from backend.views import Json, input_view
from backend.visitors import Visitor
from linearity.adapters.state import InputRow
from linearity.contracts.canonical import Json as AnyJson

FILES = {
    "type": "array",
    "description": "upload only",
    "items": {
        "type": "object",
        "required": ["name", "size"],
        "properties": {"name": {"type": "string"}, "size": {"type": "integer", "minimum": 1}},
    },
}
"""The field `files` in the description of a request."""


def is_upload(body: Mapping[str, AnyJson]) -> bool:
    """Whether the files of the input are to be sent."""
    return body.get("source") == "upload"


def answer_upload(
    kind: str, body: Mapping[str, AnyJson], services: Services, visitor: Visitor
) -> Response:
    """Declare an upload: 201 with the addresses of its files, 200 if it was declared before."""
    row, files, is_new = declare_upload(
        kind,
        body,
        owner=visitor.name,
        state=services.state,
        store=services.store,
        settings=services.settings,
    )
    headers = {"Location": f"{API}/{kind}s/{row.id}"}
    return answer(input_view(row, files), 201 if is_new else 200, headers)


def input_views(services: Services, kind: str) -> list[Json]:
    """Return every input of a kind, with the files of those that are being received."""
    files = services.state.uploads_of_kind(kind)
    return [input_view(row, files.get(row.id, ())) for row in services.state.list_inputs(kind)]


def one_view(services: Services, row: InputRow) -> Json:
    """Return one input, with its files if they were uploaded."""
    return input_view(row, services.state.uploads_of(row.kind, row.id))
