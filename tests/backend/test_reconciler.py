"""What the database calls open ends up in the queue, whatever happened in between."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import reconciler as reconciler_module
from backend.queue import Queue
from backend.reconciler import Reconciler
from linearity.adapters.live import EVENTS_KEY, Live
from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import InputRow, RunRow, State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.runs import InputState, RunStatus
from tests.backend.conftest import Valkey
from tests.backend.test_queue import a_run, an_input
from workers import registration


@pytest.fixture
def reconciler(tmp_path: Path, valkey: Valkey) -> Iterator[Reconciler]:
    state = State(sqlite_url(tmp_path / "state.db"))
    live = Live(valkey.url, valkey.url)
    yield Reconciler(state, Queue(live.redis), live)
    live.close()
    state.close()


@pytest.fixture
def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every heartbeat is too old at once."""
    monkeypatch.setattr(reconciler_module, "LEASE_SECONDS", 0.0)


def test_runs_and_inspections_that_were_never_queued_are_queued_once(
    reconciler: Reconciler,
) -> None:
    run = a_run(reconciler.state)  # its model and its dataset wait for inspection too

    assert reconciler.run_once() == 3
    assert reconciler.run_once() == 0
    assert reconciler.queue.position(run) == 0


def test_an_emptied_server_is_filled_again(reconciler: Reconciler) -> None:
    run = a_run(reconciler.state)
    reconciler.run_once()
    reconciler.live.redis.flushall()

    assert reconciler.run_once() == 3
    assert reconciler.queue.position(run) == 0


@pytest.mark.usefixtures("no_lease")
def test_a_silent_attempt_is_taken_back_announced_and_queued(reconciler: Reconciler) -> None:
    run = a_run(reconciler.state)
    reconciler.state.start_attempt(run.id, 1, "worker")
    time.sleep(0.01)
    reconciler.run_once()
    row = get_run(reconciler, run.id)

    assert (row.status, row.attempt, row.deaths) == (RunStatus.QUEUED, 2, 1)
    assert reconciler.queue.position(row) == 0
    assert reconciler.live.redis.xlen(EVENTS_KEY) == 1


@pytest.mark.usefixtures("no_lease")
def test_a_silent_inspection_is_taken_back_and_queued(reconciler: Reconciler) -> None:
    row = an_input(reconciler.state)
    reconciler.state.start_input("model", row.id, 1, "worker")
    time.sleep(0.01)
    reconciler.run_once()
    again = reconciler.state.get_input("model", row.id)
    assert isinstance(again, InputRow)

    assert (again.attempt, again.heartbeat) == (2, None)
    assert reconciler.queue.position(again) == 0


def test_an_attempt_that_is_heard_of_is_left_alone(reconciler: Reconciler) -> None:
    run = a_run(reconciler.state)
    reconciler.state.start_attempt(run.id, 1, "worker")
    reconciler.run_once()

    assert get_run(reconciler, run.id).attempt == 1


def test_what_is_registered_from_a_terminal_is_left_to_it(
    reconciler: Reconciler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("One line of text.\n" * 50)
    looked_at: list[tuple[int, str | None]] = []
    inspect = registration.inspect

    def beside_a_server(row: InputRow, **more: Any) -> dict[str, Any]:
        looked_at.append((reconciler.run_once(), row.worker))
        return inspect(row, **more)

    monkeypatch.setattr(registration, "inspect", beside_a_server)
    row = registration.register_here(
        "dataset",
        str(tmp_path / "notes.txt"),
        state=reconciler.state,
        store=ArtifactStore(tmp_path / "store"),
        log=lambda _: None,
    )

    assert looked_at == [(0, f"terminal-{os.getpid()}")]
    assert row.state is InputState.READY


def test_a_cancelled_run_is_not_queued(reconciler: Reconciler) -> None:
    run = a_run(reconciler.state)
    reconciler.state.cancel(run.id)
    reconciler.run_once()

    assert reconciler.queue.position(run) is None


def get_run(reconciler: Reconciler, id: str) -> RunRow:
    row = reconciler.state.get_run(id)
    assert row is not None
    return row
