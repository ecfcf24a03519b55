"""How a route answers with JSON."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

API = "/api/v1"

NOT_KEPT = {"Cache-Control": "no-store"}
REVALIDATED = {"Cache-Control": "private, no-cache"}


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `value` as JSON that is always fresh; NaN cannot leave, it becomes null."""
    return Response(
        orjson.dumps(value),
        status,
        headers=NOT_KEPT | dict(headers or {}),
        media_type="application/json",
    )


def json_body(*required: str, **properties: object) -> dict[str, object]:
    """Return what OpenAPI says about a body that `strict_json` reads."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = list(required)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
