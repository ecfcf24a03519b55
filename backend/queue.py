"""The queue as the web process sees it; the only file on this side that knows RQ.

A job carries a dotted name and JSON, nothing else. Its id is made of the run id and the attempt
number, so that asking twice makes one job, and a job that outlived its attempt does nothing.
"""

import contextlib
import time
from dataclasses import dataclass

import redis
import rq
from rq.command import send_stop_job_command
from rq.exceptions import DuplicateJobError, InvalidJobOperation, NoSuchJobError
from rq.job import Job, JobStatus
from rq.utils import now
from rq.worker import BaseWorker, Worker

from linearity.adapters.state import InputRow, RunRow
from linearity.contracts.canonical import digest

INTERACTIVE = "interactive"
ANALYSES = "analysis"
INTERACTIVE_KINDS = ("plan", "passage")
"""Runs that somebody waits for in front of the page; they go where registrations go."""
RUN_TASK = "workers.tasks.run_attempt"
REGISTER_TASK = "workers.tasks.register_input"
RUN_SECONDS = 7 * 86_400
REGISTRATION_SECONDS = 6 * 3600
KEPT_SECONDS = 300
SILENT_SECONDS = 40
GRACE_SECONDS = 2.5
UNSTARTED_SECONDS = 15
"""A job that a worker took this long ago without starting its attempt counts as lost."""

_OPEN = (JobStatus.QUEUED, JobStatus.STARTED)


@dataclass(frozen=True)
class WorkerInfo:
    """A worker that has been heard of lately."""

    name: str
    state: str
    queues: list[str]
    job: str | None
    host: str | None
    pid: int | None
    heartbeat_age_s: float | None


class Queue:
    """Jobs on one queue server."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._queues = {
            name: rq.Queue(name, connection=client, serializer="json")
            for name in (INTERACTIVE, ANALYSES)
        }
        self._missing: dict[str, float] = {}  # job id -> when it was first missed

    def enqueue_run(self, row: RunRow) -> bool:
        """Queue the current attempt of a run; False if it is there already."""
        arguments: list[str | int] = [row.id, row.attempt]
        return self._enqueue(queue_name(row), RUN_TASK, arguments, job_id(row), RUN_SECONDS)

    def enqueue_registration(self, row: InputRow) -> bool:
        """Queue the inspection of an input; False if it is there already."""
        arguments: list[str | int] = [row.kind, row.id, row.attempt]
        return self._enqueue(
            queue_name(row), REGISTER_TASK, arguments, job_id(row), REGISTRATION_SECONDS
        )

    def restore(self, row: RunRow | InputRow) -> bool:
        """Queue the row again if nobody holds its job; return whether it was queued.

        A job that exists but neither waits nor has just been taken gets a moment of grace: a
        worker may be between taking and starting it.
        """
        id = job_id(row)
        job = self._job(id)
        if job is not None and self._is_alive(job):
            self._missing.pop(id, None)
            return False
        if job is not None:
            if time.monotonic() - self._missing.setdefault(id, time.monotonic()) < GRACE_SECONDS:
                return False
            job.delete()
        self._missing.pop(id, None)
        return self.enqueue_run(row) if isinstance(row, RunRow) else self.enqueue_registration(row)

    def holds(self, row: RunRow | InputRow) -> bool:
        """Whether the job of the current attempt waits here or was taken moments ago."""
        job = self._job(job_id(row))
        return job is not None and self._is_alive(job)

    def stop(self, row: RunRow | InputRow) -> None:
        """Take the job out of the queue, or tell its worker to stop it."""
        job = self._job(job_id(row))
        if job is None:
            return
        with contextlib.suppress(InvalidJobOperation, NoSuchJobError):
            if job.get_status() == JobStatus.STARTED:
                send_stop_job_command(self._redis, job.id, serializer="json")
            else:
                job.delete()

    def position(self, row: RunRow | InputRow) -> int | None:
        """Return how many jobs wait before this one, None if it does not wait."""
        return self._queues[queue_name(row)].get_job_position(job_id(row))

    def workers(self) -> list[WorkerInfo]:
        """Return the workers that have been heard of lately."""
        found = [_worker_info(item) for item in Worker.all(self._redis, serializer="json")]
        # RQ itself lists a killed worker for another minute and a half.
        return [item for item in found if (item.heartbeat_age_s or 0.0) < SILENT_SECONDS]

    def _enqueue(
        self, queue: str, task: str, arguments: list[str | int], id: str, seconds: int
    ) -> bool:
        for _ in range(2):
            try:
                self._queues[queue].enqueue_call(
                    task,
                    args=arguments,
                    job_id=id,
                    unique=True,
                    timeout=seconds,
                    result_ttl=KEPT_SECONDS,
                    failure_ttl=KEPT_SECONDS,
                )
            except DuplicateJobError:
                job = self._job(id)
                if job is not None and job.get_status(refresh=False) in _OPEN:
                    return False
                # The ended job of an attempt that still has to run must not block it.
                if job is not None:
                    job.delete()
            else:
                return True
        return False

    def _job(self, id: str) -> Job | None:
        try:
            return Job.fetch(id, connection=self._redis, serializer="json")
        except NoSuchJobError:
            return None

    def _is_alive(self, job: Job) -> bool:
        status = job.get_status(refresh=False)
        if status == JobStatus.QUEUED:
            return self._queues[job.origin].get_job_position(job.id) is not None
        if status != JobStatus.STARTED or job.started_at is None:
            return False
        return (now() - job.started_at).total_seconds() < UNSTARTED_SECONDS


def queue_name(row: RunRow | InputRow) -> str:
    """Return which queue the row's job waits in."""
    is_long = isinstance(row, RunRow) and row.kind not in INTERACTIVE_KINDS
    return ANALYSES if is_long else INTERACTIVE


def job_id(row: RunRow | InputRow) -> str:
    """Return the name of the job of the row's current attempt."""
    if isinstance(row, RunRow):
        return f"{row.id}-{row.attempt}"
    # RQ allows fewer characters than an input's id; the digest keeps `a.b` apart from `a_b`.
    plain = row.id if "." not in row.id else f"{row.id.replace('.', '_')}_{digest(row.id)[:8]}"
    return f"register-{row.kind}-{plain}-{row.attempt}"


def _worker_info(worker: BaseWorker) -> WorkerInfo:
    beat = worker.last_heartbeat
    return WorkerInfo(
        name=worker.name,
        state=str(worker.get_state()),
        queues=list(worker.queue_names()),
        job=worker.get_current_job_id(),
        host=worker.hostname,
        pid=worker.pid,
        heartbeat_age_s=None if beat is None else (now() - beat).total_seconds(),
    )
