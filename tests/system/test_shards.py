"""A wide run over two real workers: shared, and cut short in every way."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from backend.results import Results
from backend.sweeping import Sweeper
from linearity.adapters.execute import execute
from linearity.adapters.state import InputRow, ShardRow
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.runs import RunStatus
from tests.servers import eventually
from tests.studies.recorder import Recorder
from tests.system.house import House
from tests.system.test_lifecycle import horses_of, largest_difference

pytestmark = [pytest.mark.system, pytest.mark.slow]

TOKENS = 16_384
WIDE = {"LINEARSCOPE_SHARD_TOKENS": "2048"}
SHARDS = 8


@pytest.fixture(scope="module")
def expected(furnished: House) -> dict[str, Any]:
    """The result of the run in one piece, computed here."""
    model, dataset = (
        furnished.state.list_inputs(kind)[0].record or {} for kind in ("model", "dataset")
    )
    records = ModelRecord.from_json(model), DatasetRecord.from_json(dataset)
    request = make_request("linearity", {"tokens": TOKENS}, model=records[0], dataset=records[1])
    torch.set_num_threads(1)
    return execute(
        request,
        model=records[0],
        dataset=records[1],
        store=furnished.store,
        device="cpu",
        progress=Recorder(),
    )


def test_two_workers_give_the_result_of_one(
    house: House, model: InputRow, dataset: InputRow, expected: dict[str, Any]
) -> None:
    workers = [house.start_worker("analysis", **WIDE) for _ in range(2)]
    id = house.submit(model, dataset, tokens=TOKENS).id
    with waiting_owner(house, workers, id):
        stored = {row.opening for row in house.state.shards_of(id)}
    row = house.wait_for(id, lambda row: not row.status.is_open)
    result = house.result(id)

    assert (row.status, row.error, len(row.attempts)) == (RunStatus.FINISHED, None, 1)
    assert result["environment"]["shards"] == SHARDS
    assert result["environment"]["workers"] == 2
    assert largest_difference(result, expected) <= 1e-9
    assert house.state.shards_of(id) == []
    assert stored <= set(house.state.removals())
    Sweeper(house.state, house.store, Results(house.store, house.live), young_seconds=0).run_once()
    assert not any(map(house.store.has, stored))
    assert house.store.has(row.result or "")
    house.state.delete_run(id)


def test_a_run_is_divided_for_one_worker_too(
    house: House, model: InputRow, dataset: InputRow, expected: dict[str, Any]
) -> None:
    house.start_worker("analysis", **WIDE)
    id = house.submit(model, dataset, tokens=TOKENS).id
    house.wait_for(id, lambda row: not row.status.is_open)
    result = house.result(id)

    assert (result["environment"]["shards"], result["environment"]["workers"]) == (SHARDS, 1)
    assert largest_difference(result, expected) <= 1e-9
    done = [event["done"] for kind, event in house.events(id) if kind == "progress"]
    assert done == sorted(done)
    assert done[-1] == TOKENS
    eventually(lambda: all(worker.job is None for worker in house.queue.workers()))
    assert house.live.redis.llen("rq:queue:analysis") == 0  # nobody is asked to help any more
    house.state.delete_run(id)


def test_the_shard_of_a_killed_helper_is_computed_by_the_owner(
    house: House, model: InputRow, dataset: InputRow, expected: dict[str, Any]
) -> None:
    workers = [house.start_worker("analysis", **WIDE) for _ in range(2)]
    id = house.submit(model, dataset, tokens=TOKENS).id
    with waiting_owner(house, workers, id) as helper:
        left = caught_at_work(house, helper, id)
        helper.kill()
        helper.wait()
    again = eventually_found(
        lambda: [r for r in house.state.shards_of(id) if r.number == left.number and r.claim > 1]
    )
    row = house.wait_for(id, lambda row: not row.status.is_open)

    assert again[0].worker != left.worker
    assert [item.outcome for item in row.attempts] == ["finished"]
    assert largest_difference(house.result(id), expected) <= 1e-9
    house.state.delete_run(id)


def test_the_next_attempt_goes_on_with_the_shards_of_the_one_before(
    house: House, model: InputRow, dataset: InputRow, expected: dict[str, Any]
) -> None:
    worker = house.start_worker("analysis", **WIDE)
    id = house.submit(model, dataset, tokens=TOKENS).id
    eventually_found(lambda: len(handed_in(house, id)) > 2)
    worker.kill()
    worker.wait()
    before = handed_in(house, id)
    house.start_worker("analysis", **WIDE)
    house.wait_for(id, lambda row: row.attempt == 2)
    row = house.wait_for(id, lambda row: not row.status.is_open)
    told = [event["message"] for kind, event in house.events(id) if kind == "log"]

    assert [item.outcome for item in row.attempts] == ["lost", "finished"]
    assert told[0] == f"divided into {SHARDS} shards, 0 of them computed before"
    # More, because the new worker helps, as it was asked to, until the next attempt begins.
    number = re.fullmatch(rf"divided into {SHARDS} shards, (\d) of them computed before", told[1])
    assert number is not None
    assert int(number[1]) >= len(before) > 2
    assert largest_difference(house.result(id), expected) <= 1e-9
    house.state.delete_run(id)


def test_a_cancel_stops_the_owner_and_its_helper(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    workers = [house.start_worker("analysis", **WIDE) for _ in range(2)]
    run = house.submit(model, dataset, tokens=5 * TOKENS)
    with waiting_owner(house, workers, run.id):
        pass
    house.queue.stop(house.state.cancel(run.id))
    eventually(lambda: not any(horses_of(worker.pid) for worker in workers), seconds=5)

    assert house.run(run.id).status is RunStatus.CANCELLED
    assert house.state.shards_of(run.id) == []
    assert all(worker.poll() is None for worker in workers)
    again = house.submit(model, dataset, tokens=2048, seed=7)
    assert house.wait_for(again.id, lambda row: not row.status.is_open).error is None


Worker = subprocess.Popen[bytes]


@contextmanager
def waiting_owner(house: House, workers: list[Worker], id: str) -> Iterator[Worker]:
    """Hold the owner of a run still until the other worker, which is given, has a shard too."""
    eventually_found(lambda: [row for row in house.state.shards_of(id) if row.worker])
    owner = house.run(id).worker or ""
    names = {worker.pid: f"-{worker.pid}-" in owner for worker in workers}
    [holder] = [worker for worker in workers if names[worker.pid]]
    [helper] = [worker for worker in workers if not names[worker.pid]]
    horses = horses_of(holder.pid)
    for pid in horses:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually_found(
            lambda: [r for r in house.state.shards_of(id) if r.worker not in (None, owner)]
        )
        yield helper
    finally:
        for pid in horses:
            os.kill(pid, signal.SIGCONT)


def caught_at_work(house: House, helper: Worker, id: str) -> ShardRow:
    """Hold a helper still in the middle of a shard, and return that."""

    def held() -> list[ShardRow]:
        rows = house.state.shards_of(id)
        mine = [row for row in rows if f"-{helper.pid}-" in (row.worker or "")]
        return [row for row in mine if row.sha256 is None]

    while True:
        eventually_found(held)
        horses = horses_of(helper.pid)
        for pid in horses:
            os.kill(pid, signal.SIGSTOP)
        if found := held():
            return found[0]
        for pid in horses:
            os.kill(pid, signal.SIGCONT)


def handed_in(house: House, id: str) -> dict[int, str]:
    return {row.number: row.sha256 for row in house.state.shards_of(id) if row.sha256}


def eventually_found(look: Any) -> Any:
    """Wait until `look` returns something, and return that."""
    found: list[Any] = []

    def looked() -> bool:
        found[:] = [look()]
        return bool(found[0])

    eventually(looked, seconds=60)
    return found[0]
