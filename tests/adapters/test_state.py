"""The state database: who may change what, under which attempt number, in any order."""

import multiprocessing
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import MAXIMUM_DEATHS, InputRow, RunRow, State
from linearity.adapters.state_inputs import Intake
from linearity.contracts.runs import InputState, RunRequest, RunStatus
from linearity.errors import ConflictError, InvalidParameterError, UnknownRunError

PROBLEM = {"code": "too_few_tokens", "message": "too few", "next_step": "", "retryable": False}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(sqlite_url(tmp_path / "state.db"))
    yield state
    state.close()


def test_a_first_submission_makes_a_queued_run(state: State) -> None:
    run = a_run(state)

    assert (run.status, run.attempt, run.attempts) == (RunStatus.QUEUED, 1, ())
    assert run.created.endswith("Z")


def test_the_same_request_joins_the_open_run(state: State) -> None:
    first, second = submit(state), submit(state)

    assert (first[1], second[1]) == ("new", "joined")
    assert first[0].id == second[0].id


def test_fifty_threads_that_submit_the_same_request_make_one_run(state: State) -> None:
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(submit(state)[1])) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(outcomes) == {"new": 1, "joined": 49}
    assert state.count_runs() == 1


def test_only_one_worker_starts_an_attempt(state: State) -> None:
    run = a_run(state)
    started = [state.start_attempt(run.id, 1, f"worker {number}") for number in range(3)]

    assert started == [True, False, False]


def test_an_attempt_of_another_number_does_not_start(state: State) -> None:
    run = a_run(state)

    assert not state.start_attempt(run.id, 2, "worker")
    assert not state.start_attempt("0" * 32, 1, "worker")


def test_a_finished_run_is_met_again_with_its_result(state: State) -> None:
    run = a_running_run(state)
    assert state.finish(run.id, 1, "c" * 64, 12.5)
    again, outcome = submit(state)

    assert outcome == "finished"
    assert (again.result, again.seconds) == ("c" * 64, 12.5)
    assert again.attempts[0].outcome == "finished"


def test_a_failed_run_gets_a_new_attempt_when_it_is_asked_for_again(state: State) -> None:
    run = a_running_run(state)
    assert state.fail(run.id, 1, PROBLEM)
    assert get(state, run.id).error == PROBLEM
    again, outcome = submit(state)

    assert (outcome, again.status, again.attempt) == ("new", RunStatus.QUEUED, 2)
    assert again.error is None


def test_a_new_attempt_uses_the_inputs_as_they_are_registered_now(state: State) -> None:
    run = a_running_run(state)
    assert state.fail(run.id, 1, PROBLEM)
    assert state.delete_input("model", "glass-en")
    moved, _ = state.add_input("model", id="moved", name="Moved", source="path", reference="/m")

    again, outcome = submit(state, model=moved)

    assert (again.id, outcome, again.attempt) == (run.id, "new", 2)
    assert (again.model_id, again.model_name) == ("moved", "Moved")


def test_a_worker_that_was_given_up_cannot_write_any_more(state: State) -> None:
    run = a_running_run(state)
    lost = state.lose_attempt(run.id, 1, "lost")
    assert lost is not None
    assert state.start_attempt(run.id, 2, "another")

    assert state.heartbeat(run.id, 1) == "stale"
    assert not state.finish(run.id, 1, "c" * 64, 1.0)
    assert not state.fail(run.id, 1, PROBLEM)
    assert state.lose_attempt(run.id, 1, "lost") is None
    assert state.heartbeat(run.id, 2) == "ok"


def test_three_dead_attempts_quarantine_a_run_until_somebody_insists(state: State) -> None:
    run = a_run(state)
    for number in range(1, MAXIMUM_DEATHS + 1):
        assert state.start_attempt(run.id, number, "worker")
        state.lose_attempt(run.id, number, "lost")
    dead = get(state, run.id)
    assert dead.error is not None
    assert (dead.status, dead.quarantined) == (RunStatus.FAILED, True)
    assert dead.error["code"] == "worker_lost"
    assert submit(state)[1] == "quarantined"
    insisted, outcome = submit(state, force=True)

    assert (outcome, insisted.quarantined, insisted.deaths) == ("new", False, 0)


def test_an_interrupted_attempt_is_not_a_dead_one(state: State) -> None:
    run = a_run(state)
    for number in range(1, 6):
        state.start_attempt(run.id, number, "worker")
        state.lose_attempt(run.id, number, "interrupted")

    assert (get(state, run.id).status, get(state, run.id).attempt) == (RunStatus.QUEUED, 6)


