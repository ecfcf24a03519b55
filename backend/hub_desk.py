"""Questions to the hub for the page: within a time limit, cached, the local cache as an aid."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

import orjson
from redis.exceptions import RedisError

from backend.refusals import BusyError
from linearity.adapters.hub_catalogue import HubCatalogue, HubModel
from linearity.adapters.hub_errors import unreachable
from linearity.adapters.hub_place import HubPlace
from linearity.adapters.live import Live
from linearity.contracts.canonical import digest
from linearity.errors import HubUnreachableError

SEARCH_SECONDS = 5.0
LOOK_SECONDS = 20.0
CACHED_SECONDS = 600
PAUSE_SECONDS = 20.0
"""How long a search spares a hub that failed to answer, so that typing stays quick."""

MOST_QUESTIONS = 8
"""Questions on their way at once; one that a silent hub holds back blocks its place."""

Answer = TypeVar("Answer")


class HubDesk:
    """The one way from the web process to the hub."""

    def __init__(self, place: HubPlace, live: Live) -> None:
        self.catalogue = HubCatalogue(place)
        self._live = live
        self._threads = ThreadPoolExecutor(MOST_QUESTIONS, thread_name_prefix="hub")
        self._open: set[Future[Any]] = set()
        self._resumes = 0.0

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def search(self, text: str, limit: int) -> dict[str, Any]:
        """Return the models that match, where the answer comes from, and why not from the hub."""
        text = text.strip()
        key = f"hub:{digest([self.catalogue.place.endpoint, text, limit])}"
        why = self._why_not(text)
        if why is None:
            with contextlib.suppress(RedisError):
                if body := self._live.cache_get(key):
                    kept: dict[str, Any] = orjson.loads(body)
                    return kept
            try:
                hits = self._within(SEARCH_SECONDS, lambda: self.catalogue.search(text, limit))
            except HubUnreachableError:
                self._resumes = time.monotonic() + PAUSE_SECONDS
                why = "unreachable"
            else:
                found = {"items": [asdict(hit) for hit in hits], "origin": "hub", "why": None}
                with contextlib.suppress(RedisError):
                    self._live.cache_put(key, orjson.dumps(found), seconds=CACHED_SECONDS)
                return found
        kept_here = self.catalogue.search_cache(text, limit)
        return {"items": [asdict(hit) for hit in kept_here], "origin": "cache", "why": why}

    def look(self, name: str, revision: str | None) -> HubModel:
        """Return what can be known of a model before it is fetched.

        Raises
        ------
        UnknownInputError, HubUnreachableError, BusyError
        """
        return self._within(LOOK_SECONDS, lambda: self.catalogue.look(name, revision))

    def commits(self, name: str, revisions: list[str]) -> dict[str, str]:
        """Return the commit of each revision of a model; raises as `look`."""
        return self._within(LOOK_SECONDS, lambda: self.catalogue.commits(name, revisions))

    def _why_not(self, text: str) -> str | None:
        if self.catalogue.place.offline:
            return "offline"
        if not text:
            return "no_text"
        return "unreachable" if time.monotonic() < self._resumes else None

    def _within(self, seconds: float, question: Callable[[], Answer]) -> Answer:
        self._open = {future for future in self._open if not future.done()}
        if len(self._open) >= MOST_QUESTIONS:
            raise BusyError(
                "the hub is slow, and too many questions to it are waiting",
                next_step="Try again in a minute, or use a local folder.",
            )
        future = self._threads.submit(question)
        self._open.add(future)
        try:
            return future.result(timeout=seconds)
        except TimeoutError as error:
            raise unreachable("what was asked for") from error
