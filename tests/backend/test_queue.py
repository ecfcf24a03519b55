"""Jobs on a real queue server: made once, found, stopped, restored."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rq

from backend import queue as queue_module
from backend.queue import Queue, job_id
from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import InputRow, RunRow, State
from linearity.contracts.runs import RunRequest
from tests.backend.conftest import Valkey


@pytest.fixture
def queue(valkey: Valkey) -> Iterator[Queue]:
    with valkey.client as client:
        yield Queue(client)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(sqlite_url(tmp_path / "state.db"))
    yield state
    state.close()


def test_the_job_carries_a_dotted_name_and_json_only(
    queue: Queue, state: State, valkey: Valkey
) -> None:
    run = a_run(state)
    queue.enqueue_run(run)
    with valkey.client as client:
        raw: Any = client.hget(f"rq:job:{run.id}-1", "data")
        job = rq.job.Job.fetch(f"{run.id}-1", connection=client, serializer="json")

    assert (job.func_name, list(job.args)) == ("workers.tasks.run_attempt", [run.id, 1])
    assert b"pickle" not in raw
    assert job.failure_ttl == queue_module.KEPT_SECONDS


def test_fifty_threads_that_submit_and_queue_the_same_make_one_job(
    queue: Queue, state: State
) -> None:
    queued: list[bool] = []
    threads = [
        threading.Thread(target=lambda: queued.append(queue.enqueue_run(a_run(state))))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(queued) == {True: 1, False: 49}
    assert queue.position(a_run(state)) == 0


def test_positions_count_what_waits_before(queue: Queue, state: State) -> None:
    rows = [a_run(state, seed=seed) for seed in range(3)]
    for row in rows:
        queue.enqueue_run(row)

    assert [queue.position(row) for row in rows] == [0, 1, 2]
    assert queue.position(a_run(state, seed=9)) is None


def test_an_id_with_a_dot_makes_a_name_that_the_queue_accepts(queue: Queue, state: State) -> None:
    rows = [an_input(state, id=id) for id in ("a.b", "a_b")]

    assert [queue.enqueue_registration(row) for row in rows] == [True, True]
    assert job_id(rows[0]) != job_id(rows[1])
    assert queue.position(rows[1]) == 1


def test_stopping_a_waiting_job_takes_it_out(queue: Queue, state: State) -> None:
    run = a_run(state)
    queue.enqueue_run(run)
    queue.stop(run)
    queue.stop(run)

    assert queue.position(run) is None
    assert not queue.holds(run)


def test_a_job_that_nobody_knows_is_restored_at_once(queue: Queue, state: State) -> None:
    run = a_run(state)

    assert queue.restore(run)
    assert not queue.restore(run)
    assert queue.position(run) == 0


def test_a_job_that_was_taken_and_never_started_is_restored_after_a_grace(
    queue: Queue, state: State, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(state)
    queue.enqueue_run(run)
    with valkey.client as client:
        client.delete("rq:queue:analysis")  # as a worker that dies between taking and starting
    assert not queue.restore(run)
    monkeypatch.setattr(queue_module, "GRACE_SECONDS", 0.0)

    assert queue.restore(run)
    assert queue.position(run) == 0


def test_the_ended_job_of_the_same_attempt_is_no_obstacle(
    queue: Queue, state: State, valkey: Valkey
) -> None:
    run = a_run(state)
    queue.enqueue_run(run)
    with valkey.client as client:
        client.delete("rq:queue:analysis")
        client.hset(f"rq:job:{run.id}-1", "status", "failed")

    assert queue.enqueue_run(run)
    assert queue.position(run) == 0


def test_without_workers_there_are_none(queue: Queue) -> None:
    assert queue.workers() == []


def test_a_worker_is_listed_while_it_is_heard_of(
    queue: Queue, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with valkey.client as client:
        worker = rq.Worker(["analysis"], connection=client, serializer="json", name="w")
        worker.register_birth()  # type: ignore[no-untyped-call]  # RQ's
        assert [item.name for item in queue.workers()] == ["w"]
        monkeypatch.setattr(queue_module, "SILENT_SECONDS", 0)

        assert queue.workers() == []


def an_input(state: State, *, id: str = "m", kind: str = "model") -> InputRow:
    return state.add_input(kind, id=id, name=id, source="path", reference=f"/{id}")[0]


def a_run(state: State, *, seed: int = 0) -> RunRow:
    request = RunRequest("linearity", 1, 1, "a" * 64, "b" * 64, {"seed": seed})
    model, dataset = an_input(state), an_input(state, kind="dataset")
    return state.submit(request, model=model, dataset=dataset).run
