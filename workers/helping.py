"""Helping with the shards of a wide run that another worker owns.

The owner queues a few jobs that ask for help. Whoever takes one computes shards until none is
free; whoever comes too late does nothing. Without an answer the owner computes everything itself.
"""

import logging
import os
from collections.abc import Callable

import redis
import rq
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus

from linearity.adapters.execute import help_execute
from linearity.adapters.shard_board import ShardBoard
from linearity.adapters.state import Pulse, RunRow
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import check_current
from linearity.contracts.runs import RunRequest
from linearity.errors import RunCancelledError
from workers.devices import hold_device
from workers.heart import Heart
from workers.outcomes import Problem, result_or_problem
from workers.records import input_record
from workers.workplace import Workplace, open_workplace

log = logging.getLogger(__name__)

TASK = "workers.helping.help_run"
QUEUE = "analysis"
MOST_HELPERS = 15
JOB_SECONDS = 7 * 86_400
KEPT_SECONDS = 300


class Helpers:
    """Asks other workers to help with one attempt of a run."""

    def __init__(self, client: redis.Redis, run_id: str, attempt: int) -> None:
        self._redis, self._run_id, self._attempt = client, run_id, attempt
        self._jobs: list[str] = []

    def summon(self, free: int) -> None:
        """Ask for as much help as `free` shards are worth, the owner's own hands aside."""
        queue = rq.Queue(QUEUE, connection=self._redis, serializer="json")
        try:
            for number in range(len(self._jobs), min(free - 1, MOST_HELPERS)):
                self._jobs.append(f"{self._run_id}-{self._attempt}-helper-{number}")
                queue.enqueue_call(
                    TASK,
                    args=[self._run_id],
                    job_id=self._jobs[-1],
                    unique=True,
                    timeout=JOB_SECONDS,
                    result_ttl=KEPT_SECONDS,
                    failure_ttl=KEPT_SECONDS,
                )
        except (redis.RedisError, DuplicateJobError) as error:
            log.warning("nobody could be asked to help: %s", type(error).__name__)

    def dismiss(self) -> None:
        """Take back what still waits in the queue; what is under way ends by itself."""
        try:
            for id in self._jobs:
                self._take_back(id)
        except redis.RedisError as error:
            log.warning("helpers could not be dismissed: %s", type(error).__name__)

    def _take_back(self, id: str) -> None:
        try:
            job = Job.fetch(id, connection=self._redis, serializer="json")
        except NoSuchJobError:
            return
        if job.get_status(refresh=False) == JobStatus.QUEUED:
            job.delete()


class HelperProgress:
    """Meets `Progress`: what a helper has done is told by its shards, so that it adds up."""

    def __init__(self, run_id: str, *, is_unwanted: Callable[[], bool]) -> None:
        self._run_id, self._is_unwanted = run_id, is_unwanted

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Stop if nobody wants the run any more."""
        if self._is_unwanted():
            raise RunCancelledError("the run needs no help any more")

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Show nothing."""

    def log(self, message: str) -> None:
        """Write one line into the worker's log."""
        log.info("%s: %s", self._run_id, message)


def help_run(run_id: str) -> None:
    """Compute shards of a run until none is free."""
    with open_workplace() as place:
        row = place.state.get_run(run_id)
        if row is None or not place.state.has_free_shards(run_id):
            log.info("run %s needs no help", run_id)
            return
        worker = os.environ.get("RQ_WORKER_ID", "")
        try:
            outcome = _help(place, row, worker)
        except RunCancelledError as error:
            log.info("run %s: %s", run_id, error.message)
            return
        if isinstance(outcome, Problem):
            # The owner meets the same, and says so, or has a larger device and does not.
            log.warning("could not help with run %s: %s", run_id, outcome.code)
            place.state.release_shards(run_id, worker)
        else:
            log.info("helped with %d shards of run %s", outcome, run_id)


def _help(place: Workplace, row: RunRow, worker: str) -> int | Problem:
    def beat() -> Pulse:
        board.beat()
        return place.state.helper_pulse(row.id)

    heart = Heart(beat)
    progress = HelperProgress(row.id, is_unwanted=lambda: heart.unwanted)
    board = ShardBoard(row.id, worker, state=place.state, store=place.store, log=progress.log)
    with heart:
        return result_or_problem(lambda: _compute(place, row, progress, board))


def _compute(place: Workplace, row: RunRow, progress: HelperProgress, board: ShardBoard) -> int:
    request = RunRequest(**row.request)
    check_current(request)
    model = ModelRecord.from_json(input_record(place, "model", row.model_id, request.model))
    dataset = DatasetRecord.from_json(
        input_record(place, "dataset", row.dataset_id, request.dataset)
    )

    def waiting(_: str) -> None:
        # Nothing is claimed before there is a device to compute it on.
        if not place.state.has_free_shards(row.id):
            raise RunCancelledError("no shard is left")

    with hold_device(place.settings.device, place.settings.locks, waiting=waiting) as device:
        return help_execute(
            request,
            model=model,
            dataset=dataset,
            store=place.store,
            device=device,
            progress=progress,
            board=board,
            device_memory=place.settings.device_memory,
        )
