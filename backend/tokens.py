"""Access tokens: made on request, or once at the first start of a server that others can reach."""

import re
from collections.abc import Callable, Mapping

from backend.strict_json import check_fields
from backend.visitors import RESERVED_NAMES, Role
from linearity.adapters.settings import Settings
from linearity.adapters.state import AccessRow, State
from linearity.contracts.canonical import Json
from linearity.contracts.parameters import choice
from linearity.errors import InvalidParameterError

MAXIMUM_DAYS = 3650
FIRST_NAME = "admin"
DAY_SECONDS = 86_400
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


def make_token(body: Mapping[str, Json], state: State) -> tuple[AccessRow, str]:
    """Make the token that `body` describes; return its row and the token itself.

    Raises
    ------
    InvalidRequestError
        For the first field that is wrong.
    """
    check_fields(body, required={"name": str, "role": str}, optional={"days": object})
    name, days = str(body["name"]), body.get("days")
    if not _NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise InvalidParameterError(
            "name",
            wanted=f"1 to 64 of A-Z a-z 0-9 . _ @ + -, and none of {', '.join(RESERVED_NAMES)}",
            got=name,
        )
    role = choice("role", body["role"], tuple(str(role) for role in Role))
    return state.add_token(name, role, seconds=None if days is None else _seconds(days))


def _seconds(days: Json) -> float:
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAXIMUM_DAYS:
        raise InvalidParameterError(
            "days", wanted=f"a whole number from 1 to {MAXIMUM_DAYS}", got=days
        )
    return float(days) * DAY_SECONDS


def token_view(row: AccessRow) -> dict[str, object]:
    """Return what the API tells about a token."""
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "state": "revoked" if row.revoked else "open" if row.is_open else "expired",
        "created": row.created,
        "expires": row.expires,
        "last_used": row.last_used,
        "revoked": row.revoked,
    }


def welcome(settings: Settings, state: State, say: Callable[[str], None]) -> None:
    """Say how to sign in; at the very first start make a token and show it, this once.

    The token goes to whoever started the server, never into a log of ours.
    """
    if settings.is_local:
        return
    token = None
    if settings.token is None and settings.proxy is None:
        token = state.add_first_token(FIRST_NAME, Role.ADMIN)
    if token is not None:
        say("A token for you, the administrator. It is shown only now; open this address once:")
        say(f"  {address_of(settings)}/?token={token}")
        return
    ways = "the token in LINEARSCOPE_TOKEN" if settings.token else "a token"
    if settings.proxy is not None:
        ways = f"the proxy, or {ways}"
    say(f"Sign in with {ways}. A new one: linearscope tokens add NAME --role viewer")


def address_of(settings: Settings) -> str:
    """Return where a browser on this machine, or wherever links lead, finds the server."""
    host = _WILDCARDS.get(settings.host, settings.host)
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return settings.public_url or f"http://{bracketed}:{settings.port}"
