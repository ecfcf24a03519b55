"""The `Progress` port met by Redis: progress with an estimate, partial results, log lines."""

import logging
import time
from collections import deque
from collections.abc import Callable

import orjson
import redis

from linearity.adapters.live import Live
from linearity.contracts.canonical import Json
from linearity.errors import RunCancelledError

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 0.5
PACE_SECONDS = 20.0
MUTE_SECONDS = 5.0


class WorkerProgress:
    """Tells Redis how far `run` is; a study never waits for Redis and never fails because of it."""

    def __init__(self, run: str, live: Live, *, is_unwanted: Callable[[], bool]) -> None:
        self._run = run
        self._live = live
        self._is_unwanted = is_unwanted
        self._pace = Pace()
        self._next_step = 0.0
        self._muted_until = 0.0

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Publish progress, at most twice a second."""
        self._check()
        moment = time.monotonic()
        eta = self._pace.seconds_left(moment, share)
        if moment < self._next_step and share < 1.0:
            return
        self._next_step = moment + PUBLISH_SECONDS
        progress = {"done": done, "total": total, "unit": unit, "eta_s": eta}
        self._send(lambda: self._live.progress(self._run, progress))

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Publish an intermediate result; the study decides how often there is one."""
        self._check()
        data = orjson.dumps(build())
        self._send(lambda: self._put_partial(data))

    def log(self, message: str) -> None:
        """Publish one line for people."""
        log.info("%s: %s", self._run, message)
        self._send(lambda: self._live.publish(self._run, "log", {"message": message}))

    def wait(self, stage: str) -> None:
        """Say what the run is waiting for before it computes."""
        self._check()
        moment = time.monotonic()
        if moment < self._next_step:
            return
        self._next_step = moment + PUBLISH_SECONDS
        progress = {"done": 0, "total": 0, "unit": "", "eta_s": None, "stage": stage}
        self._send(lambda: self._live.progress(self._run, progress))

    def beat(self) -> None:
        """Publish a sign of life."""
        self._send(lambda: self._live.publish(self._run, "heartbeat", {}))

    def _put_partial(self, data: bytes) -> None:
        self._live.put_partial(self._run, data)
        self._live.publish(self._run, "partial", {"bytes": len(data)})

    def _check(self) -> None:
        if self._is_unwanted():
            raise RunCancelledError("the run was cancelled")

    def _send(self, call: Callable[[], None]) -> None:
        if time.monotonic() < self._muted_until:
            return
        try:
            call()
        except redis.RedisError as error:
            self._muted_until = time.monotonic() + MUTE_SECONDS
            log.warning("progress could not be published: %s", error)


class Pace:
    """Speed of the work, overall and lately; from both, an interval for the time that is left."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._recent: deque[tuple[float, float]] = deque()

    def seconds_left(self, moment: float, share: float) -> list[float] | None:
        """Return [low, high] when `share` (0 to 1) is done, or None while too little is known."""
        self._first = self._first or (moment, share)
        self._recent.append((moment, share))
        while moment - self._recent[0][0] > PACE_SECONDS:
            self._recent.popleft()
        rates = [
            (share - before) / (moment - then)
            for then, before in (self._first, self._recent[0])
            if moment - then >= PUBLISH_SECONDS and share > before
        ]
        if not rates:
            return None
        left = max(1.0 - share, 0.0)
        return [round(left / max(rates) * 0.9, 1), round(left / min(rates) * 1.1, 1)]
