"""Wrong guesses of share links are counted by client address and minute, then refused.

Counted in Redis, so that several web processes count together, and in this process while Redis
does not answer. Who holds a valid link is never asked.
"""

import logging
import threading
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from backend.refusals import TooManyGuessesError
from linearity.adapters.live import Live
from linearity.contracts.canonical import sha256_hex

log = logging.getLogger("linearscope.web")

MOST_A_MINUTE = 20
WINDOW_SECONDS = 60
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it failed, so that refusals stay quick without it."""
MOST_ADDRESSES = 10_000


class Guesses:
    """Counts misses; `now` is the server's clock in seconds."""

    def __init__(self, live: Live, now: Callable[[], float] = time.time) -> None:
        self._live = live
        self._now = now
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[str, int] = {}
        self._redis_resumes = 0.0

    def miss(self, address: str) -> None:
        """Count a wrong guess of a client.

        Raises
        ------
        TooManyGuessesError
            If there were too many within this minute.
        """
        moment = self._now()
        window = int(moment // WINDOW_SECONDS)
        # The address itself is nobody's business after this; a digest counts as well.
        client = sha256_hex(address.encode())[:32]
        count = max(self._count_here(client, window), self._count_in_redis(client, window))
        if count > MOST_A_MINUTE:
            wait = int((window + 1) * WINDOW_SECONDS - moment) + 1
            raise TooManyGuessesError(retry_after=wait)

    def _count_here(self, client: str, window: int) -> int:
        with self._lock:
            if window != self._window or len(self._counts) >= MOST_ADDRESSES:
                self._window, self._counts = window, {}
            self._counts[client] = self._counts.get(client, 0) + 1
            return self._counts[client]

    def _count_in_redis(self, client: str, window: int) -> int:
        if time.monotonic() < self._redis_resumes:
            return 0
        try:
            return self._live.count(f"{client}:{window}", seconds=2 * WINDOW_SECONDS)
        except RedisError as error:
            self._redis_resumes = time.monotonic() + PAUSE_SECONDS
            log.warning("wrong guesses are counted here alone: %s", type(error).__name__)
            return 0
