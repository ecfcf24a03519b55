"""JSON comes in strictly: one object, plain UTF-8, bounded, no unknown field, no wrong type."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from backend.refusals import TooLargeError, UnsupportedMediaTypeError
from linearity.contracts.canonical import Json, strict_loads
from linearity.errors import InvalidParameterError, InvalidRequestError, UnknownParameterError

MAX_BODY_BYTES = 256 * 1024

Fields = dict[str, type]
_KIND_OF_VALUE = {
    str: "a text",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    int: "a whole number",
}


async def read_object(request: Request) -> dict[str, Json]:
    """Return the JSON object in the body of `request`."""
    _check_headers(request)
    body = await read_bounded(request)
    value = strict_loads(body) if body.strip() else None
    if not isinstance(value, Mapping):
        raise InvalidRequestError(
            "wanted a JSON object in the body",
            next_step='Send one JSON object, for example {"kind": "linearity", ...}.',
        )
    return dict(value)


JsonObject = Annotated[dict[str, Json], Depends(read_object)]


def check_fields(body: Mapping[str, Json], *, required: Fields, optional: Fields) -> None:
    """Raise for the first unknown, missing or mistyped field; null is allowed where optional."""
    known = {**required, **optional}
    for name in body:
        if name not in known:
            raise UnknownParameterError(name, known=list(known))
    for name, kind in known.items():
        value = body.get(name)
        if value is None and name in optional:
            continue
        if not isinstance(value, kind):
            raise InvalidParameterError(name, wanted=_KIND_OF_VALUE[kind], got=value)


def _check_headers(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaTypeError(
            f"wanted Content-Type application/json, got {media_type[:80] or 'none'!r}",
            next_step="Send the body as JSON with Content-Type: application/json.",
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaTypeError(
            f"compressed bodies are not read (Content-Encoding {encoding[:40]!r})",
            next_step="Send the body uncompressed.",
        )


async def read_bounded(request: Request, *, most: int = MAX_BODY_BYTES) -> bytes:
    """Return the body, unless it is over the limit."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise _too_large(int(declared[:20]), most)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(len(body), most)
    return bytes(body)


def _too_large(actual: int, most: int) -> TooLargeError:
    return TooLargeError(
        f"the body has {actual:,} bytes or more, the limit is {most:,}",
        next_step="Send a smaller body.",
        limit=most,
        actual=actual,
    )
