"""Which reverse proxy may say who asks: five variables that only mean something together."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from linearity.errors import InvalidParameterError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MINIMUM_SECRET_LENGTH = 16
ROLES = ("viewer", "analyst", "admin")
_NEEDED = ("LINEARSCOPE_PROXY_HEADER", "LINEARSCOPE_TRUSTED_PROXIES", "LINEARSCOPE_PROXY_SECRET")
_OPTIONAL = ("LINEARSCOPE_PROXY_ROLE", "LINEARSCOPE_PROXY_ROLE_HEADER")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_RESERVED = ("authorization", "cookie", "host", "x-linearscope-proxy-secret")


@dataclass(frozen=True)
class ProxyTrust:
    """A proxy that has checked who asks.

    Parameters
    ----------
    header : str
        Lower-case name of the header that names the user.
    networks : tuple of network
        Addresses from which it is believed.
    secret : str
        What the proxy sends along, so that another program at its address is not believed.
    role : str
        Role of everybody who comes through it.
    role_header : str or None
        Lower-case name of a header that names another role.
    """

    header: str
    networks: tuple[Network, ...]
    secret: str = field(repr=False)
    role: str = "analyst"
    role_header: str | None = None


def read_proxy(given: Mapping[str, str]) -> ProxyTrust | None:
    """Return the trusted proxy that the environment describes, or None.

    Raises
    ------
    InvalidParameterError
        For a bad value, and for a part without the others.
    """
    told = [name for name in (*_NEEDED, *_OPTIONAL) if name in given]
    if not told:
        return None
    for name in _NEEDED:
        if name not in given:
            raise InvalidParameterError(
                name, wanted=f"a value, because {told[0]} is set", got="nothing"
            )
    role_header = given.get("LINEARSCOPE_PROXY_ROLE_HEADER")
    return ProxyTrust(
        header=_header("LINEARSCOPE_PROXY_HEADER", given["LINEARSCOPE_PROXY_HEADER"]),
        networks=_networks(given["LINEARSCOPE_TRUSTED_PROXIES"]),
        secret=_secret(given["LINEARSCOPE_PROXY_SECRET"]),
        role=_role(given.get("LINEARSCOPE_PROXY_ROLE", "analyst")),
        role_header=role_header and _header("LINEARSCOPE_PROXY_ROLE_HEADER", role_header),
    )


def _header(name: str, text: str) -> str:
    if not _HEADER.fullmatch(text.strip()) or text.strip().lower() in _RESERVED:
        raise InvalidParameterError(name, wanted="a header's name like X-Forwarded-User", got=text)
    return text.strip().lower()


def _networks(text: str) -> tuple[Network, ...]:
    networks: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ipaddress.ip_network(part)
        except ValueError:
            network = None
        # A proxy of the whole internet is a mistake that gives everything away.
        if network is None or network.prefixlen == 0:
            raise InvalidParameterError(
                "LINEARSCOPE_TRUSTED_PROXIES",
                wanted="addresses or networks like 10.0.0.7 or 10.0.0.0/24, joined by commas",
                got=part,
            )
        networks.append(network)
    return tuple(networks)


def _secret(text: str) -> str:
    if len(text) < MINIMUM_SECRET_LENGTH or not text.isascii() or not text.isprintable():
        raise InvalidParameterError(
            "LINEARSCOPE_PROXY_SECRET",
            wanted=f"at least {MINIMUM_SECRET_LENGTH} plain ASCII characters",
            got=f"{len(text)} characters",
        )
    return text


def _role(text: str) -> str:
    if text not in ROLES:
        raise InvalidParameterError("LINEARSCOPE_PROXY_ROLE", wanted=", ".join(ROLES), got=text)
    return text
