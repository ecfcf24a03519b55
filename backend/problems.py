"""Every error leaves as one shape: RFC 9457 ``application/problem+json``.

`PROBLEMS` is the only place that maps an error's code to a status. What the reader gets: a stable
``code``, one sentence, the next step, the facts as data and the request's id; never a stack trace.
"""

import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from linearity.errors import LinearScopeError

log = logging.getLogger("linearscope.web")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class Problem(NamedTuple):
    """How one kind of error is answered."""

    status: int
    title: str


PROBLEMS: dict[str, Problem] = {
    "invalid_request": Problem(422, "The request means nothing valid"),
    "invalid_parameter": Problem(422, "A value outside its range"),
    "unknown_parameter": Problem(422, "A name nobody knows"),
    "invalid_plan": Problem(422, "A plan that cannot be carried out"),
    "malformed_json": Problem(400, "Not strict JSON"),
    "not_yet": Problem(422, "Not built yet"),
    "unknown_input": Problem(404, "No such model or dataset"),
    "hub_unreachable": Problem(503, "The hub cannot be reached"),
    "path_not_allowed": Problem(403, "Path outside the allowed folders"),
    "rejected_input": Problem(422, "This input cannot be used"),
    "healed_mismatch": Problem(422, "Healed weights that do not fit"),
    "input_changed": Problem(409, "The files have changed"),
    "invalid_result": Problem(422, "Not a result"),
    "invalid_bundle": Problem(422, "Not a run bundle"),
    "other_version": Problem(422, "Written by another version"),
    "outdated_request": Problem(409, "Asked for before an update"),
    "measurement": Problem(422, "The numbers cannot be right"),
    "degenerate_states": Problem(422, "A state without variance"),
    "non_finite_states": Problem(422, "NaN or infinity in a state"),
    "score_out_of_range": Problem(422, "A score outside its range"),
    "not_proven": Problem(422, "An export that is not the plan"),
    "too_few_tokens": Problem(422, "Not enough text"),
    "out_of_memory": Problem(422, "Not enough memory on the device"),
    "corrupt_object": Problem(503, "Stored bytes are damaged"),
    "disk_full": Problem(507, "The disk is full"),
    "quota_exceeded": Problem(507, "More bytes than may be kept"),
    "endpoint_failed": Problem(502, "A running server cannot be measured"),
    "missing_package": Problem(503, "A package is missing here"),
    "cancelled": Problem(409, "The run was cancelled"),
    "run_not_found": Problem(404, "No such run"),
    "run_not_finished": Problem(404, "No result yet"),
    "files_not_here": Problem(404, "These files are not here"),
    "not_ready": Problem(409, "Not ready yet"),
    "quarantined": Problem(409, "Quarantined"),
    "already_finished": Problem(409, "Already over"),
    "builtin_protected": Problem(409, "Built-in inputs stay"),
    "unknown_run": Problem(404, "No such run"),
    "conflict": Problem(409, "Not possible now"),
    "does_not_fit": Problem(422, "Does not fit on this machine"),
    "too_large": Problem(413, "Too large"),
    "headers_too_large": Problem(431, "Headers too large"),
    "address_too_long": Problem(414, "Address too long"),
    "unsupported_media_type": Problem(415, "Only application/json"),
    "unsupported_file": Problem(415, "Files of this kind are not read"),
    "unknown_upload": Problem(404, "No such upload"),
    "upload_conflict": Problem(409, "Not the next bytes of this upload"),
    "upload_expired": Problem(410, "The upload was given up"),
    "checksum_mismatch": Problem(460, "Bytes were damaged on the way"),
    "upload_protocol": Problem(400, "Not tus 1.0"),
    "upload_version": Problem(412, "Only tus 1.0.0"),
    "host_not_allowed": Problem(400, "Host not allowed"),
    "cross_site_refused": Problem(403, "Refused for another site"),
    "unauthorised": Problem(401, "Access token needed"),
    "share_not_found": Problem(404, "No such share link"),
    "share_ended": Problem(410, "This share link has ended"),
    "too_many_guesses": Problem(429, "Too many wrong addresses"),
    "too_many_requests": Problem(429, "Too many changes"),
    "forbidden": Problem(403, "Not allowed for you"),
    "too_many_wrong_tokens": Problem(429, "Too many wrong tokens"),
    "unknown_token": Problem(404, "No such token"),
    "busy": Problem(503, "Too busy"),
    "queue_unavailable": Problem(503, "The queue cannot be reached"),
    "database_busy": Problem(503, "The state database cannot answer"),
    "server_not_ready": Problem(503, "Not ready"),
    "not_found": Problem(404, "Nothing at this address"),
    "method_not_allowed": Problem(405, "Method not allowed"),
    "error": Problem(500, "Something broke here"),
}

