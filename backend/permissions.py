"""Which role an address needs: the one table, and what holds for everything that is not in it.

Reading is open to every role. What is not in the table and changes something needs an
administrator, so that a forgotten address is closed rather than open. Templates are compiled by
the router's own function: a path means the same here and there.
"""

from collections.abc import Mapping

from starlette.routing import compile_path

from backend.answers import API
from backend.refusals import ForbiddenError
from backend.visitors import Role, Visitor

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_V, _A = Role.VIEWER, Role.ANALYST

PERMISSIONS: Mapping[str, Mapping[str, Role]] = {
    # Everybody may begin and end their own session.
    "/sign-in": {"POST": _V},
    f"{API}/session/end": {"POST": _V},
    # What an analyst makes; deleting and changing asks for the owner besides.
    f"{API}/models": {"POST": _A},
    f"{API}/models/{{id}}": {"DELETE": _A},
    f"{API}/models/{{id}}/template": {"POST": Role.ADMIN},  # a program that came with a model
    f"{API}/datasets": {"POST": _A},
    f"{API}/datasets/{{id}}": {"DELETE": _A},
    f"{API}/datasets/{{id}}/preview": {"POST": _A},
    f"{API}/datasets/{{id}}/confirm": {"POST": _A},
    f"{API}/logs": {"POST": _A},
    f"{API}/logs/{{id}}": {"DELETE": _A},
    f"{API}/uploads/{{uuid}}": {"HEAD": _A, "PATCH": _A},
    f"{API}/logs/{{id}}/preview": {"GET": _A},  # shows what people asked
    f"{API}/logs/{{id}}/confirm": {"POST": _A},
    f"{API}/logs/{{id}}/datasets": {"POST": _A},
    f"{API}/shares": {"POST": _A},
    f"{API}/shares/{{id}}": {"DELETE": _A},
    # Looking for something to register reaches out to the hub, or into the server's folders.
    f"{API}/hub/models": {"GET": _A},
    f"{API}/hub/models/{{owner}}/{{name}}": {"GET": _A},
    f"{API}/folders": {"GET": _A},
    f"{API}/folders/model": {"GET": _A},
    f"{API}/runs": {"POST": _A},
    f"{API}/runs/{{run_id}}": {"DELETE": _A},
    f"{API}/runs/{{run_id}}/cancel": {"POST": _A},
    # Weights made of a model, which may be somebody's own.
    f"{API}/runs/{{run_id}}/archive": {"GET": _A},
    f"{API}/runs/{{run_id}}/files/{{name}}": {"GET": _A},
    f"{API}/bundles": {"POST": _A},
    # Who may come in.
    f"{API}/tokens": {"GET": Role.ADMIN, "POST": Role.ADMIN},
    f"{API}/tokens/{{id}}": {"DELETE": Role.ADMIN},
}


_RULES = tuple((compile_path(template)[0], roles) for template, roles in PERMISSIONS.items())


def needed_role(method: str, path: str) -> Role:
    """Return the least role that may do this."""
    for pattern, roles in _RULES:
        if pattern.match(path):
            named = roles.get(method) or (roles.get("GET") if method == "HEAD" else None)
            if named is not None:
                return named
    return Role.VIEWER if method in SAFE_METHODS else Role.ADMIN


def check_role(visitor: Visitor, method: str, path: str) -> None:
    """Raise unless the visitor's role may do this.

    Raises
    ------
    ForbiddenError
        Names the role that is needed.
    """
    needed = needed_role(method, path)
    if not visitor.role.includes(needed):
        raise ForbiddenError(
            f"this needs the role {needed}, and {visitor.name} is a {visitor.role}",
            next_step="Ask an administrator for a token with that role.",
            needed=str(needed),
            role=str(visitor.role),
        )


def check_owner(visitor: Visitor, owner: str, what: str) -> None:
    """Raise unless the visitor may change or delete what belongs to `owner`.

    Raises
    ------
    ForbiddenError
        Names the owner.
    """
    if not visitor.may_delete(owner):
        raise ForbiddenError(
            f"{what} belongs to {owner}",
            next_step=f"Ask {owner} or an administrator to do it.",
            needed=str(Role.ADMIN),
            owner=owner,
        )
