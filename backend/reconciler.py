"""Keeps the queue in step with the state database, which is the truth.

What the database calls open and the queue does not know is queued again: after a crash between
commit and queueing, after somebody emptied Redis, after a worker died. Every change it makes
compares first, so any number of web processes may run it.
"""

import logging
import threading

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from backend.queue import Queue, job_id
from linearity.adapters.live import Live
from linearity.adapters.state import InputRow, RunRow, State
from linearity.contracts.runs import RunStatus

log = logging.getLogger(__name__)

PASS_SECONDS = 3.0
LEASE_SECONDS = 10.0


class Reconciler:
    """One comparison of database and queue per `run_once`."""

    def __init__(self, state: State, queue: Queue, live: Live) -> None:
        self._state = state
        self._queue = queue
        self._live = live
        self._suspects: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Compare every three seconds until `stop`; failures wait for the next time."""
        while True:
            try:
                self.run_once()
            except (RedisError, SQLAlchemyError) as error:
                log.warning("the queue could not be compared with the database: %s", error)
            if stop.wait(PASS_SECONDS):
                return

    def run_once(self) -> int:
        """Take back what dead workers held, queue what is missing; return how much was queued."""
        self._take_back()
        waiting = self._waiting()
        missing = [row for row in waiting if not self._queue.holds(row)]
        queued = sum(self._restore(row) for row in missing)
        self._suspects = {job_id(row) for row in missing}
        return queued

    def _take_back(self) -> None:
        for run in self._state.stale_attempts(LEASE_SECONDS):
            log.warning("run %s: nothing heard of attempt %d", run.id, run.attempt)
            self._queue.stop(run)  # should its worker live after all, it need not go on
            lost_run = self._state.lose_attempt(run.id, run.attempt, "lost")
            if lost_run is not None:
                self._live.announce_run(lost_run)
        for item in self._state.stale_inputs(LEASE_SECONDS):
            log.warning("%s %s: nothing heard of its inspection", item.kind, item.id)
            lost_input = self._state.lose_input(item.kind, item.id, item.attempt, "lost")
            if lost_input is not None:
                self._live.announce_input(lost_input)

    def _waiting(self) -> list[RunRow | InputRow]:
        inputs = [row for row in self._state.open_inputs() if row.heartbeat is None]
        runs = [row for row in self._state.open_runs() if row.status is RunStatus.QUEUED]
        return [*inputs, *runs]

    def _restore(self, row: RunRow | InputRow) -> bool:
        if job_id(row) in self._suspects:
            # A worker took the job and never started it: missing on two passes is no coincidence.
            self._queue.renew(row)
            return True
        if isinstance(row, RunRow):
            return self._queue.enqueue_run(row)
        return self._queue.enqueue_registration(row)
