"""How often something happened within this minute, by client.

Counted in Redis, so that several web processes count together, and in this process while Redis
does not answer.
"""

import logging
import threading
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from linearity.adapters.live import Live
from linearity.contracts.canonical import sha256_hex

log = logging.getLogger("linearscope.web")

WINDOW_SECONDS = 60
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it failed, so that answers stay quick without it."""
MOST_CLIENTS = 10_000


class MinuteCounts:
    """Counts of one purpose; `now` is the server's clock in seconds."""

    def __init__(self, live: Live, purpose: str, now: Callable[[], float] = time.time) -> None:
        self._live, self._purpose, self._now = live, purpose, now
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[str, int] = {}
        self._redis_resumes = 0.0

    def add(self, client: str) -> tuple[int, int]:
        """Count once more; return the count and the seconds until counting begins anew."""
        moment = self._now()
        window = int(moment // WINDOW_SECONDS)
        # Who it is is nobody's business after this; a digest counts as well.
        digest = sha256_hex(client.encode(errors="replace"))[:32]
        count = max(self._count_here(digest, window), self._count_in_redis(digest, window))
        return count, int((window + 1) * WINDOW_SECONDS - moment) + 1

    def _count_here(self, client: str, window: int) -> int:
        with self._lock:
            if window != self._window or len(self._counts) >= MOST_CLIENTS:
                self._window, self._counts = window, {}
            self._counts[client] = self._counts.get(client, 0) + 1
            return self._counts[client]

    def _count_in_redis(self, client: str, window: int) -> int:
        if time.monotonic() < self._redis_resumes:
            return 0
        try:
            key = f"{self._purpose}:{client}:{window}"
            return self._live.count(key, seconds=2 * WINDOW_SECONDS)
        except RedisError as error:
            self._redis_resumes = time.monotonic() + PAUSE_SECONDS
            log.warning("%s are counted here alone: %s", self._purpose, type(error).__name__)
            return 0
