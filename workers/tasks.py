"""What the queue calls, by these dotted names and with JSON arguments only.

A task does nothing unless the state database agrees that its attempt is the current one, so a
job that was delivered twice, or too late, is harmless.
"""

import logging
import os
import time
from typing import Any

import redis

from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.execute import execute
from linearity.adapters.results import store_result
from linearity.adapters.shard_board import ShardBoard
from linearity.adapters.state import InputRow, Pulse, RunRow
from linearity.adapters.state_removals import digests_in
from linearity.contracts.canonical import Json, canonical_json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kept import KeptObject, kept_objects
from linearity.contracts.kinds import check_current
from linearity.contracts.runs import RunRequest
from linearity.errors import RunCancelledError
from workers.desk import LANE, desk_here
from workers.devices import hold_device
from workers.heart import Heart
from workers.helping import Helpers
from workers.outcomes import Problem, result_or_problem
from workers.progress import WorkerProgress
from workers.records import input_record
from workers.registration import exported_model, inspect
from workers.workplace import Workplace, open_workplace

log = logging.getLogger(__name__)

CACHED_ENCODING = "identity"
CLEARING = ("out_of_memory", "internal_error")
"""Problems after which nothing that was kept between runs is used again."""

Outcome = tuple[str, bytes, list[KeptObject]]
"""A stored result: its sha256, its bytes, and what it keeps in the store beside itself."""


def run_attempt(run_id: str, attempt: int) -> None:
    """Compute one attempt of a run, from its row to its stored result."""
    with open_workplace() as place:
        if not place.state.start_attempt(run_id, attempt, _worker_name()):
            log.info("attempt %s of run %s is not wanted", attempt, run_id)
            return
        row = place.state.get_run(run_id)
        if row is None:
            return
        place.announce_run(row)
        try:
            _work(place, row)
        except RunCancelledError:
            log.info("run %s was cancelled", run_id)
            return
        place.announce_run(place.state.get_run(run_id))


def register_input(kind: str, id: str, attempt: int) -> None:
    """Inspect a model or dataset and record what it is, or why it cannot be used."""
    with open_workplace() as place:
        row = place.state.get_input(kind, id)
        if row is None or not place.state.start_input(kind, id, attempt, _worker_name()):
            log.info("inspection %s of %s %s is not wanted", attempt, kind, id)
            return
        place.announce_input(row)
        heart = Heart(lambda: place.state.input_heartbeat(kind, id, attempt))
        progress = WorkerProgress(f"{kind}:{id}", place.live, is_unwanted=lambda: heart.unwanted)
        with heart:
            record = result_or_problem(lambda: _inspected(place, row, progress))
        if isinstance(record, Problem):
            place.state.input_rejected(kind, id, record.value, number=attempt)
        elif not place.state.input_ready(kind, id, record, number=attempt):
            # Deleted meanwhile, or given to somebody else: what was stored for it may go.
            place.state.add_removals(digests_in(canonical_json(record).decode()))
        place.announce_input(place.state.get_input(kind, id))


def _inspected(place: Workplace, row: InputRow, progress: WorkerProgress) -> dict[str, Any]:
    is_exported = row.source == "run"
    return inspect(
        row,
        roots=place.settings.model_roots,
        store=place.store,
        log=progress.log,
        uploads=place.state.uploads_of(row.kind, row.id),
        exported=exported_model(row.reference, place.state, place.store) if is_exported else None,
    )


def _work(place: Workplace, row: RunRow) -> None:
    started = time.monotonic()

    def beat() -> Pulse:
        pulse = place.state.heartbeat(row.id, row.attempt)
        board.beat()
        progress.beat()
        return pulse

    desk = desk_here()
    heart = Heart(beat) if desk is None else desk.heart(beat)
    progress = WorkerProgress(row.id, place.live, is_unwanted=lambda: heart.unwanted)
    helpers = Helpers(place.live.redis, row.id)
    board = ShardBoard(
        row.id,
        _worker_name(),
        state=place.state,
        store=place.store,
        shard_tokens=place.settings.shard_tokens,
        attempt=row.attempt,
        summon=helpers.summon,
        log=progress.log,
    )
    with heart:
        outcome = _outcome(place, row, progress, board)
    helpers.dismiss()
    if isinstance(outcome, Problem):
        place.state.fail(row.id, row.attempt, outcome.value)
        return
    sha256, data, objects = outcome
    seconds = time.monotonic() - started
    if place.state.finish(row.id, row.attempt, sha256, seconds, objects=objects):
        FileCheckpoints(place.store.root, row.id).delete()
        _cache(place, row, sha256, data)


def _outcome(
    place: Workplace, row: RunRow, progress: WorkerProgress, board: ShardBoard
) -> Outcome | Problem:
    desk = desk_here()
    outcome = result_or_problem(lambda: _stored(place, _compute(place, row, progress, board)))
    if desk is not None and isinstance(outcome, Problem) and outcome.code in CLEARING:
        desk.clear()
    return outcome


def _stored(place: Workplace, result: dict[str, Json]) -> Outcome:
    return *store_result(result, place.store), kept_objects(result)


def _compute(
    place: Workplace, row: RunRow, progress: WorkerProgress, board: ShardBoard
) -> dict[str, Json]:
    desk = desk_here()
    request = RunRequest(**row.request)
    check_current(request)
    model = ModelRecord.from_json(input_record(place, "model", row.model_id, request.model))
    dataset = DatasetRecord.from_json(
        input_record(place, "dataset", row.dataset_id, request.dataset)
    )
    with hold_device(
        place.settings.device,
        place.settings.locks,
        waiting=lambda device: progress.wait(f"waiting for {device}"),
        lane="" if desk is None else LANE,
    ) as device:
        result: dict[str, Json] = execute(
            request,
            model=model,
            dataset=dataset,
            store=place.store,
            device=device,
            progress=progress,
            checkpoints=FileCheckpoints(place.store.root, row.id),
            resident=None if desk is None else desk.resident,
            device_memory=place.settings.device_memory,
            board=board,
        )
        return result


def _cache(place: Workplace, row: RunRow, sha256: str, data: bytes) -> None:
    try:
        place.live.cache_put(f"{sha256}:{CACHED_ENCODING}", data)
        place.live.forget(row.id)
    except redis.RedisError as error:
        # The result is safe in the store; the cache fills when somebody reads it.
        log.warning("the result could not be cached: %s", error)


def _worker_name() -> str:
    return os.environ.get("RQ_WORKER_ID", "")
