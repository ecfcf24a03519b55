"""The interactive worker: plans are computed in its own process, where the model stays warm.

Somebody in front of the page changes an action and waits. Loading a model and computing its
states would take most of that time, so the process that did it keeps them. Registrations, which
share the queue, still run in a child. CUDA is initialised in this process only, never in a child.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import redis
import torch
from rq.exceptions import DeserializationError
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.worker import WorkerStatus
from sqlalchemy.exc import SQLAlchemyError

from workers.desk import Desk, sitting_at
from workers.worker import LinearScopeWorker, report_loss
from workers.workplace import open_workplace

log = logging.getLogger(__name__)

RUN_TASK = "workers.tasks.run_attempt"


class InterruptedAtWorkError(BaseException):
    """The worker was told to stop in the middle of a job; passes everything that catches errors."""


class InteractiveWorker(LinearScopeWorker):
    """Computes runs in this process, everything else in a child, as its base does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._desk = Desk()
        self._is_computing = False

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Compute a run here and now; leave any other job to a child."""
        if not _is_run(job):
            super().execute_job(job, queue)
            return
        os.environ["RQ_WORKER_ID"] = self.name
        execution = self.prepare_execution(job)
        with self._heartbeats(job, execution):
            self._compute(job, queue, execution)
        if self._interrupted:
            report_loss(job, "interrupted", self.name)
        self.set_state(WorkerStatus.IDLE)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell that this worker lives; between two jobs let go of what has been deleted."""
        super().heartbeat(timeout, pipeline)
        is_between = not self._is_computing and not self.horse_pid
        if is_between and threading.current_thread() is threading.main_thread():
            self._clear_deleted()

    def kill_horse(self, *args: Any) -> None:
        """Kill the child; without one, let the run in this process ask whether it is wanted."""
        if self.horse_pid:
            super().kill_horse(*args)
        else:
            self._desk.nudge()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop now; a run in this process is left where it stands and goes back to the queue."""
        super().request_stop(signum, frame)
        if self._is_computing:
            raise InterruptedAtWorkError

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Be the child: OpenMP's threads of the parent are gone, and waiting for them hangs."""
        torch.set_num_threads(1)
        super().main_work_horse(job, queue)

    def _compute(self, job: Job, queue: Queue, execution: Execution) -> None:
        try:
            self._is_computing = True
            with sitting_at(self._desk):
                self.perform_job(job, queue, execution)
        except InterruptedAtWorkError:
            log.info("stopped in the middle of job %s", job.id)
        finally:
            self._is_computing = False

    def _clear_deleted(self) -> None:
        if self._desk.resident.is_empty:
            return
        try:
            with open_workplace() as place:
                self._desk.resident.keep_only(place.state.named_objects())
        except SQLAlchemyError as error:
            log.warning("what was deleted may stay in memory a while: %s", type(error).__name__)

    @contextmanager
    def _heartbeats(self, job: Job, execution: Execution) -> Iterator[None]:
        """Tell the queue every few seconds that this worker lives, as a parent of a child would."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self.job_monitoring_interval):
                try:
                    self.maintain_heartbeats(job, execution)
                except redis.RedisError as error:
                    log.warning("the queue could not be told that this worker lives: %s", error)

        thread = threading.Thread(target=beat, name="queue heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # Not joined: it may be waiting for a queue server that is away.
            done.set()


def _is_run(job: Job) -> bool:
    try:
        return job.func_name == RUN_TASK
    except DeserializationError:
        return False
