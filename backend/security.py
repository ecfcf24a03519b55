"""Who may talk to this server, and what a browser may do with its answers.

One ASGI layer around everything: size of the header, Host allow-list, refusal of other sites'
unsafe requests, the access token, security headers, and the last resort for errors. Plain ASGI,
because event streams must pass through piece by piece.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.problems import linearscope_problem, unexpected_problem
from backend.refusals import (
    AddressTooLongError,
    CrossSiteRefusedError,
    HeadersTooLargeError,
    HostNotAllowedError,
    UnauthorisedError,
)
from linearity.adapters.settings import Settings
from linearity.errors import InvalidParameterError, LinearScopeError

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
COOKIE_SECONDS = 30 * 24 * 3600

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_OPEN_PATHS = ("/livez", "/readyz")
_OPEN_PREFIXES = ("/s/", "/assets/")  # share links, and the files of the page that show them
_WILDCARDS = ("0.0.0.0", "::", "")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@]+)(:\d{1,5})?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def refuse_open_binding(host: str, token: str | None) -> None:
    """Raise unless `host` is the loopback or a token protects the server."""
    if token is None and not is_loopback(host):
        raise InvalidParameterError(
            "LINEARSCOPE_HOST",
            wanted="a loopback address (127.0.0.1, ::1, localhost) while no token is set",
            got=host,
            next_step="Set LINEARSCOPE_TOKEN to a long random text, or listen on 127.0.0.1.",
        )


@dataclass(frozen=True)
class Policy:
    """Which hosts, which origins, which token."""

    hosts: frozenset[str]
    origins: frozenset[str]
    token: str | None
    secure_cookie: bool

    @property
    def cookie_name(self) -> str:
        """Own name per token: cookies of one host are shared by all its ports."""
        return f"linearscope_{self._derive('cookie name')[:8]}"

    @property
    def cookie_value(self) -> str:
        """What the cookie holds: derived from the token, so the token itself is never stored."""
        return self._derive("cookie value")

    def _derive(self, purpose: str) -> str:
        assert self.token is not None
        return hmac.new(self.token.encode(), purpose.encode(), hashlib.sha256).hexdigest()


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
        token=settings.token,
        secure_cookie=public.scheme == "https",
    )


class Guard:
    """The outermost layer of the web process."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self.app = app
        self.policy = policy

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
                headers.update(SECURITY_HEADERS)
                headers["X-Request-ID"] = request_id
            await send(message)

        answer: ASGIApp
        try:
            answer = check(request, self.policy) or self.app
            await answer(scope, receive, send_guarded)
        except LinearScopeError as error:
            await _refuse(request, error)(scope, receive, send_guarded)
        except Exception as error:  # the border: nothing may leave as a stack trace
            if started:
                raise
            await unexpected_problem(request, error)(scope, receive, send_guarded)


def check(request: Request, policy: Policy) -> Response | None:
    """Refuse by raising, answer a sign-in link with its redirect, or let pass with None."""
    check_size(request)
    check_host(request, policy)
    check_site(request, policy)
    return check_token(request, policy)


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
    if request.method in _SAFE_METHODS:
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


def check_token(request: Request, policy: Policy) -> Response | None:
    """Refuse requests without the access token; turn ``?token=`` on a page into a cookie."""
    path = request.scope["path"]
    if policy.token is None or path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES):
        return None
    offered = request.query_params.get("token")
    if offered is not None and _is_page(request) and _equal(offered, policy.token):
        return _signed_in(request, policy)
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _equal(bearer.strip(), policy.token):
        return None
    if _equal(request.cookies.get(policy.cookie_name, ""), policy.cookie_value):
        return None
    raise UnauthorisedError(
        "this server needs its access token",
        next_step="Send 'Authorization: Bearer <token>', or open a page once with ?token=<token>.",
    )


def _signed_in(request: Request, policy: Policy) -> Response:
    query = [item for item in parse_qsl(request.url.query) if item[0] != "token"]
    # Quoted and with one slash in front, the path cannot become another host's address.
    path = "/" + quote(request.url.path.lstrip("/"), safe="/")
    response = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(
        policy.cookie_name,
        policy.cookie_value,
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="lax",  # a link from a mail must open; unsafe methods are checked by origin
        secure=policy.secure_cookie,
    )
    return response


def _refuse(request: Request, error: LinearScopeError) -> Response:
    unauthorised = isinstance(error, UnauthorisedError)
    headers = {"WWW-Authenticate": 'Bearer realm="LinearScope"'} if unauthorised else None
    return linearscope_problem(request, error, headers)


def _is_page(request: Request) -> bool:
    return request.method == "GET" and not request.url.path.startswith(("/api/", "/assets/"))


def _equal(offered: str, wanted: str) -> bool:
    return hmac.compare_digest(offered.encode(errors="replace"), wanted.encode())


def is_loopback(host: str) -> bool:
    """Whether a host names this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
