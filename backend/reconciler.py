"""Keeps the queue in step with the state database, which is the truth.

What the database calls open and the queue does not know is queued again: after a crash between
commit and queueing, after somebody emptied Redis, after a worker died. Every change compares
first, so any number of web processes may do this.
"""

import logging
from dataclasses import dataclass

from backend.queue import Queue
from linearity.adapters.live import Live
from linearity.adapters.state import InputRow, RunRow, State
from linearity.contracts.runs import RunStatus

log = logging.getLogger("linearscope.web")

PASS_SECONDS = 3.0
LEASE_SECONDS = 10.0
"""A worker that has not written a heartbeat for so long is given up for dead."""


@dataclass(frozen=True)
class Reconciler:
    """Compares the database with the queue."""

    state: State
    queue: Queue
    live: Live

    def run_once(self) -> int:
        """Take back what dead workers held, queue what is missing; return how much was queued."""
        self._take_back_runs()
        self._take_back_inputs()
        waiting: list[RunRow | InputRow] = [
            *(row for row in self.state.open_inputs() if row.heartbeat is None),
            *(row for row in self.state.open_runs() if row.status is RunStatus.QUEUED),
        ]
        return sum(self.queue.restore(row) for row in waiting)

    def _take_back_runs(self) -> None:
        for row in self.state.stale_attempts(LEASE_SECONDS):
            log.warning("run %s: nothing heard of attempt %d", row.id, row.attempt)
            self.queue.stop(row)  # should its worker live after all, it need not go on
            if lost := self.state.lose_attempt(row.id, row.attempt, "lost"):
                self.live.announce_run(lost)

    def _take_back_inputs(self) -> None:
        for row in self.state.stale_inputs(LEASE_SECONDS):
            log.warning("%s %s: nothing heard of its inspection", row.kind, row.id)
            if lost := self.state.lose_input(row.kind, row.id, row.attempt, "lost"):
                self.live.announce_input(lost)
