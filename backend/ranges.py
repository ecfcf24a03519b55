"""Long bodies in parts (RFC 9110, Range): a broken download goes on where it stopped."""

import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.answers import REVALIDATED
from backend.negotiation import has_already

Read = Callable[[int, int], Iterator[bytes]]

_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{1,19})?|-(\d{1,19}))", re.ASCII)


def send_part(
    request: Request, read: Read, *, size: int, etag: str, headers: Mapping[str, str]
) -> Response:
    """Answer with the part of a body that was asked for, or with all of it.

    Several ranges at once are answered with everything, which the standard allows.

    Parameters
    ----------
    request : Request
    read : callable
        Yields the bytes from one place to the one before another.
    size : int
        All bytes of the body.
    etag : str
        Strong, in quotes.
    headers : mapping
        Type and name of what is sent.
    """
    sent = {**REVALIDATED, **headers, "ETag": etag, "Accept-Ranges": "bytes"}
    if has_already(request.headers, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    part = _asked_for(request, size, etag)
    if part is None:
        sent |= {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=sent)
    status = HTTPStatus.OK if part == (0, size) else HTTPStatus.PARTIAL_CONTENT
    first, stop = part
    sent["Content-Length"] = str(stop - first)
    if status is HTTPStatus.PARTIAL_CONTENT:
        sent["Content-Range"] = f"bytes {first}-{stop - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=sent)
    return StreamingResponse(read(first, stop), status, headers=sent)


def _asked_for(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Return where the part begins and ends; all of it where nothing usable is asked for."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.headers.get("if-range", etag) != etag:
        return 0, size
    first, last, suffix = asked.groups()
    if suffix is not None:
        return (max(size - int(suffix), 0), size) if int(suffix) and size else None
    start = int(first)
    stop = size if last is None else min(int(last) + 1, size)
    if last is not None and int(last) < start:
        return 0, size
    return (start, stop) if start < size else None
