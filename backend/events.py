"""Server-sent events: one reader of the Redis stream per process, fanned out to every browser.

The id of an event is its id in the Redis stream, so a browser that comes back with Last-Event-ID
misses nothing. Redis may lose the stream all the same; therefore the truth, the state database, is
sent when a browser connects and looked at every few seconds while somebody listens.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import redis.asyncio
from anyio import to_thread
from redis.exceptions import RedisError

from backend.refusals import BusyError
from linearity.adapters.live import EVENTS_KEPT, EVENTS_KEY

log = logging.getLogger("linearscope.web")

KEEP_ALIVE_SECONDS = 15.0
WATCH_SECONDS = 3.0
RETRY_MS = 2000
BLOCK_MS = 5000
MAX_BACKOFF_SECONDS = 5.0
MAX_LISTENERS = 2000
BACKLOG = 1000
"""Events a slow browser may lag behind before it is sent away to come back and catch up."""

_STREAM_ID = re.compile(r"(\d{1,19})-(\d{1,19})", re.ASCII)

Statuses = Callable[[Iterable[str], bool], Mapping[str, dict[str, Any]]]
"""What the state database says about these runs and inputs, and, if asked, about every open run.

It is called in a thread.
"""


@dataclass(frozen=True)
class Event:
    """One event; `id` is None when it did not come from the stream."""

    run: str
    name: str
    data: bytes
    id: str | None = None

    def encode(self) -> bytes:
        """Return the event as it travels."""
        head = f"id: {self.id}\n" if self.id else ""
        # A raw line break would end the event early; JSON never needs one.
        data = self.data.replace(b"\n", b" ").replace(b"\r", b" ")
        return f"{head}event: {self.name}\ndata: ".encode() + data + b"\n\n"


@dataclass(eq=False)
class Listener:
    """One browser: the runs it asked for (None: all) and what waits to be sent."""

    runs: frozenset[str] | None
    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def wants(self, event: Event) -> bool:
        """Whether the event is about something it asked for."""
        return self.runs is None or event.run in self.runs

    def offer(self, event: Event) -> None:
        """Queue the event, or send the browser away if it lags too far behind."""
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.dismiss()

    def dismiss(self) -> None:
        """End the stream; the browser reconnects by itself with its Last-Event-ID."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class EventHub:
    """Reads the stream at `url` once and gives every listener its part."""

    def __init__(self, url: str, statuses: Statuses) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=BLOCK_MS / 1000 + 10, socket_connect_timeout=2
        )
        self._statuses = statuses
        self._listeners: set[Listener] = set()
        self._known: dict[str, dict[str, Any]] = {}
        self._closed = False

    async def run(self) -> None:
        """Read and watch until cancelled."""
        try:
            await asyncio.gather(self._read(), self._watch())
        finally:
            self.close()
            await self._redis.aclose()

    def close(self) -> None:
        """End every stream; open streams would otherwise hold up the end of the server."""
        self._closed = True
        for listener in self._listeners:
            listener.dismiss()

    def check_room(self) -> None:
        """Raise if no further stream can be opened."""
        if self._closed or len(self._listeners) >= MAX_LISTENERS:
            raise BusyError(
                "no further event stream can be opened now",
                next_step="Ask GET /api/v1/runs/{id} every few seconds instead.",
                limit=MAX_LISTENERS,
            )

    async def listen(
        self, runs: frozenset[str] | None, last_event_id: str | None
    ) -> AsyncIterator[bytes]:
        """Yield the stream of one browser: what it missed, how things stand, what happens."""
        listener = Listener(runs)
        self._listeners.add(listener)
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            reached = (0, 0)
            for event in await self._missed(last_event_id):
                reached = _order(event.id)
                if listener.wants(event):
                    yield event.encode()
            for event in await self._present(runs or ()):
                yield event.encode()
            async for event_or_pause in _drain(listener):
                if event_or_pause is None:
                    yield b": keep-alive\n\n"
                elif event_or_pause.id is None or _order(event_or_pause.id) > reached:
                    yield event_or_pause.encode()
        finally:
            self._listeners.discard(listener)

    async def _read(self) -> None:
        last = ""
        backoff = 0.25
        while True:
            try:
                last = last or await self._newest()
                answer = await self._redis.xread({EVENTS_KEY: last}, count=500, block=BLOCK_MS)
            except (RedisError, OSError) as error:
                log.warning("the event stream cannot be read: %s", type(error).__name__)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
                continue
            backoff = 0.25
            for entry in _entries(answer):
                event = _event(*entry)
                last = event.id or last
                self._broadcast(event)

    async def _newest(self) -> str:
        entries: Any = await self._redis.xrevrange(EVENTS_KEY, count=1)
        return _event(*entries[0]).id or "0-0" if entries else "0-0"

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            names = {name for listener in self._listeners for name in listener.runs or ()}
            everything = any(listener.runs is None for listener in self._listeners)
            try:
                await self._tell_news(names, everything)
            except Exception:  # a database that is busy now will be asked again
                log.exception("the state of the runs could not be looked up")

    async def _tell_news(self, names: set[str], everything: bool) -> None:
        """Broadcast what changed since the last look, whether or not the stream told it too."""
        if everything:
            names |= self._known.keys()
        known = {name: self._known[name] for name in names if name in self._known}
        statuses = await to_thread.run_sync(self._statuses, names, everything)
        self._known = {**known, **statuses}
        for name, status in statuses.items():
            if known.get(name, status if not everything else None) != status:
                self._broadcast(_status(name, status))

    def _broadcast(self, event: Event) -> None:
        for listener in self._listeners:
            if listener.wants(event):
                listener.offer(event)

    async def _missed(self, last_event_id: str | None) -> list[Event]:
        if last_event_id is None or not _STREAM_ID.fullmatch(last_event_id):
            return []
        try:
            entries: Any = await self._redis.xrange(
                EVENTS_KEY, min=f"({last_event_id}", count=EVENTS_KEPT
            )
        except (RedisError, OSError):
            return []
        return [_event(*entry) for entry in entries]

    async def _present(self, names: Iterable[str]) -> list[Event]:
        statuses = await to_thread.run_sync(self._statuses, list(names), False)
        for name, status in statuses.items():
            # What others were told stays as it is, so that they still hear of a change.
            self._known.setdefault(name, status)
        return [_status(*item) for item in statuses.items()]


async def _drain(listener: Listener) -> AsyncIterator[Event | None]:
    """Yield events as they come, None when nothing came for a while."""
    while True:
        try:
            event = await asyncio.wait_for(listener.queue.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            yield None
            continue
        if event is None:
            return
        yield event


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    # redis-py answers with a dict of lists or a list of pairs, depending on the protocol.
    if not answer:
        return []
    streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
    found = [entry for entries in streams for entry in entries]
    return [entry for item in found for entry in (item if isinstance(item, list) else [item])]


def _event(id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    return Event(
        run=fields.get(b"run", b"").decode(errors="replace"),
        name=re.sub(r"[^a-z_]", "", fields.get(b"event", b"").decode(errors="replace")),
        data=fields.get(b"data", b"{}"),
        id=id.decode(),
    )


def _status(name: str, status: Mapping[str, Any]) -> Event:
    return Event(run=name, name="status", data=orjson.dumps({"run": name, **status}))


def _order(id: str | None) -> tuple[int, int]:
    match = _STREAM_ID.fullmatch(id or "0-0")
    return (int(match[1]), int(match[2])) if match else (0, 0)
