"""The interactive worker: plans in one process that stays, whatever becomes of one of them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from linearity.adapters.naming import name_input
from linearity.adapters.state import InputRow
from linearity.contracts import plan
from linearity.contracts.runs import InputState, RunRequest, RunStatus
from tests.servers import eventually
from tests.system.house import House
from tests.system.test_lifecycle import horses_of

pytestmark = [pytest.mark.system, pytest.mark.slow]

SHORT = {"fit_tokens": 2048, "select_tokens": 512}
LONG = {"fit_tokens": 60_000, "select_tokens": 30_000}


def test_two_plans_are_computed_in_the_worker_itself(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker("interactive")
    with children_of(worker.pid) as seen:
        for plan in ("1:drop", "1:drop,2:linear"):
            row = house.ask("plan", model, dataset, plan=plan, **SHORT)
            done = house.wait_for(row.id, lambda row: not row.status.is_open)
            assert (done.status, done.error) == (RunStatus.FINISHED, None)
            result = house.result(row.id)
            assert (result["id"], result["point"]["plan"]) == (row.id, plan)
            assert result["environment"]["device"] == "cpu"

    assert seen == set()
    assert worker.poll() is None


def test_the_second_passage_finds_its_maps_in_the_worker(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker("interactive")
    texts = ("The list holds two values.", "A tuple, and nothing else.")
    with children_of(worker.pid) as seen:
        for text in texts:
            row = house.ask("passage", model, dataset, text=text, tokens=2048)
            done = house.wait_for(row.id, lambda row: not row.status.is_open)
            assert (done.status, done.error) == (RunStatus.FINISHED, None)

    assert seen == set()
    steps = [data for kind, data in house.events(row.id) if kind == "progress"]
    assert not [step for step in steps if step.get("unit") == "tokens"]  # nothing was fitted again
    assert all(text not in str(house.events(row.id)) for text in texts)
    log = (house.settings.data / "worker.log").read_text(errors="replace")
    assert all(text not in log for text in texts)


def test_a_passage_of_too_many_tokens_says_so_and_not_what_it_says(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    house.start_worker("interactive")
    row = house.ask("passage", model, dataset, text="Customer 4711. " * 130, tokens=2048)
    done = house.wait_for(row.id, lambda row: not row.status.is_open)

    assert (done.status, (done.error or {})["code"]) == (RunStatus.FAILED, "invalid_parameter")
    assert "1 to 128 tokens" in str(done.error)
    assert "4711" not in str(done.error)
    assert "4711" not in str(house.events(row.id))


def test_a_worker_for_everything_computes_the_same_plan_in_a_child(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    interactive = house.start_worker("interactive")
    row = house.ask("plan", model, dataset, plan="2:linear", seed=1, **SHORT)
    house.wait_for(row.id, lambda row: row.status == "finished")
    warm = house.result(row.id)
    house.state.delete_run(row.id)
    interactive.terminate()
    interactive.wait(20)
    worker = house.start_worker("all")
    with children_of(worker.pid) as seen:
        again = house.ask("plan", model, dataset, plan="2:linear", seed=1, **SHORT)
        house.wait_for(again.id, lambda row: row.status == "finished")

    assert seen != set()
    numbers = [
        {key: value for key, value in result["point"].items() if key != "categories"}
        for result in (house.result(again.id), warm)
    ]
    assert numbers[0] == pytest.approx(numbers[1])


def test_an_input_is_registered_in_a_child_after_a_plan_was_computed(
    house: House, dataset: InputRow, model: InputRow
) -> None:
    # With one thread OpenMP starts none, and a child could not miss them.
    worker = house.start_worker("interactive", OMP_NUM_THREADS="2")
    row = house.ask("plan", model, dataset, plan="1-2:linear", seed=2, **SHORT)
    house.wait_for(row.id, lambda row: row.status == "finished")
    named = name_input("model", "glass-pt")
    house.state.delete_input("model", named.id)  # a web process of another test may have known it
    house.state.add_input(
        "model", id=named.id, name=named.name, source=named.source, reference=named.reference
    )
    with children_of(worker.pid) as seen:
        eventually(lambda: state_of(house, named.id) is not InputState.INSPECTING, seconds=60)

    assert state_of(house, named.id) is InputState.READY
    assert seen != set()
    assert worker.poll() is None


@pytest.mark.parametrize("is_told", [True, False])
def test_a_cancelled_plan_stops_and_the_worker_goes_on(
    house: House, model: InputRow, dataset: InputRow, is_told: bool
) -> None:
    worker = house.start_worker("interactive")
    row = house.ask("plan", model, dataset, plan="1-2:linear", seed=3 + is_told, **LONG)
    house.wait_for(row.id, lambda row: row.status == "running")
    cancelled = house.state.cancel(row.id)
    if is_told:
        house.queue.stop(cancelled)
    again = house.ask("plan", model, dataset, plan="1:drop", seed=5 + is_told, **SHORT)
    done = house.wait_for(again.id, lambda row: not row.status.is_open)

    assert (done.status, done.error) == (RunStatus.FINISHED, None)
    assert house.run(row.id).status is RunStatus.CANCELLED
    assert worker.poll() is None


def test_a_plan_that_fails_leaves_the_worker_ready_for_the_next(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    assert dataset.record is not None
    worker = house.start_worker("interactive")
    request = RunRequest(
        "plan", plan.SCHEMA, plan.METHOD, "f" * 64, dataset.record["fingerprint"], {}
    )
    bad = house.state.submit(request, model=model, dataset=dataset).run
    house.queue.enqueue_run(bad)
    good = house.ask("plan", model, dataset, plan="1:drop", seed=7, **SHORT)
    row = house.wait_for(good.id, lambda row: not row.status.is_open)
    failed = house.run(bad.id)

    assert (row.status, worker.poll()) == (RunStatus.FINISHED, None)
    assert failed.error is not None
    assert (failed.status, failed.error["code"]) == (RunStatus.FAILED, "input_changed")


def test_a_killed_worker_loses_no_plan(house: House, model: InputRow, dataset: InputRow) -> None:
    worker = house.start_worker("interactive")
    row = house.ask("plan", model, dataset, plan="1-2:linear", seed=8, **LONG)
    house.wait_for(row.id, lambda row: row.status == "running")
    worker.kill()
    worker.wait()
    house.start_worker("interactive")
    done = house.wait_for(row.id, lambda row: not row.status.is_open)

    assert (done.status, done.error) == (RunStatus.FINISHED, None)
    assert [item.outcome for item in done.attempts] == ["lost", "finished"]


def test_a_terminated_worker_gives_its_plan_back_at_once(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker("interactive")
    row = house.ask("plan", model, dataset, plan="1-2:linear", seed=9, **LONG)
    house.wait_for(row.id, lambda row: row.status == "running")
    worker.send_signal(signal.SIGTERM)
    worker.wait(20)
    left = house.run(row.id)

    assert (left.status, left.attempt, left.deaths) == (RunStatus.QUEUED, 2, 0)
    assert left.attempts[0].outcome == "interrupted"
    assert house.queue.workers() == []


def test_a_worker_that_computes_is_listed_as_busy(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker("interactive")
    row = house.ask("plan", model, dataset, plan="1-2:linear", seed=10, **LONG)
    house.wait_for(row.id, lambda row: row.status == "running")
    listed = house.queue.workers()
    house.queue.stop(house.state.cancel(row.id))

    assert [(one.pid, one.queues, one.state) for one in listed] == [
        (worker.pid, ["interactive"], "busy")
    ]
    assert listed[0].job == f"{row.id}-1"


@contextmanager
def children_of(pid: int) -> Iterator[set[int]]:
    """Collect the children that a process has while the block runs."""
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            seen.update(horses_of(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def state_of(house: House, id: str) -> InputState:
    row = house.state.get_input("model", id)
    assert row is not None
    return row.state
