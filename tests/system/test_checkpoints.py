"""A long run that is cut short goes on from what it had finished, and gives the same numbers."""

import pytest

from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.state import InputRow
from linearity.contracts.runs import RunStatus
from tests.servers import eventually
from tests.system.conftest import KINDS
from tests.system.house import House
from tests.system.test_lifecycle import largest_difference

pytestmark = [pytest.mark.system, pytest.mark.slow]

QUESTION = {
    "strategies": "all",
    "actions": ["drop", "linear"],
    "fit_tokens": 4096,
    "select_tokens": 8192,
}


def test_a_killed_worker_leaves_its_points_to_the_next(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    worker = house.start_worker("analysis")
    calm = house.ask("ablation", model, dataset, seed=20, **QUESTION).id
    done = house.wait_for(calm, lambda row: not row.status.is_open)
    assert (done.status, done.error) == (RunStatus.FINISHED, None)
    expected = house.result(calm)
    house.state.delete_run(calm)  # the same question again, this time with an accident
    kept = FileCheckpoints(house.store.root, calm)
    assert kept.load() == {}

    id = house.ask("ablation", model, dataset, seed=20, **QUESTION).id
    eventually(lambda: len(kept.load()) > 3, seconds=120)
    worker.kill()
    worker.wait()
    before = kept.load()
    house.start_worker("analysis")
    row = house.wait_for(id, lambda row: not row.status.is_open)

    assert [item.outcome for item in row.attempts] == ["lost", "finished"]
    assert len(before) > 3
    assert largest_difference(house.result(id), expected) <= 1e-9
    eventually(lambda: kept.load() == {})


def test_a_training_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    question = {"plan": "0:linear,1:linear", "fit_tokens": 4096, "steps": 80, "context": 64}
    worker = house.start_worker("analysis")
    calm = house.ask("heal", model, dataset, **question).id
    done = house.wait_for(calm, lambda row: not row.status.is_open)
    assert (done.status, done.error) == (RunStatus.FINISHED, None)
    expected = house.result(calm)
    house.state.delete_run(calm)
    kept = FileCheckpoints(house.store.root, calm)
    assert kept.load_bytes() is None

    id = house.ask("heal", model, dataset, **question).id
    eventually(lambda: kept.load_bytes(), seconds=120)
    worker.kill()
    worker.wait()
    assert house.run(id).status is RunStatus.RUNNING
    house.start_worker("analysis")
    row = house.wait_for(id, lambda row: not row.status.is_open)
    found = house.result(id)

    assert [item.outcome for item in row.attempts] == ["lost", "finished"]
    assert found["weights"] == expected["weights"]
    assert found["training"] == expected["training"]
    assert row.objects == [{key: found["weights"][key] for key in ("sha256", "bytes")}]
    assert house.state.count_report_openings(*(found[k]["fingerprint"] for k in KINDS)) == 1
    eventually(lambda: kept.load_bytes() is None)


def test_a_cancelled_run_keeps_what_it_had_finished(
    house: House, model: InputRow, dataset: InputRow
) -> None:
    house.start_worker("analysis")
    row = house.ask("ablation", model, dataset, seed=21, **QUESTION)
    kept = FileCheckpoints(house.store.root, row.id)
    eventually(lambda: len(kept.load()) > 1, seconds=120)
    house.queue.stop(house.state.cancel(row.id))
    eventually(lambda: all(worker.job is None for worker in house.queue.workers()))

    assert house.run(row.id).status is RunStatus.CANCELLED
    assert len(kept.load()) > 1
