"""Who asks: the name and the role that the request's credentials stand for."""

from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request


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
    """A person or program: the owner of what it makes, and what it may do."""

    name: str
    role: Role


LOCAL = Visitor("local", Role.ADMIN)
"""Whoever sits at the machine itself, where no login is asked for."""


def visitor_of(request: Request) -> Visitor:
    """Return who asks, as the guard has found out."""
    visitor = request.scope.get("state", {}).get("visitor", LOCAL)
    assert isinstance(visitor, Visitor)
    return visitor
