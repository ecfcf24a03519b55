"""What is happening now, in Redis: events, progress, partial results, and the response cache.

All of it may vanish at any moment without breaking a promise: the state database and the artifact
store hold the truth. Errors of the connection (`redis.RedisError`) pass to the caller.
"""

import contextlib
from typing import Any

import orjson
import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from linearity.adapters.database import InputRow, RunRow
from linearity.contracts.canonical import sha256_hex

EVENTS_KEY = "linearscope:events"
EVENTS_KEPT = 10_000
DAY_SECONDS = 86_400
DEVICE_SECONDS = 30 * DAY_SECONDS
"""Longer than a worker is left alone; who asks looks at living workers only."""
MAXIMUM_CACHED_BYTES = 32 << 20

_MAGIC = b"LSC1"
_CHECK_LENGTH = len(_MAGIC) + 64


class Live:
    """The queue server at `queue_url` and the cache server at `cache_url`.

    `redis` is the client of the queue server, for the queue itself.
    """

    def __init__(self, queue_url: str, cache_url: str, *, quick: bool = False) -> None:
        self.redis = connect(queue_url, quick=quick)
        self._cache = self.redis if cache_url == queue_url else connect(cache_url, quick=quick)

    def close(self) -> None:
        """Close every connection."""
        for client in {self.redis, self._cache}:
            client.close()
            client.connection_pool.disconnect()

    def ping(self) -> None:
        """Raise unless both servers answer."""
        self.redis.ping()
        self._cache.ping()

    def publish(self, run: str, event: str, data: dict[str, Any]) -> None:
        """Append an event; `run` is a run id, or ``model:``, ``dataset:`` or ``log:`` and an id."""
        body = orjson.dumps({"run": run, **data})
        entry: dict[Any, Any] = {"run": run, "event": event, "data": body}
        self.redis.xadd(EVENTS_KEY, entry, maxlen=EVENTS_KEPT, approximate=True)

    def announce_run(self, row: RunRow) -> None:
        """Tell who listens what has become of a run."""
        body = {"status": str(row.status), "attempt": row.attempt, "error": row.error}
        self.publish(row.id, "status", body)

    def announce_input(self, row: InputRow) -> None:
        """Tell who listens what has become of a model or dataset."""
        body = {"kind": row.kind, "id": row.id, "state": str(row.state), "problem": row.problem}
        self.publish(f"{row.kind}:{row.id}", "status", body)

    def progress(self, run: str, progress: dict[str, Any]) -> None:
        """Remember how far a run is, and tell who listens."""
        self.redis.set(_progress_key(run), orjson.dumps(progress), ex=DAY_SECONDS)
        self.publish(run, "progress", progress)

    def get_progress(self, run: str) -> dict[str, Any] | None:
        """Return the last progress of a run."""
        data = self.redis.get(_progress_key(run))
        if not isinstance(data, bytes):
            return None
        value: dict[str, Any] = orjson.loads(data)
        return value

    def put_partial(self, run: str, data: bytes) -> None:
        """Remember the latest intermediate result of a run."""
        self.redis.set(_partial_key(run), data, ex=DAY_SECONDS)

    def get_partial(self, run: str) -> bytes | None:
        """Return the latest intermediate result of a run."""
        data = self.redis.get(_partial_key(run))
        return data if isinstance(data, bytes) else None

    def announce_device(self, worker: str, name: str, memory_bytes: int | None) -> None:
        """Tell what a worker computes on; None for a size that it cannot know."""
        told = orjson.dumps({"name": name, "memory_bytes": memory_bytes})
        self.redis.set(_device_key(worker), told, ex=DEVICE_SECONDS)

    def get_device(self, worker: str) -> dict[str, Any] | None:
        """Return what a worker computes on, if it has said so."""
        data = self.redis.get(_device_key(worker))
        if not isinstance(data, bytes):
            return None
        value: dict[str, Any] = orjson.loads(data)
        return value

    def forget(self, run: str) -> None:
        """Drop what was remembered about a run while it ran."""
        self.redis.delete(_progress_key(run), _partial_key(run))

    def count(self, key: str, *, seconds: int) -> int:
        """Count one more under `key`, which is forgotten after `seconds`; return the count."""
        name = f"linearscope:count:{key}"
        with self.redis.pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, seconds, nx=True)
            counted: int = pipe.execute()[0]
        return counted

    def cache_get(self, key: str) -> bytes | None:
        """Return a cached body; an entry that is damaged or not ours is dropped."""
        name = _cache_key(key)
        try:
            entry = self._cache.get(name)
        except redis.ResponseError:
            entry = b""  # a value of another type under our name
        if entry is None:
            return None
        body = _checked(entry) if isinstance(entry, bytes) else None
        if body is None:
            self._cache.delete(name)
        return body

    def cache_put(self, key: str, data: bytes, *, seconds: int = DAY_SECONDS) -> None:
        """Cache a body, for a day unless told otherwise, if it is not very large."""
        if len(data) > MAXIMUM_CACHED_BYTES:
            return
        entry = _MAGIC + sha256_hex(data).encode() + data
        self._cache.set(_cache_key(key), entry, ex=seconds)

    def cache_forget(self, key: str) -> None:
        """Drop a cached body."""
        self._cache.delete(_cache_key(key))

    def rewrite_files(self) -> None:
        """Let both servers write their append-only files anew, without what was deleted."""
        for client in {self.redis, self._cache}:
            # Switched off, not allowed or under way already: then it is up to the server.
            with contextlib.suppress(redis.ResponseError):
                client.bgrewriteaof()


def connect(url: str, *, quick: bool = False) -> redis.Redis:
    """Return a client that waits for a free connection and rides out a hiccup of a second.

    A `quick` one gives up after about two: for a worker, whose lease must not wait for reports.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=64,
        timeout=1 if quick else 2,
        socket_timeout=1 if quick else 5,
        socket_connect_timeout=1,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1 if quick else 3),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
    )
    return redis.Redis(connection_pool=pool)


def _checked(entry: bytes) -> bytes | None:
    head, body = entry[:_CHECK_LENGTH], entry[_CHECK_LENGTH:]
    return body if head == _MAGIC + sha256_hex(body).encode() else None


def _progress_key(run: str) -> str:
    return f"linearscope:progress:{run}"


def _device_key(worker: str) -> str:
    return f"linearscope:device:{worker}"


def _partial_key(run: str) -> str:
    return f"linearscope:partial:{run}"


def _cache_key(key: str) -> str:
    return f"linearscope:cache:{key}"
