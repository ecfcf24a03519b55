"""Who asks? From a request's credentials to a visitor, or a refusal.

Nobody has to say so where only this machine can ask. Elsewhere: a bearer token, a name from the
trusted proxy, or a session that began with a token. A token counts from its first use to its
revocation, looked up each time, so that revoking one holds from the next request on.
"""

import contextlib
import hmac
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from backend.refusals import UnauthorisedError
from backend.trusted_proxy import client_address, comes_through, proxied_visitor
from backend.visitors import GUEST, LOCAL, OPERATOR, Role, Visitor, Way
from backend.wrong_tokens import WrongTokens
from linearity.adapters.settings import Settings
from linearity.adapters.state import State
from linearity.contracts.canonical import sha256_hex

SESSION_SECONDS = 30 * 24 * 3600
SIGN_IN_PATH = "/sign-in"

_OPEN_PATHS = ("/livez", "/readyz", SIGN_IN_PATH)
_OPEN_PREFIXES = ("/s/", "/assets/")  # share links, and the files of the page that show them


@dataclass(frozen=True)
class Doorkeeper:
    """Knows the settings, the tokens and who guessed wrong lately."""

    settings: Settings
    state: State
    wrong: WrongTokens = field(default_factory=WrongTokens)

    @property
    def cookie_name(self) -> str:
        """Own name per installation: cookies of one host are shared by all its ports."""
        return f"linearscope_{sha256_hex(self.settings.database_url.encode())[:8]}"

    @property
    def is_secure(self) -> bool:
        """Whether the cookie travels over TLS only."""
        return (self.settings.public_url or "").startswith("https://")

    def is_open(self, path: str) -> bool:
        """Whether this address asks nobody who they are."""
        return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)

    def identify(self, request: Request) -> Visitor:
        """Return who asks.

        Raises
        ------
        UnauthorisedError
            If the request does not say, or says something wrong.
        TooManyWrongTokensError
        """
        if self.settings.is_local:
            return LOCAL
        if self.is_open(request.scope["path"]):
            return GUEST
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._of_token(bearer.strip(), client_address(request, self.settings.proxy))
        trust = self.settings.proxy
        if trust is not None and comes_through(request, trust):
            visitor = proxied_visitor(request, trust)
            if visitor is not None:
                return visitor
        return self._of_session(request.cookies.get(self.cookie_name, ""))

    def begin_session(self, token: str, request: Request) -> str:
        """Return the secret of a new session, for a token that is right.

        Raises
        ------
        UnauthorisedError, TooManyWrongTokensError
        """
        self._of_token(token, client_address(request, self.settings.proxy))
        hashed = sha256_hex(token.encode())
        return self.state.begin_session(hashed, seconds=SESSION_SECONDS)

    def end_session(self, request: Request) -> None:
        """End the session that the request came with."""
        self.state.end_session(request.cookies.get(self.cookie_name, ""))

    def _of_token(self, token: str, address: str) -> Visitor:
        if self._is_internal(token):
            return Visitor(LOCAL.name, Role.ADMIN, "token")
        hashed = sha256_hex(token.encode(errors="replace"))
        # Nobody guesses 256 random bits: such a token opens also where others offer wrong ones.
        visitor = self._of_made(hashed, "token")
        if visitor is not None:
            return visitor
        self.wrong.check(address)
        if self._is_operators(hashed):
            return Visitor(OPERATOR, Role.ADMIN, "token")
        if token:
            self.wrong.count(address)
        raise _unauthorised("this token is not, or no longer, one of this server")

    def _of_session(self, secret: str) -> Visitor:
        if not secret:
            raise _unauthorised("this server wants to know who asks")
        hashed = self.state.find_session(secret)
        if hashed is not None and self._is_operators(hashed):
            return Visitor(OPERATOR, Role.ADMIN, "session")
        visitor = None if hashed is None else self._of_made(hashed, "session")
        if visitor is None:
            raise _unauthorised("this session is over")
        return visitor

    def _is_internal(self, token: str) -> bool:
        inner = self.settings.internal_token
        return inner is not None and hmac.compare_digest(
            sha256_hex(token.encode(errors="replace")), sha256_hex(inner.encode())
        )

    def _is_operators(self, token_hash: str) -> bool:
        given = self.settings.token
        return given is not None and hmac.compare_digest(token_hash, sha256_hex(given.encode()))

    def _of_made(self, token_hash: str, way: Way) -> Visitor | None:
        row = self.state.find_token(token_hash)
        if row is None:
            return None
        with contextlib.suppress(SQLAlchemyError):  # a busy database keeps nobody outside
            self.state.touch_token(row)
        return Visitor(row.name, Role(row.role), way)


def _unauthorised(message: str) -> UnauthorisedError:
    return UnauthorisedError(
        message,
        next_step="Send 'Authorization: Bearer <token>', or sign in once at /sign-in.",
    )
