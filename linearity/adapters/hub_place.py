"""Where models of the hub come from: which server, which local cache, or only the cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from linearity.errors import InvalidParameterError

ANSWER_SECONDS = 10.0
"""How long one piece of an answer of the hub may take; its client would wait for ever."""

_YES = ("1", "on", "yes", "true")


@dataclass(frozen=True)
class HubPlace:
    """A hub and a cache.

    Parameters
    ----------
    endpoint : str or None
        Address of the hub; None for the hub library's own.
    offline : bool
        Whether only the local cache may be used.
    cache : Path or None
        Folder of the local cache; None for the hub library's own.
    """

    endpoint: str | None = None
    offline: bool = False
    cache: Path | None = None


def read_hub_place(environ: Mapping[str, str]) -> HubPlace:
    """Return what ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, ``HF_HUB_CACHE`` and ``HF_HOME`` say.

    Raises
    ------
    InvalidParameterError
        If ``HF_ENDPOINT`` is no http or https address.
    """
    endpoint = environ.get("HF_ENDPOINT", "").strip().rstrip("/")
    if endpoint and (
        urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).netloc
    ):
        raise InvalidParameterError("HF_ENDPOINT", wanted="an http or https address", got=endpoint)
    home = environ.get("HF_HOME", "").strip()
    cache = environ.get("HF_HUB_CACHE", "").strip() or (f"{home}/hub" if home else "")
    return HubPlace(
        endpoint=endpoint or None,
        offline=environ.get("HF_HUB_OFFLINE", "").strip().lower() in _YES,
        cache=Path(cache).expanduser() if cache else None,
    )


def open_hub(place: HubPlace) -> Any:  # the library is untyped for us
    """Return the hub's own client for a place; the token of the environment stays inside it."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import get_session

    get_session().timeout = ANSWER_SECONDS
    return HfApi(endpoint=place.endpoint)
