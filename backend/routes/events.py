"""``/api/v1/events``: what happens, as server-sent events."""

import re

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import StreamingResponse

from backend.answers import API
from backend.dependencies import ServicesDep, read_statuses
from backend.refusals import RunNotFoundError
from linearity.errors import InvalidParameterError

router = APIRouter(prefix=f"{API}/events", tags=["events"])

MAX_NAMES = 100
_NAME = re.compile(r"[0-9a-f]{32}|(?:model|dataset|log):[A-Za-z0-9._-]{1,100}")


@router.get("")
async def stream_events(
    request: Request, services: ServicesDep, runs: str = ""
) -> StreamingResponse:
    """Follow runs (ids) and inputs (``model:<id>``, ``dataset:``, ``log:``), or everything."""
    names = frozenset(filter(None, runs.split(",")))
    if len(names) > MAX_NAMES:
        raise InvalidParameterError("runs", wanted=f"at most {MAX_NAMES} names", got=len(names))
    await _check_known(services, names)
    services.hub.check_room()
    return StreamingResponse(
        services.hub.listen(names or None, request.headers.get("last-event-id")),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _check_known(services: ServicesDep, names: frozenset[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise RunNotFoundError(name)
    known = await to_thread.run_sync(read_statuses, services.state, names, False)
    for name in names - known.keys():
        raise RunNotFoundError(name)
