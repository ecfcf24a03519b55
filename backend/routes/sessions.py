"""Signing in and out with a browser, and who one is."""

from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.answers import API, answer
from backend.dependencies import ServicesDep, VisitorDep
from backend.doorkeeper import SIGN_IN_PATH
from backend.refusals import (
    TooManyWrongTokensError,
    UnauthorisedError,
    UnsupportedMediaTypeError,
)
from backend.signing_in import enter, leave, sign_in_page
from backend.strict_json import read_bounded

router = APIRouter(tags=["access"])

MOST_FIELDS = 8
_FORM = "application/x-www-form-urlencoded"


@router.api_route(SIGN_IN_PATH, methods=["GET", "HEAD"], include_in_schema=False)
def ask_for_token(request: Request, services: ServicesDep) -> Response:
    """Return the page that asks for a token, without a script."""
    if services.settings.is_local:
        return RedirectResponse("/", 303)
    return sign_in_page(request, services.assets, place=request.query_params.get("next", "/"))


@router.post(SIGN_IN_PATH, include_in_schema=False)
async def sign_in(request: Request, services: ServicesDep) -> Response:
    """Begin a session with the token in the form, or show the page again with what was wrong."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise UnsupportedMediaTypeError(f"wanted {_FORM}", next_step="Use the form at /sign-in.")
    text = (await read_bounded(request)).decode("ascii", "replace")
    # Anybody may send this; thousands of fields would keep the event loop busy.
    fields = parse_qs(text) if text.count("&") < MOST_FIELDS else {}
    token, place = (fields.get(name, [""])[0].strip() for name in ("token", "next"))
    try:
        return await run_in_threadpool(enter, token, place, request, services.doorkeeper)
    except (UnauthorisedError, TooManyWrongTokensError) as error:
        problem, status = (
            ("wait", 429) if isinstance(error, TooManyWrongTokensError) else ("wrong", 401)
        )
        return sign_in_page(request, services.assets, place=place, problem=problem, status=status)


@router.get(f"{API}/me")
def get_me(visitor: VisitorDep) -> Response:
    """Return who is asking, with which role, and how they came in."""
    return answer({"name": visitor.name, "role": str(visitor.role), "way": visitor.way})


@router.post(f"{API}/session/end", status_code=204)
def end_session(request: Request, services: ServicesDep) -> Response:
    """Sign out: the session of this browser is over, on the server too."""
    return leave(request, services.doorkeeper)