_UNEXPECTED = PROBLEMS["error"]
_CODE_OF_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    412: "upload_version",
    413: "too_large",
}


def problem_response(
    request: Request,
    code: str,
    detail: str,
    *,
    next_step: str = "",
    data: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer to one error."""
    problem = PROBLEMS.get(code, _UNEXPECTED)
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": problem.title,
        "status": problem.status,
        "code": code,
        "detail": detail,
        "next_step": next_step,
        "instance": request_id(request),
    }
    extra = {"Cache-Control": "no-store"} | dict(headers or {})
    if data:
        body |= {"data": data} | {key: data[key] for key in ("limit", "actual") if key in data}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra |= {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if data and "retry_after" in data:
        extra |= {"Retry-After": str(data["retry_after"])}
    return Response(
        orjson.dumps(body, default=str), problem.status, headers=extra, media_type=MEDIA_TYPE
    )


def request_id(request: Request) -> str:
    """Return the id that `security` gave the request, the one that the log shows."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def linearscope_problem(
    request: Request, error: LinearScopeError, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer one of our own errors."""
    return problem_response(
        request,
        error.code,
        error.message,
        next_step=error.next_step,
        data=error.data,
        headers=headers,
    )


def unexpected_problem(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw: the log gets the trace, the reader the request's id."""
    log.exception("request %s failed", request_id(request), exc_info=error)
    return problem_response(
        request,
        "error",
        "the server made a mistake while answering this request",
        next_step="Try again; if it stays, send the operator the value of instance.",
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Replace every default error answer of FastAPI and Starlette."""
    app.add_exception_handler(LinearScopeError, _on_linearscope_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(RedisError, _on_redis_error)
    app.add_exception_handler(SQLAlchemyError, _on_database_error)
    app.add_exception_handler(sqlite3.Error, _on_database_error)


async def _on_linearscope_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LinearScopeError)
    return linearscope_problem(request, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODE_OF_STATUS.get(error.status_code, "invalid_request")
    method, place = request.method[:20], _place(request.url.path)
    detail = {
        "not_found": f"there is nothing at {place}",
        "method_not_allowed": f"{method} is not possible at {place}",
    }.get(code, str(error.detail))
    return problem_response(
        request,
        code,
        detail,
        next_step="See /docs for every address and method.",
        headers=error.headers,
    )


def _place(path: str) -> str:
    # The address of a share link is a secret, and so is one that is nearly right.
    return "this address" if path.startswith("/s/") else repr(path[:120])


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # pydantic's own error holds the input; it may be a prompt, so only place and reason go out.
    errors = [
        {"parameter": ".".join(str(part) for part in item["loc"][1:]), "message": item["msg"]}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['parameter']}: {item['message']}" for item in errors)
    return problem_response(
        request,
        "invalid_parameter",
        detail,
        next_step="See /docs for the parameters of this address.",
        data={"errors": errors},
    )


async def _on_redis_error(request: Request, error: Exception) -> Response:
    log.warning("request %s: Redis: %s", request_id(request), type(error).__name__)
    return problem_response(
        request,
        "queue_unavailable",
        "the queue (Redis) does not answer; nothing was lost",
        next_step=f"Try again in {RETRY_AFTER_SECONDS} seconds; finished results still open.",
    )


async def _on_database_error(request: Request, error: Exception) -> Response:
    return database_problem(request, error)


def database_problem(request: Request, error: Exception) -> Response:
    """Answer that the state database does not."""
    text = str(getattr(error, "orig", error))
    log.warning("request %s: state database: %s", request_id(request), text)
    if "disk is full" in text:
        return problem_response(
            request,
            "disk_full",
            "the disk that holds the data folder is full",
            next_step="Free space or set LINEARSCOPE_DATA to a larger disk, then try again.",
        )
    return problem_response(
        request,
        "database_busy",
        "the state database is busy or cannot be reached",
        next_step=f"Try again in {RETRY_AFTER_SECONDS} seconds.",
    )
