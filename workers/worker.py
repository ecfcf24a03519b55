"""The RQ worker, with what RQ leaves open: horses die with it, and losses are reported at once.

A *horse* is the child that RQ forks for each job. CUDA is initialised only there.
"""

import logging
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from rq.exceptions import DeserializationError
from rq.job import Job
from rq.queue import Queue
from rq.worker import Worker
from sqlalchemy.exc import SQLAlchemyError

from linearity.adapters.lifetime import parent_guard
from workers.workplace import open_workplace

log = logging.getLogger(__name__)


class LinearScopeWorker(Worker):
    """RQ's forking worker; the one place where we inherit, because RQ offers no other way."""

    log_result_lifespan = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._interrupted = False
        self._guard = parent_guard()
        self.announce: Callable[[], object] = lambda: None
        """Tells what this worker computes on; called with every heartbeat."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell that this worker lives, and who it is: whoever empties Redis empties that too."""
        super().heartbeat(timeout, pipeline)
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # RQ's
        self.announce()

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork; and stop at once if the order to stop came in the very moment."""
        super().fork_work_horse(job, queue)
        if self._interrupted:
            self.kill_horse()

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Be the horse: first of all, never outlive the worker."""
        self._guard()
        super().main_work_horse(job, queue)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Kill the horse and what it started, never our own group."""
        if not self.horse_pid:
            return  # not forked yet, or just ended; its heartbeat hears of a cancel by itself
        try:
            group = os.getpgid(self.horse_pid)
            if group == os.getpgrp():
                os.kill(self.horse_pid, sig)  # it has not made its own group yet
            else:
                os.killpg(group, sig)
        except ProcessLookupError:
            self.log.debug("the horse is gone already")

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop now: the attempt goes back to the queue instead of keeping everybody waiting."""
        self._interrupted = True
        if self.horse_pid:
            self.kill_horse()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ's

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: object) -> None:
        """Record the loss, so that the run is queued again without waiting for its lease."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]  # RQ's
        try:
            report_loss(job, "interrupted" if self._interrupted else "lost", self.name)
        except (SQLAlchemyError, DeserializationError) as error:
            log.warning("the loss of job %s could not be recorded: %s", job.id, error)


def report_loss(job: Job, reason: str, worker: str) -> None:
    """Take back what a dead horse of `worker` was at; does nothing if that is not current."""
    with open_workplace() as place:
        match job.func_name, job.args:
            case "workers.tasks.run_attempt", [str(run_id), int(number)]:
                place.announce_run(place.state.lose_attempt(run_id, number, reason))
            case "workers.tasks.register_input", [str(kind), str(id), int(number)]:
                place.announce_input(place.state.lose_input(kind, id, number, reason))
            case "workers.helping.help_run", [str(run_id)]:
                place.state.release_shards(run_id, worker)
            case _:
                log.warning("job %s is not one of ours", job.id)
