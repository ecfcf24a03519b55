"""Who may talk to this server, and what a browser may do with its answers.

One ASGI layer around everything: size of the header, Host allow-list, refusal of other sites'
unsafe requests, who asks and with which role, security headers, and the last resort for errors.
Plain ASGI, because event streams must pass through piece by piece.
"""

import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.doorkeeper import Doorkeeper
from backend.permissions import SAFE_METHODS, check_role
from backend.problems import database_problem, linearscope_problem, unexpected_problem
from backend.refusals import (
    AddressTooLongError,
    CrossSiteRefusedError,
    HeadersTooLargeError,
    HostNotAllowedError,
    UnauthorisedError,
)
from backend.signing_in import ask_to_sign_in, follow_link, is_page
from backend.visitors import LOCAL
from linearity.adapters.settings import Settings
from linearity.errors import LinearScopeError

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
MAX_HEADER_BYTES = 64 * 1024
MAX_ADDRESS_BYTES = 16 * 1024

_WILDCARDS = ("0.0.0.0", "::", "")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@]+)(:\d{1,5})?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class Policy:
    """Which hosts and which origins."""

    hosts: frozenset[str]
    origins: frozenset[str]


def read_policy(settings: Settings) -> Policy:
    """Return the policy that the settings ask for."""
    public = urlsplit(settings.public_url or "")
    hosts = {"localhost", "127.0.0.1", "[::1]"}
    if settings.host not in _WILDCARDS:
        hosts.add(f"[{settings.host}]" if ":" in settings.host else settings.host.lower())
    if public.hostname:
        hosts.add(f"[{public.hostname}]" if ":" in public.hostname else public.hostname)
    return Policy(
        hosts=frozenset(hosts),
        origins=frozenset({f"{public.scheme}://{public.netloc}".lower()} if public.netloc else ()),
    )


class Guard:
    """The outermost layer of the web process."""

    def __init__(self, app: ASGIApp, policy: Policy, doorkeeper: Doorkeeper) -> None:
        self.app = app
        self.policy = policy
        self.doorkeeper = doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one connection."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)  # a page may have a policy of its own
                headers["X-Request-ID"] = request_id
            await send(message)

        answer: ASGIApp
        try:
            check(request, self.policy)
            answer = await self._let_in(request) or self.app
            await answer(scope, receive, send_guarded)
        except Exception as error:  # the border: nothing may leave as a stack trace
            if started:
                raise
            await _refuse(request, error)(scope, receive, send_guarded)

    async def _let_in(self, request: Request) -> Response | None:
        """Note who asks and pass with None, or answer a sign-in link with its redirect."""
        if self.doorkeeper.settings.is_local:
            visitor = LOCAL
        else:
            token = request.query_params.get("token")
            if token is not None and is_page(request):
                return await to_thread.run_sync(follow_link, request, token, self.doorkeeper)
            # A database that somebody holds must not hold up the other requests.
            visitor = await to_thread.run_sync(self.doorkeeper.identify, request)
        request.scope["state"]["visitor"] = visitor
        check_role(visitor, request.method, request.scope["path"])
        return None


def check(request: Request, policy: Policy) -> None:
    """Raise for what nobody may send, whoever it is."""
    check_size(request)
    check_host(request, policy)
    check_site(request, policy)


def check_size(request: Request) -> None:
    """Refuse headers and addresses that no honest client sends."""
    size = sum(len(name) + len(value) for name, value in request.headers.raw)
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLargeError(
            f"the header has {size:,} bytes, the limit is {MAX_HEADER_BYTES:,}",
            limit=MAX_HEADER_BYTES,
            actual=size,
        )
    length = len(request.scope["path"]) + len(request.scope["query_string"])
    if length > MAX_ADDRESS_BYTES:
        raise AddressTooLongError(
            f"the address has {length:,} bytes, the limit is {MAX_ADDRESS_BYTES:,}",
            limit=MAX_ADDRESS_BYTES,
            actual=length,
        )


def check_host(request: Request, policy: Policy) -> None:
    """Refuse a Host that nobody configured: the defence against DNS rebinding."""
    given = request.headers.getlist("host")
    match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    if match is None or match[1].lower() not in policy.hosts:
        raise HostNotAllowedError(
            f"this server does not answer to the host {', '.join(given)[:120]!r}",
            next_step="Open it as http://127.0.0.1, or set LINEARSCOPE_PUBLIC_URL to its address.",
        )


def check_site(request: Request, policy: Policy) -> None:
    """Refuse unsafe requests that a browser sends for a page of another site.

    Browsers say so in Sec-Fetch-Site, older ones by the Origin; programs send neither and pass.
    A bearer token without cookies cannot come from a page that was lured here.
    """
    headers = request.headers
    if request.method in SAFE_METHODS:
        return
    if headers.get("authorization", "").lower().startswith("bearer ") and "cookie" not in headers:
        return
    origin = headers.get("origin", "").lower()
    site = headers.get("sec-fetch-site")
    own = origin.partition("://")[2] == headers["host"].lower() or origin in policy.origins
    allowed = site in ("same-origin", "none") if site is not None else not origin or own
    if not allowed:
        raise CrossSiteRefusedError(
            "a page of another site asked for this",
            next_step="Use LinearScope's own page, or a program without Origin header.",
        )


def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, SQLAlchemyError):
        return database_problem(request, error)
    if not isinstance(error, LinearScopeError):
        return unexpected_problem(request, error)
    if not isinstance(error, UnauthorisedError):
        return linearscope_problem(request, error)
    if is_page(request) and "text/html" in request.headers.get("accept", ""):
        return ask_to_sign_in(request)
    headers = {"WWW-Authenticate": 'Bearer realm="LinearScope"'}
    return linearscope_problem(request, error, headers)