def test_a_cancel_is_final_and_may_be_repeated(state: State) -> None:
    run = a_running_run(state)
    state.cancel(run.id)
    again = state.cancel(run.id)

    assert again.status is RunStatus.CANCELLED
    assert state.heartbeat(run.id, 1) == "cancelled"
    assert not state.finish(run.id, 1, "c" * 64, 1.0)
    assert state.lose_attempt(run.id, 1, "lost") is None


def test_a_cancelled_run_does_not_start_and_runs_again_on_request(state: State) -> None:
    run = a_run(state)
    state.cancel(run.id)
    assert not state.start_attempt(run.id, 1, "worker")

    assert submit(state)[0].attempt == 2


def test_a_finished_run_cannot_be_cancelled(state: State) -> None:
    run = a_running_run(state)
    state.finish(run.id, 1, "c" * 64, 1.0)

    with pytest.raises(ConflictError):
        state.cancel(run.id)


def test_an_unknown_run_is_an_error_that_says_so(state: State) -> None:
    with pytest.raises(UnknownRunError):
        state.cancel("0" * 32)
    with pytest.raises(UnknownRunError):
        state.delete_run("0" * 32)


def test_a_run_is_deleted_only_when_it_is_over(state: State) -> None:
    run = a_running_run(state)
    with pytest.raises(ConflictError):
        state.delete_run(run.id)
    state.finish(run.id, 1, "c" * 64, 1.0)
    state.delete_run(run.id)

    assert state.get_run(run.id) is None


def test_a_run_whose_result_is_gone_is_opened_again(state: State) -> None:
    run = a_running_run(state)
    assert reopen(state, run) is None
    state.finish(run.id, 1, "c" * 64, 1.0)
    opened = reopen(state, run)
    assert opened is not None

    assert (opened.status, opened.attempt, opened.result) == (RunStatus.QUEUED, 2, None)


def test_only_a_silent_running_attempt_is_stale(state: State) -> None:
    run = a_running_run(state)
    a_run(state, seed=1)

    assert state.stale_attempts(60) == []
    assert [row.id for row in state.stale_attempts(-1)] == [run.id]


def test_runs_are_listed_newest_first_in_pages(state: State) -> None:
    made = [a_run(state, seed=seed).id for seed in range(5)]
    first, cursor = state.list_runs(limit=3)
    second, end = state.list_runs(limit=3, cursor=cursor)
    listed = [row.id for row in [*first, *second]]

    assert sorted(listed) == sorted(made)
    assert [row.created for row in [*first, *second]] == sorted(
        (row.created for row in [*first, *second]), reverse=True
    )
    assert end is None


def test_runs_are_filtered_by_status_model_and_kind(state: State) -> None:
    run = a_running_run(state)
    a_run(state, seed=1)

    assert [row.id for row in state.list_runs(status="running")[0]] == [run.id]
    assert len(state.list_runs(model="glass-en", kind="linearity")[0]) == 2
    assert state.list_runs(model="another")[0] == []


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "MjAyNg=="])
def test_a_cursor_that_was_made_up_is_refused(state: State, cursor: str) -> None:
    with pytest.raises(InvalidParameterError):
        state.list_runs(cursor=cursor)


def test_an_input_is_found_by_id_reference_or_name(state: State) -> None:
    row, _ = state.add_input(
        "model", id="a-1", name="A model", source="path", reference="/models/a"
    )

    assert {state.find_input("model", text) for text in ("a-1", "/models/a", "A model")} == {row}
    assert state.find_input("dataset", "a-1") is None


def test_of_several_inputs_with_one_name_a_usable_one_is_found(state: State) -> None:
    for id in ("old", "new"):
        state.add_input("model", id=id, name="same", source="path", reference=f"/models/{id}")
    state.input_rejected("model", "old", PROBLEM, number=1)
    state.input_ready("model", "new", {"fingerprint": "f" * 64}, number=1)

    found = state.find_input("model", "same")

    assert found is not None
    assert found.id == "new"


def test_registering_twice_inspects_once(state: State) -> None:
    _, first = add_model(state)
    _, second = add_model(state)

    assert (first, second) == (True, False)


def test_a_rejected_input_is_inspected_again_on_request(state: State) -> None:
    row, _ = add_model(state)
    state.input_rejected("model", row.id, PROBLEM, number=1)
    again, wanted = add_model(state)

    assert wanted
    assert (again.state, again.attempt, again.problem) == (InputState.INSPECTING, 2, None)


def test_an_inspection_is_fenced_by_its_number(state: State) -> None:
    row, _ = add_model(state)
    assert state.start_input("model", row.id, 1, "worker")
    assert not state.start_input("model", row.id, 1, "another")
    state.lose_input("model", row.id, 1, "lost")

    assert not state.input_ready("model", row.id, {"id": "x"}, number=1)
    assert state.start_input("model", row.id, 2, "another")
    assert state.input_ready("model", row.id, {"id": "x"}, number=2)


