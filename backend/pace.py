"""How many requests that change something a visitor may send within a minute.

One place for every resource. It keeps a loop gone wild from filling queue and database; what a
request costs beyond that is limited where it is paid (queue, quotas, memory). Pieces of uploads
are not counted: their bytes are, by the quotas.
"""

from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.minute_counts import MinuteCounts
from backend.refusals import TooManyRequestsError
from backend.trusted_proxy import client_address
from backend.visitors import LOCAL, visitor_of
from linearity.adapters.proxy_settings import ProxyTrust

LOCAL_FACTOR = 10
"""Who sits at the machine itself, where scripts run, may do this many times as much."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_UPLOADS = "/api/v1/uploads"


class Pace:
    """One ASGI layer inside the guard, which has found out who asks."""

    def __init__(
        self,
        app: ASGIApp,
        counts: MinuteCounts,
        per_minute: int,
        proxy: ProxyTrust | None = None,
    ) -> None:
        self.app, self.counts, self.per_minute = app, counts, per_minute
        self.proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one connection, or refuse it."""
        if scope["type"] == "http" and _is_counted(scope):
            await to_thread.run_sync(self.check, Request(scope))
        await self.app(scope, receive, send)

    def check(self, request: Request) -> None:
        """Count a request.

        Raises
        ------
        TooManyRequestsError
            If its visitor sent too many within this minute.
        """
        visitor = visitor_of(request)
        most = self.per_minute * (LOCAL_FACTOR if visitor.name == LOCAL.name else 1)
        address = client_address(request, self.proxy)
        count, wait = self.counts.add(f"{visitor.name} {address}")
        if count > most:
            raise TooManyRequestsError(limit=most, retry_after=wait)


def _is_counted(scope: Scope) -> bool:
    if scope["method"] in _SAFE_METHODS:
        return False
    return not (scope["method"] == "PATCH" and scope["path"].startswith(_UPLOADS))
