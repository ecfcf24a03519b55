"""Where an OpenAI-compatible server is, and the key it wants."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import urlsplit

from linearity.errors import InvalidParameterError

KEY_VARIABLES = {
    "dense": "LINEARSCOPE_DENSE_API_KEY",
    "changed": "LINEARSCOPE_CHANGED_API_KEY",
}
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Address:
    """A server, ready to be called.

    Parameters
    ----------
    side : "dense" | "changed"
    scheme : "http" | "https"
    host : str
    port : int
    prefix : str
        What stands before ``/v1``.
    key : str
        Sent as a bearer token; never shown.
    """

    side: str
    scheme: str
    host: str
    port: int
    prefix: str
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, side: str, url: str, environ: Mapping[str, str]) -> "Address":
        """Return the address that a checked URL names, with the key of its side."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        path = parts.path.rstrip("/").removesuffix("/v1")
        key = environ.get(KEY_VARIABLES[side], "").strip()
        if not (key.isascii() and key.isprintable()):
            raise InvalidParameterError(
                KEY_VARIABLES[side],
                wanted="a key of printable ASCII characters",
                got="something else",
                next_step="Set the variable to the key alone.",
            )
        port = parts.port or (443 if secure else 80)
        return cls(side, parts.scheme, parts.hostname or "", port, path, key)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        shared = {"User-Agent": "linearscope", "Content-Type": "application/json"}
        return shared | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    @property
    def tells_its_key(self) -> bool:
        """Whether the key goes over a network unencrypted."""
        return bool(self.key) and self.scheme == "http" and not _is_loopback(self.host)

    def connection(self, seconds: float) -> HTTPConnection:
        """Return a connection that is not open yet; no proxy and no redirect is followed."""
        limit = min(seconds, CONNECT_SECONDS)
        if self.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(self.host, self.port, timeout=limit, context=context)
        return HTTPConnection(self.host, self.port, timeout=limit)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
