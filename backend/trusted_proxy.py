"""What a trusted reverse proxy says about the request it passes on."""

import hmac
import ipaddress
import re

from starlette.requests import Request

from backend.visitors import RESERVED_NAMES, Role, Visitor
from linearity.adapters.proxy_settings import ProxyTrust

SECRET_HEADER = "x-linearscope-proxy-secret"
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")


def comes_through(request: Request, trust: ProxyTrust | None) -> bool:
    """Whether the request comes from the proxy: from its address, and it knows the secret."""
    if trust is None or request.client is None:
        return False
    offered = request.headers.getlist(SECRET_HEADER)
    return (
        _is_from(request.client.host, trust)
        and len(offered) == 1
        and hmac.compare_digest(offered[0].encode(errors="replace"), trust.secret.encode())
    )


def proxied_visitor(request: Request, trust: ProxyTrust) -> Visitor | None:
    """Return who the proxy says is asking; None if it names nobody, or not one plain name."""
    names = request.headers.getlist(trust.header)
    if len(names) != 1 or not _NAME.fullmatch(names[0]) or names[0] in RESERVED_NAMES:
        return None
    role = trust.role
    if trust.role_header is not None:
        told = request.headers.getlist(trust.role_header)
        role = told[0] if len(told) == 1 else Role.VIEWER if told else role
    # A role that nobody knows is a mistake of the proxy; it must not become a large one.
    known = Role(role) if role in list(Role) else Role.VIEWER
    return Visitor(names[0], known, "proxy")


def client_address(request: Request, trust: ProxyTrust | None) -> str:
    """Return who is to be counted: the connection's address, or the one the proxy passed on."""
    return _held_by_one(_address(request, trust))


def _address(request: Request, trust: ProxyTrust | None) -> str:
    direct = request.client.host if request.client else "unknown"
    if trust is None or not comes_through(request, trust):
        return direct
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    # Read from the right: what stands further left, the client may have written itself.
    passed = [part.strip() for part in reversed(forwarded) if part.strip()]
    return next((part for part in passed if not _is_from(part, trust)), direct)


def _held_by_one(address: str) -> str:
    """Return what one client can hold: an address, or of IPv6 a network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _is_from(address: str, trust: ProxyTrust) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in trust.networks)