def test_an_input_that_kills_three_workers_is_rejected(state: State) -> None:
    row, _ = add_model(state)
    for number in range(1, MAXIMUM_DEATHS + 1):
        state.start_input("model", row.id, number, "worker")
        state.lose_input("model", row.id, number, "lost")
    dead = state.get_input("model", row.id)
    assert dead is not None
    assert dead.problem is not None

    assert (dead.state, dead.problem["code"]) == (InputState.REJECTED, "worker_lost")


def test_an_input_of_an_open_run_cannot_be_deleted(state: State) -> None:
    run = a_run(state)
    with pytest.raises(ConflictError):
        state.delete_input("model", run.model_id)
    state.cancel(run.id)

    assert state.delete_input("model", run.model_id)
    assert not state.delete_input("model", run.model_id)


def test_eight_processes_open_and_use_a_fresh_database_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(8) as pool:
        outcomes = pool.map(submit_in_a_process, [sqlite_url(tmp_path / "state.db")] * 8)

    assert Counter(outcomes) == {"new": 1, "joined": 7}


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "state.db")
    State(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version=99")
    engine.dispose()

    with pytest.raises(ConflictError):
        State(url)


def test_an_error_of_the_database_tells_nothing_that_was_to_be_written(
    state: State, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("DROP TABLE inputs")

    with pytest.raises(sa.exc.OperationalError) as refusal:
        state.find_input("dataset", "a secret")

    assert "a secret" not in str(refusal.value)


def submit_in_a_process(url: str) -> str:
    state = State(url)
    outcome = submit(state)[1]
    state.close()
    return outcome


def add_model(state: State) -> tuple[InputRow, bool]:
    return state.add_input(
        "model", id="glass-en", name="Glass", source="builtin", reference="glass-en"
    )


def submit(
    state: State, *, seed: int = 0, force: bool = False, model: InputRow | None = None
) -> tuple[RunRow, str]:
    model = model or add_model(state)[0]
    dataset, _ = state.add_input(
        "dataset", id="python-docs", name="Docs", source="builtin", reference="python-docs"
    )
    request = RunRequest("linearity", 1, 1, "a" * 64, "b" * 64, {"seed": seed})
    submission = state.submit(request, model=model, dataset=dataset, force=force)
    return submission.run, submission.outcome


def reopen(state: State, run: RunRow) -> RunRow | None:
    model, dataset = state.get_input("model", run.model_id), state.list_inputs("dataset")[0]
    assert model
    return state.reopen(run.id, model=model, dataset=dataset)


def a_run(state: State, *, seed: int = 0) -> RunRow:
    return submit(state, seed=seed)[0]


def a_running_run(state: State) -> RunRow:
    run = a_run(state)
    assert state.start_attempt(run.id, 1, "worker")
    return run


def get(state: State, run_id: str) -> RunRow:
    run = state.get_run(run_id)
    assert run is not None
    return run


def test_a_database_of_version_1_keeps_its_inputs(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "old.db")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE inputs (kind VARCHAR NOT NULL, id VARCHAR NOT NULL,"
            " name VARCHAR NOT NULL, source VARCHAR NOT NULL, reference VARCHAR NOT NULL,"
            " state VARCHAR NOT NULL,"
            " record JSON, problem JSON, created VARCHAR NOT NULL, attempt INTEGER NOT NULL,"
            " deaths INTEGER DEFAULT '0' NOT NULL, worker VARCHAR, heartbeat VARCHAR,"
            " PRIMARY KEY (kind, id))"
        )
        connection.exec_driver_sql(
            "INSERT INTO inputs (kind, id, name, source, reference, state, created, attempt)"
            " VALUES ('model', 'old', 'Old', 'path', '/old', 'ready', '2026-11-24T00:00:00Z', 1)"
        )
        connection.exec_driver_sql("PRAGMA user_version=1")
    engine.dispose()
    state = State(url)
    row = state.get_input("model", "old")
    state.close()

    assert row is not None
    assert (row.name, row.owner, row.options, row.series) == ("Old", "local", None, None)


def test_a_received_input_is_inspected_only_when_its_files_are_there(state: State) -> None:
    row, is_new = state.add_input(
        "dataset",
        id="mine",
        name="mine",
        source="upload",
        reference="mine",
        intake=Intake(owner="ann", receiving=True),
    )
    waiting = state.open_inputs()
    received = state.input_received("dataset", "mine", {"encoding": "cp932"})

    assert is_new
    assert (row.state, row.owner, waiting) == (InputState.RECEIVING, "ann", [])
    assert received is not None
    assert (received.state, received.options) == (InputState.INSPECTING, {"encoding": "cp932"})
    assert state.input_received("dataset", "mine") is None
