"""``/api/v1/uploads/{id}``: the bytes of declared files, by tus 1.0 (core, checksum, expiration).

The protocol is the library's; who may send what is judged here before it reads the first byte.
Files are declared with their model, dataset or log, and go with it: there is no creation and no
termination of a single one.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from tuspyserver.router import TusRouterOptions
from tuspyserver.routes.core import core_routes

from backend.answers import API
from backend.dependencies import Services, ServicesDep, VisitorDep
from backend.refusals import (
    TooLargeError,
    UnknownUploadError,
    UnsupportedMediaTypeError,
    UploadConflictError,
    UploadProtocolError,
)
from backend.uploads.finishing import DAY_SECONDS, expired_error
from backend.uploads.reception import CURRENT, Reception
from backend.uploads.tus_storage import ReceivingStorage, RefusedError
from backend.visitors import Role, Visitor
from linearity.adapters.clock import age_seconds
from linearity.adapters.state import UploadRow
from linearity.errors import LinearScopeError

VERSION = "1.0.0"
EXTENSIONS = "checksum,expiration"
MEDIA_TYPE = "application/offset+octet-stream"
STALL_SECONDS = 30.0
"""A sender that is silent for so long is treated as gone; what came is kept."""

_DIGEST_BYTES = 32
_LARGEST = 1 << 50


async def admit(
    request: Request, response: Response, services: ServicesDep, visitor: VisitorDep
) -> None:
    """Judge a request by its headers and by what is known of its file."""
    response.headers["Tus-Checksum-Algorithm"] = "sha256"
    if request.method == "OPTIONS":
        return
    if request.headers.get("tus-resumable") != VERSION:
        raise HTTPException(412, "wanted Tus-Resumable: 1.0.0", headers={"Tus-Version": VERSION})
    checksum = None
    row = await asyncio.to_thread(_find, request.path_params["uuid"], services, visitor)
    if request.method == "PATCH":
        checksum = _read_checksum(request.headers.get("upload-checksum"))
        _check_body(request, row)
    CURRENT.set(Reception(row, services.uploads, checksum))


def _find(id: str, services: Services, visitor: Visitor) -> UploadRow:
    row = services.state.get_upload(id)
    if row is None or not (row.owner == visitor.name or visitor.role.includes(Role.ADMIN)):
        raise UnknownUploadError
    days = services.settings.upload_days
    if row.sha256 is None and age_seconds(row.touched) > days * DAY_SECONDS:
        raise expired_error(days)
    return row


def _check_body(request: Request, row: UploadRow) -> None:
    if request.headers.get("content-type", "") != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(
            f"wanted Content-Type {MEDIA_TYPE}", next_step="Send the bytes as they are."
        )
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaTypeError(
            "compressed bodies are not read", next_step="Send the bytes as they are."
        )
    length = _number(request, "content-length")
    offset = _number(request, "upload-offset")
    if offset != row.received:
        raise _mismatch(row, offset)
    if offset + length > row.size:
        raise TooLargeError(
            f"the file was declared with {row.size:,} bytes; with these it would have "
            f"{offset + length:,}",
            next_step="Declare the upload again with the right sizes.",
            limit=row.size,
            actual=offset + length,
        )


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) > _LARGEST:
        raise UploadProtocolError(
            f"wanted a number of bytes in {name}", next_step=f"Send {name} as digits."
        )
    return int(text)


def _read_checksum(text: str | None) -> bytes | None:
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if algorithm != "sha256" or len(digest) != _DIGEST_BYTES:
        raise UploadProtocolError(
            "wanted Upload-Checksum: sha256 and 32 bytes in base64",
            next_step="Send the sha256 of the body of this request, or leave the header out.",
        )
    return digest


def _mismatch(row: UploadRow, offset: int) -> UploadConflictError:
    return UploadConflictError(
        f"the server has {row.received:,} bytes of this file, these begin at {offset:,}",
        next_step="Ask with HEAD how far it is, and go on from there.",
        reason="offset",
        offset=row.received,
    )


class UploadRoute(APIRoute):
    """Gives up silent senders, and answers the library's errors in our one shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(Request(request.scope, _impatient(request.receive)))
            except RefusedError as error:
                raise error.error from error
            except HTTPException as error:
                raise _translated(request, error) from error

        return answer


def _impatient(receive: Callable[[], Awaitable[Message]]) -> Callable[[], Awaitable[Message]]:
    async def receive_soon() -> Message:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                return await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}

    return receive_soon


def _translated(request: Request, error: HTTPException) -> LinearScopeError | HTTPException:
    """Say in our words what the library found once it held the file alone."""
    if error.status_code == HTTPStatus.CONFLICT:
        return _mismatch(CURRENT.get().row, _number(request, "upload-offset"))
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return UploadProtocolError(str(error.detail))
    return error


async def _nobody() -> None:
    """Ask for nothing: `admit` has judged the request."""


async def _no_hook() -> Callable[..., None]:
    return lambda *_: None


def _tus_options() -> TusRouterOptions:
    hooks: dict[str, object] = dict.fromkeys(
        ("upload_complete_dep", "pre_create_dep", "file_dep"), _no_hook
    )
    return TusRouterOptions.model_validate(
        {
            **hooks,
            "prefix": f"{API}/uploads".lstrip("/"),
            "files_dir": "",
            "max_size": _LARGEST,
            "auth": _nobody,
            "days_to_keep": 1,
            "on_upload_complete": None,
            "pre_create_hook": None,
            "tags": ["uploads"],
            "tus_version": VERSION,
            "tus_extension": EXTENSIONS,
            "strict_offset_validation": True,
            "storage": ReceivingStorage(),
        }
    )


router: APIRouter = core_routes(  # type: ignore[no-untyped-call]  # the library has no types
    APIRouter(
        prefix=f"{API}/uploads",
        tags=["uploads"],
        route_class=UploadRoute,
        dependencies=[Depends(admit)],
    ),
    _tus_options(),
)
