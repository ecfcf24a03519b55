"""``/api/v1/tokens``: who may come in. For administrators only (`backend.permissions`)."""

from fastapi import APIRouter
from starlette.responses import Response

from backend.answers import API, answer, json_body
from backend.dependencies import ServicesDep
from backend.refusals import UnknownTokenError
from backend.strict_json import JsonObject
from backend.tokens import make_token, token_view
from backend.visitors import Role

router = APIRouter(prefix=f"{API}/tokens", tags=["access"])

_BODY = json_body(
    name={"type": "string", "description": "who; the owner of what is made with it"},
    role={"enum": [str(role) for role in Role]},
    days={"type": ["integer", "null"], "description": "valid for so long; null: until revoked"},
)


@router.get("")
def list_tokens(services: ServicesDep) -> Response:
    """Return every token that was ever made, without the tokens themselves."""
    return answer({"items": [token_view(row) for row in services.state.list_tokens()]})


@router.post("", status_code=201, openapi_extra=_BODY)
def add_token(body: JsonObject, services: ServicesDep) -> Response:
    """Make a token; this answer is the only place where it ever appears."""
    row, token = make_token(body, services.state)
    return answer(token_view(row) | {"token": token}, 201)


@router.delete("/{id}", status_code=204)
def revoke_token(id: str, services: ServicesDep) -> Response:
    """Revoke a token: it and its sessions are refused from the next request on."""
    if services.state.revoke_token(id) is None:
        raise UnknownTokenError(
            f"there is no token {id[:40]!r}", next_step=f"See GET {API}/tokens for their ids."
        )
    return Response(status_code=204)
