"""Who asks: the name and the role that the request's credentials stand for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from starlette.requests import Request

Way = Literal["local", "token", "session", "proxy", "open"]


class Role(StrEnum):
    """What a visitor may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Visitor:
    """A person or program: the owner of what it makes, what it may do, and how it came in."""

    name: str
    role: Role
    way: Way = "local"

    def may_delete(self, owner: str) -> bool:
        """Whether something of `owner` is theirs to delete."""
        return self.role is Role.ADMIN or self.name == owner


LOCAL = Visitor("local", Role.ADMIN)
"""Whoever sits at the machine itself, where no login is asked for."""

GUEST = Visitor("guest", Role.VIEWER, "open")
"""Whoever reads what is open to everybody: a share, the files of the page, the sign-in page."""

OPERATOR = "operator"
"""The name that goes with LINEARSCOPE_TOKEN."""

RESERVED_NAMES = (LOCAL.name, GUEST.name, OPERATOR)
"""Names that nobody else may have: what they own is theirs."""


def visitor_of(request: Request) -> Visitor:
    """Return who asks, as the guard has found out."""
    visitor = request.scope.get("state", {}).get("visitor", GUEST)
    assert isinstance(visitor, Visitor)
    return visitor
