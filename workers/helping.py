"""Helping with the shards of a wide run that another worker owns.

The owner queues a few jobs that ask for help, in a queue that workers look into when no run waits.
Whoever takes one computes shards until none is free, or until a run waits; whoever comes too late
does nothing. Without an answer the owner computes everything itself.
"""

import logging
import os
import secrets
from collections.abc import Callable

import redis
import rq
from rq.exceptions import NoSuchJobError
from rq.job import Job

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
RUNS, HELP = "analysis", "help"
"""Queues: runs go before help with another run."""
MOST_HELPERS = 15
JOB_SECONDS = 7 * 86_400
KEPT_SECONDS = 300


class Helpers:
    """Asks other workers to help with a run; does without where the queue does not answer."""

    def __init__(self, client: redis.Redis, run_id: str) -> None:
        self._redis, self._run_id = client, run_id
        self._queue = rq.Queue(HELP, connection=client, serializer="json")

    def summon(self, free: int) -> None:
        """Ask for as much help as `free` shards are worth, the owner's own hands aside."""
        try:
            wanted = min(free - 1, MOST_HELPERS) - len(self._waiting())
            for _ in range(wanted):
                self._queue.enqueue_call(
                    TASK,
                    args=[self._run_id],
                    job_id=f"{self._run_id}-help-{secrets.token_hex(8)}",
                    timeout=JOB_SECONDS,
                    result_ttl=KEPT_SECONDS,
                    failure_ttl=KEPT_SECONDS,
                )
        except redis.RedisError as error:
            log.warning("nobody could be asked to help: %s", type(error).__name__)

    def dismiss(self) -> None:
        """Take back what still waits in the queue; what is under way ends by itself."""
        try:
            for id in self._waiting():
                try:
                    Job.fetch(id, connection=self._redis, serializer="json").delete()
                except NoSuchJobError:
                    continue
        except redis.RedisError as error:
            log.warning("helpers could not be dismissed: %s", type(error).__name__)

    def has_to_give_way(self) -> bool:
        """Whether a run waits, which is for a free worker to compute before it helps."""
        try:
            return rq.Queue(RUNS, connection=self._redis, serializer="json").count > 0
        except redis.RedisError:
            return False

    def _waiting(self) -> list[str]:
        return [id for id in self._queue.job_ids if id.startswith(self._run_id)]


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
        helpers = Helpers(place.live.redis, run_id)
        if helpers.has_to_give_way():  # it came in this very moment
            helpers.summon(2)
            return
        try:
            outcome = _help(place, row, worker, helpers)
        except RunCancelledError as error:
            log.info("run %s: %s", run_id, error.message)
            return
        if isinstance(outcome, Problem):
            # The owner meets the same, and says so, or has a larger device and does not.
            log.warning("could not help with run %s: %s", run_id, outcome.code)
            place.state.release_shards(run_id, worker)
        else:
            log.info("helped with %d shards of run %s", outcome, run_id)
            if helpers.has_to_give_way() and place.state.has_free_shards(run_id):
                helpers.summon(2)  # one more, for when the run that waits is done


def _help(place: Workplace, row: RunRow, worker: str, helpers: Helpers) -> int | Problem:
    def beat() -> Pulse:
        board.beat()
        return place.state.helper_pulse(row.id)

    heart = Heart(beat)
    progress = HelperProgress(row.id, is_unwanted=lambda: heart.unwanted)
    board = ShardBoard(
        row.id,
        worker,
        state=place.state,
        store=place.store,
        has_to_stop=helpers.has_to_give_way,
        log=progress.log,
    )
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
        if device == "cpu" and any(s.device != "cpu" for s in place.state.shards_of(row.id)):
            progress.log("no help from here: a processor would keep a GPU waiting")
            return 0
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
