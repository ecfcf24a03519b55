"""The life of a run with a real queue and real worker processes, and what may cut it short."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import rq

from linearity.adapters.state import InputRow
from linearity.contracts import linearity
from linearity.contracts.runs import RunRequest, RunStatus
from tests.servers import eventually, processes_of
from tests.system.house import House

pytestmark = [pytest.mark.system, pytest.mark.slow]

TOKENS = 16_384


def test_a_registration_by_a_worker_leaves_a_usable_record(
    model: InputRow, dataset: InputRow
) -> None:
    assert model.record is not None
    assert dataset.record is not None

    assert model.record["blocks"] == 4
    assert dataset.record["documents"] > 10


def test_two_runs_in_one_worker_finish_and_leave_result_cache_and_events(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker()
    runs = [house.submit(model, dataset, tokens=8192, seed=seed).id for seed in (101, 102)]
    for id in runs:
        row = house.wait_for(id, lambda row: not row.status.is_open)
        assert (row.status, row.error) == (RunStatus.FINISHED, None)
        assert row.result is not None
        cached = house.live.cache_get(f"{row.result}:identity")
        assert cached == house.store.get(row.result)
        kinds = [event for event, _ in house.events(id)]
        assert {"status", "progress", "partial"} <= set(kinds)
    eventually(lambda: house.events(runs[1])[-1][1].get("status") == "finished")

    assert worker.poll() is None
    assert house.result(runs[0])["id"] == runs[0]


def test_fifty_identical_submissions_cost_one_computation(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    ids = {house.submit(model, dataset, tokens=2048, seed=103).id for _ in range(50)}
    waiting = rq.Queue("analysis", connection=house.live.redis, serializer="json").job_ids
    assert (len(ids), len(waiting)) == (1, 1)
    house.start_worker()
    row = house.wait_for(ids.pop(), lambda row: not row.status.is_open)

    assert (row.status, len(row.attempts)) == (RunStatus.FINISHED, 1)


def test_a_killed_worker_takes_its_horse_along_and_another_finishes_the_run(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    house.start_worker()
    calm = house.submit(model, dataset, tokens=TOKENS, seed=104).id
    house.wait_for(calm, lambda row: row.status == "finished")
    expected = house.result(calm)
    house.state.delete_run(calm)  # the same question again, this time with an accident

    id = house.submit(model, dataset, tokens=TOKENS, seed=104).id
    house.wait_until_computing(id)
    horse = horses_of(house.workers[0].pid)
    house.workers[0].kill()
    house.workers[0].wait()
    eventually(lambda: not any(is_alive(pid) for pid in horse), seconds=5)
    house.start_worker()
    row = house.wait_for(id, lambda row: not row.status.is_open)

    assert [item.outcome for item in row.attempts] == ["lost", "finished"]
    assert largest_difference(house.result(id), expected) <= 1e-10


def test_a_killed_horse_is_reported_by_its_worker_without_waiting_for_the_lease(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker()
    id = house.submit(model, dataset, tokens=TOKENS, seed=105).id
    house.wait_until_computing(id)
    for pid in horses_of(worker.pid):
        os.kill(pid, signal.SIGKILL)
    row = house.wait_for(id, lambda row: not row.status.is_open)

    assert [item.outcome for item in row.attempts] == ["lost", "finished"]
    assert row.deaths == 1
    assert worker.poll() is None


def test_states_of_a_streaming_run_that_is_killed_or_cancelled_leave_the_disk(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    scratch = house.store.root / "scratch"
    worker = house.start_worker(LINEARSCOPE_DEVICE_MEMORY="1MiB")
    id = house.submit(model, dataset, tokens=8 * TOKENS, seed=131).id

    def maps(pid: int) -> list[str]:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return [line for line in lines if str(scratch) in line]

    house.wait_until_computing(id)
    assert house.live.get_progress(id)["unit"] == "token_blocks"  # type: ignore[index]
    (horse,) = horses_of(worker.pid)
    eventually(lambda: maps(horse))
    assert list(scratch.iterdir()) == []  # the file has no name, so nothing can be left behind
    os.kill(horse, signal.SIGKILL)
    house.wait_for(id, lambda row: row.attempt == 2 and row.status == "running")
    house.queue.stop(house.state.cancel(id))
    eventually(lambda: horses_of(worker.pid) == [], seconds=5)
    again = house.submit(model, dataset, tokens=2048, seed=132).id

    assert house.wait_for(again, lambda row: not row.status.is_open).error is None
    assert house.result(again)["environment"]["mode"] == "streaming"
    assert list(scratch.iterdir()) == []


def test_a_terminated_worker_leaves_at_once_and_its_run_is_not_counted_as_dead(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker()
    id = house.submit(model, dataset, tokens=TOKENS, seed=106).id
    house.wait_until_computing(id)
    worker.terminate()
    worker.wait(10)
    row = house.run(id)

    assert (row.status, row.attempt, row.deaths) == (RunStatus.QUEUED, 2, 0)
    assert row.attempts[0].outcome == "interrupted"


def test_a_cancel_stops_a_running_computation(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker()
    row = house.submit(model, dataset, tokens=TOKENS, seed=107)
    house.wait_until_computing(row.id)
    house.queue.stop(house.state.cancel(row.id))
    eventually(lambda: horses_of(worker.pid) == [], seconds=5)

    assert house.run(row.id).status is RunStatus.CANCELLED


def test_a_cancel_works_although_the_stop_command_was_lost(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker()
    row = house.submit(model, dataset, tokens=TOKENS, seed=108)
    house.wait_until_computing(row.id)
    house.state.cancel(row.id)
    eventually(lambda: horses_of(worker.pid) == [], seconds=10)
    again = house.submit(model, dataset, tokens=2048, seed=109)

    assert house.wait_for(again.id, lambda row: not row.status.is_open).error is None
    assert house.run(row.id).status is RunStatus.CANCELLED


def test_jobs_that_are_not_ours_or_too_late_do_not_stop_the_worker(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    plain = rq.Queue("analysis", connection=house.live.redis, serializer="json")
    plain.enqueue_call("workers.tasks.run_attempt", args=["0" * 32, 1])
    plain.enqueue_call("workers.tasks.run_attempt", args=["nonsense"])
    plain.enqueue_call("no.such.function", args=[])
    rq.Queue("analysis", connection=house.live.redis).enqueue_call("os.getpid")  # pickled
    house.live.redis.rpush("rq:queue:analysis", "a-ghost")
    cancelled = house.submit(model, dataset, tokens=2048, seed=110)
    house.state.cancel(cancelled.id)
    wanted = house.submit(model, dataset, tokens=2048, seed=111)
    worker = house.start_worker()
    row = house.wait_for(wanted.id, lambda row: not row.status.is_open)

    assert (row.status, worker.poll()) == (RunStatus.FINISHED, None)
    assert house.run(cancelled.id).attempts == ()


def test_what_was_queued_survives_the_loss_of_everything_in_redis(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    row = house.submit(model, dataset, tokens=2048, seed=112)
    house.live.redis.flushall()
    eventually(lambda: house.queue.position(row) == 0)
    house.start_worker()

    assert house.wait_for(row.id, lambda row: not row.status.is_open).status == "finished"


def test_a_run_of_an_input_that_is_another_one_now_fails_with_a_sentence(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    assert dataset.record is not None
    request = RunRequest(
        "linearity", linearity.SCHEMA, linearity.METHOD, "f" * 64, dataset.record["fingerprint"], {}
    )
    run = house.state.submit(request, model=model, dataset=dataset).run
    house.start_worker()
    row = house.wait_for(run.id, lambda row: not row.status.is_open)
    assert row.error is not None

    assert (row.status, row.error["code"]) == (RunStatus.FAILED, "input_changed")
    assert "Traceback" not in str(row.error)


def test_a_run_outlives_an_outage_of_the_queue_server(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker()
    row = house.submit(model, dataset, tokens=TOKENS, seed=114)
    house.wait_until_computing(row.id)
    house.valkey.stop()
    time.sleep(3)
    house.valkey.start()
    done = house.wait_for(row.id, lambda row: not row.status.is_open)
    assert (done.status, len(done.attempts)) == (RunStatus.FINISHED, 1)
    again = house.submit(model, dataset, tokens=2048, seed=115)

    assert house.wait_for(again.id, lambda row: not row.status.is_open).status == "finished"
    assert worker.poll() is None


def test_a_folder_that_is_named_by_a_process_is_found_in_its_environment(house: House) -> None:
    worker = house.start_worker()

    assert worker.pid in processes_of(house.settings.data)


def horses_of(worker: int) -> list[int]:
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    return [int(pid) for pid in children]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def largest_difference(one: Any, other: Any) -> float:
    """Return the largest difference of two results' numbers, leaving time and place aside.

    Of numbers above 1 the relative one.
    """
    if isinstance(one, dict):
        keys = [key for key in one if key not in ("created", "environment")]
        return max((largest_difference(one[key], other[key]) for key in keys), default=0.0)
    if isinstance(one, list):
        assert len(one) == len(other)
        pairs = zip(one, other, strict=True)
        return max((largest_difference(a, b) for a, b in pairs), default=0.0)
    if isinstance(one, float):
        return float(abs(one - other)) / max(1.0, abs(one))
    assert one == other
    return 0.0
