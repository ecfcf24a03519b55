"""Every setting, read once from the environment into one frozen value."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from linearity.adapters.hub_place import HubPlace, read_hub_place
from linearity.adapters.proxy_settings import ProxyTrust, read_proxy
from linearity.errors import InvalidParameterError, NotYetError

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
MINIMUM_TOKEN_LENGTH = 16
UPLOAD_DAYS = 7
CHANGES_PER_MINUTE = 200
SHARD_TOKENS = 262_144
LEAST_SHARD_TOKENS = 1024
MOST_BYTES = 1 << 60

_DEVICE = re.compile(r"cpu|cuda|cuda:\d{1,3}(,cuda:\d{1,3})*")
_BYTES = re.compile(r"(?P<number>\d{1,18})\s*(?P<unit>[kMGT]?i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_REDIS_SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True)
class Settings:
    """What the environment decides; the table of variables is in docs/operations.md.

    Parameters
    ----------
    data : Path
        The data folder: state database, artifact store, queue server files, locks.
    model_roots : tuple of Path
        Folders from which local models and datasets may be named.
    store : Path
        Root of the artifact store.
    database_url : str
        SQLAlchemy address of the state database.
    redis_url, redis_cache_url : str or None
        Queue and cache; None means that nobody named one.
    host, port : str, int
        Where the web process listens.
    token : str or None
        A token of an administrator that the operator chose.
    internal_token : str or None
        How `linearscope up` speaks to its own web process; made anew at each start.
    proxy : ProxyTrust or None
        The reverse proxy that may say who asks.
    device : str or None
        ``cpu``, ``cuda``, ``cuda:N``, or several of those joined by commas, which one run then
        has together; None lets the worker choose.
    device_memory : int or None
        Bytes of the device's memory that a run may take; None is all that is free.
    public_url : str or None
        What links are made of; None means the address of the request.
    hub : HubPlace
        Where models of the hub come from.
    upload_limit, upload_user_limit : int or None
        Bytes that all uploads, and those of one owner, may have; None is no limit but the disk.
    upload_days : int
        Days after its last byte when an unfinished upload is given up.
    changes_per_minute : int
        Requests that change something, by one visitor; ten times as many on the loopback.
    shard_tokens : int
        A run over more tokens is divided into shards of at most so many; 0 for never.
    """

    data: Path
    model_roots: tuple[Path, ...]
    store: Path
    database_url: str
    redis_url: str | None = field(default=None, repr=False)
    redis_cache_url: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    internal_token: str | None = field(default=None, repr=False)
    proxy: ProxyTrust | None = None
    device: str | None = None
    device_memory: int | None = None
    public_url: str | None = None
    hub: HubPlace = field(default_factory=HubPlace)
    upload_limit: int | None = None
    upload_user_limit: int | None = None
    upload_days: int = UPLOAD_DAYS
    changes_per_minute: int = CHANGES_PER_MINUTE
    shard_tokens: int = SHARD_TOKENS

    @property
    def queue_url(self) -> str:
        """Address of the queue server."""
        return self.redis_url or DEFAULT_REDIS_URL

    @property
    def cache_url(self) -> str:
        """Address of the cache server; the queue server unless another is named."""
        return self.redis_cache_url or self.queue_url

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server, so that nobody has to sign in."""
        public = urlsplit(self.public_url or "").hostname or self.host
        return (
            self.token is None
            and self.proxy is None
            and is_loopback(self.host)
            and is_loopback(public)
        )

    @property
    def locks(self) -> Path:
        """Folder of the lock files."""
        return self.data / "locks"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings that `environ` spells out; an empty variable counts as absent.

    Raises
    ------
    InvalidParameterError, NotYetError
        For the first bad value; the message begins with the variable's name.
    """
    given = {name: value for name, value in environ.items() if value.strip()}
    data = Path(given.get("LINEARSCOPE_DATA", "data")).expanduser().absolute()
    return Settings(
        data=data,
        model_roots=_read_roots(given.get("LINEARSCOPE_MODEL_ROOTS", "")),
        store=_read_store(given.get("LINEARSCOPE_STORE"), data),
        database_url=_read_database(given.get("DATABASE_URL"), data),
        redis_url=_read_redis("REDIS_URL", given.get("REDIS_URL")),
        redis_cache_url=_read_redis("REDIS_CACHE_URL", given.get("REDIS_CACHE_URL")),
        host=given.get("LINEARSCOPE_HOST", "127.0.0.1").strip(),
        port=_read_port(given.get("LINEARSCOPE_PORT", "8000")),
        token=_read_token(given.get("LINEARSCOPE_TOKEN")),
        proxy=read_proxy(given),
        device=read_device("LINEARSCOPE_DEVICE", given.get("LINEARSCOPE_DEVICE")),
        device_memory=_read_bytes("LINEARSCOPE_DEVICE_MEMORY", given),
        public_url=_read_public_url(given.get("LINEARSCOPE_PUBLIC_URL")),
        hub=read_hub_place(given),
        upload_limit=_read_bytes("LINEARSCOPE_UPLOAD_LIMIT", given),
        upload_user_limit=_read_bytes("LINEARSCOPE_UPLOAD_USER_LIMIT", given),
        upload_days=_read_days("LINEARSCOPE_UPLOAD_DAYS", given),
        changes_per_minute=_read_changes("LINEARSCOPE_CHANGES_PER_MINUTE", given),
        shard_tokens=_read_shard_tokens("LINEARSCOPE_SHARD_TOKENS", given),
    )


def read_device(name: str, text: str | None) -> str | None:
    """Return the device that `text` names, None for ``auto``; `name` is who asks.

    Raises
    ------
    InvalidParameterError
        For anything else.
    """
    if text is None or text == "auto":
        return None
    named = text.split(",")
    if not _DEVICE.fullmatch(text) or len(set(named)) < len(named):
        raise InvalidParameterError(
            name, wanted="auto, cpu, cuda, cuda:N or several like cuda:0,cuda:1", got=text
        )
    return text


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine's own address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def sqlite_url(path: Path) -> str:
    """Return the SQLAlchemy address of a SQLite file."""
    return f"sqlite:///{path}"


def unix_url(socket: Path) -> str:
    """Return the redis address of a unix socket."""
    return f"unix://{quote(str(socket))}?db=0"


def _read_roots(text: str) -> tuple[Path, ...]:
    roots = []
    for part in filter(None, text.split(os.pathsep)):
        root = Path(part).expanduser()
        if not root.is_absolute() or not root.is_dir():
            raise InvalidParameterError(
                "LINEARSCOPE_MODEL_ROOTS",
                wanted=f"absolute folders that exist, joined by {os.pathsep!r}",
                got=part,
            )
        roots.append(root.resolve())
    return tuple(roots)


def _read_store(text: str | None, data: Path) -> Path:
    if text is None:
        return data / "store"
    if "://" in text:
        raise NotYetError(
            "LINEARSCOPE_STORE: only a local folder can hold the artifact store in this version",
            next_step="Name a folder, or leave LINEARSCOPE_STORE out.",
        )
    return Path(text).expanduser().absolute()


def _read_database(text: str | None, data: Path) -> str:
    if text is None:
        return sqlite_url(data / "state.db")
    if not text.startswith("sqlite:///"):
        raise NotYetError(
            "DATABASE_URL: only sqlite:/// addresses are supported in this version",
            next_step="Name a SQLite file (sqlite:////folder/state.db), or leave it out.",
        )
    return text


def _read_redis(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in _REDIS_SCHEMES or not (parts.netloc or parts.path):
        # The address may hold a password, so it is not repeated.
        raise InvalidParameterError(
            name, wanted="an address like redis://host:6379/0 or unix:///path", got="something else"
        )
    return text


def _read_port(text: str) -> int:
    number = int(text) if text.isascii() and text.strip().isdigit() else -1
    if not 0 <= number <= 65535:
        raise InvalidParameterError(
            "LINEARSCOPE_PORT", wanted="a whole number from 0 to 65535", got=text
        )
    return number


def _read_bytes(name: str, given: Mapping[str, str]) -> int | None:
    """Return a number of bytes: plain, or with a unit: kB, MB, GB, TB, KiB, ..."""
    text = given.get(name)
    if text is None:
        return None
    match = _BYTES.fullmatch(text.strip())
    number = int(match["number"]) * _UNITS[(match["unit"] or "").upper()] if match else 0
    if not 0 < number <= MOST_BYTES:
        raise InvalidParameterError(name, wanted="bytes, like 500GB or 2000000", got=text)
    return number


def _read_days(name: str, given: Mapping[str, str]) -> int:
    text = given.get(name, str(UPLOAD_DAYS)).strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= number <= 365:
        raise InvalidParameterError(name, wanted="whole days, 1 to 365", got=text)
    return number


def _read_changes(name: str, given: Mapping[str, str]) -> int:
    text = given.get(name, str(CHANGES_PER_MINUTE)).strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if number < 1:
        raise InvalidParameterError(name, wanted="a whole number, 1 to 9999999", got=text)
    return number


def _read_shard_tokens(name: str, given: Mapping[str, str]) -> int:
    text = given.get(name, str(SHARD_TOKENS)).strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if number != 0 and number < LEAST_SHARD_TOKENS:
        raise InvalidParameterError(
            name, wanted=f"a whole number from {LEAST_SHARD_TOKENS}, or 0 for never", got=text
        )
    return number


def _read_token(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) < MINIMUM_TOKEN_LENGTH or not text.isascii() or not text.isprintable():
        raise InvalidParameterError(
            "LINEARSCOPE_TOKEN",
            wanted=f"at least {MINIMUM_TOKEN_LENGTH} plain ASCII characters",
            got=f"{len(text)} characters",
        )
    return text


def _read_public_url(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise InvalidParameterError(
            "LINEARSCOPE_PUBLIC_URL", wanted="an http or https address without a query", got=text
        )
    return text.rstrip("/")
