"""A wide run over two real workers: shared, and cut short in every way."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
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
from tests.servers import PATIENCE_SECONDS, eventually
from tests.studies.recorder import Recorder
from tests.system.house import House
from tests.system.test_lifecycle import horses_of, largest_difference

Worker = subprocess.Popen[bytes]
pytestmark = [pytest.mark.system, pytest.mark.slow]

TOKENS = 16_384
WIDE = {"LINEARSCOPE_SHARD_TOKENS": "2048"}
SHARDS = 8
BREATH_AFTER_SECONDS, BREATH_SECONDS = 4.0, 0.1


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
    with owner_held(house, workers, id):
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
    assert house.live.redis.llen("rq:queue:help") == 0  # nobody is asked to help any more
    house.state.delete_run(id)


def test_the_shard_of_a_killed_helper_is_computed_by_the_owner(
    house: House, model: InputRow, dataset: InputRow, expected: dict[str, Any]
) -> None:
    workers = [house.start_worker("analysis", **WIDE) for _ in range(2)]
    id = house.submit(model, dataset, tokens=TOKENS).id
    with owner_held(house, workers, id) as (_, helper):
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


def test_a_helper_gives_way_to_a_run_that_waits_and_a_cancel_stops_it_and_the_owner(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    workers = [house.start_worker("analysis", **WIDE) for _ in range(2)]
    wide = house.submit(model, dataset, tokens=5 * TOKENS)
    with owner_held(house, workers, wide.id) as (held, helper):
        small = house.submit(model, dataset, tokens=1024, seed=7).id
        held.until(lambda: not house.run(small).status.is_open)
        assert house.run(small).status is RunStatus.FINISHED
        assert house.state.has_free_shards(wide.id)
        held.until(lambda: at_work(house, helper, wide.id))  # again
    house.queue.stop(house.state.cancel(wide.id))
    eventually(lambda: not any(horses_of(worker.pid) for worker in workers), seconds=5)

    assert house.run(wide.id).status is RunStatus.CANCELLED
    assert house.state.shards_of(wide.id) == []
    assert all(worker.poll() is None for worker in workers)


class Held:
    """Processes that are held still, but for a breath now and then, so that their lease goes on."""

    def __init__(self, processes: list[int]) -> None:
        self._processes = processes
        send(processes, signal.SIGSTOP)

    def until(self, condition: Callable[[], object]) -> None:
        since = time.monotonic()
        deadline = since + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            if time.monotonic() - since > BREATH_AFTER_SECONDS:
                send(self._processes, signal.SIGCONT)
                time.sleep(BREATH_SECONDS)
                send(self._processes, signal.SIGSTOP)
                since = time.monotonic()
            time.sleep(0.02)


@contextmanager
def owner_held(house: House, workers: list[Worker], id: str) -> Iterator[tuple[Held, Worker]]:
    """Hold the owner of a run still, and let the other worker, the helper, claim a shard."""
    eventually_found(lambda: [row for row in house.state.shards_of(id) if row.worker])
    owner = house.run(id).worker or ""
    [holder] = [worker for worker in workers if f"-{worker.pid}-" in owner]
    [helper] = [worker for worker in workers if worker is not holder]
    horses = horses_of(holder.pid)
    held = Held(horses)
    try:
        held.until(lambda: any(r.worker not in (None, owner) for r in house.state.shards_of(id)))
        yield held, helper
    finally:
        send(horses, signal.SIGCONT)


def send(processes: list[int], sign: signal.Signals) -> None:
    for pid in processes:
        os.kill(pid, sign)


def caught_at_work(house: House, helper: Worker, id: str) -> ShardRow:
    """Hold a helper still in the middle of a shard, and return that."""
    while True:
        eventually_found(lambda: at_work(house, helper, id))
        horses = horses_of(helper.pid)
        send(horses, signal.SIGSTOP)
        if found := at_work(house, helper, id):
            return found[0]
        send(horses, signal.SIGCONT)


def at_work(house: House, worker: Worker, id: str) -> list[ShardRow]:
    """Return the shard that a worker has claimed and not handed in, if there is one."""
    rows = house.state.shards_of(id)
    return [row for row in rows if row.sha256 is None and f"-{worker.pid}-" in (row.worker or "")]


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
