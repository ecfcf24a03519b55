"""A data folder that version 1 of the tables wrote goes on: nothing is lost, everything works."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.main import create_app
from backend.reconciler import Reconciler
from linearity.adapters.database import TABLES_VERSION
from linearity.adapters.results import store_result
from linearity.adapters.settings import Settings
from linearity.adapters.store import ArtifactStore
from linearity.contracts.runs import RunStatus
from tests.backend.builders import A_RUN, ORIGIN, current
from tests.backend.conftest import open_app
from tests.backend.working import works_here
from tests.builders import a_result
from workers.tasks import run_attempt

WRITTEN = Path(__file__).with_name("state_v1.sql")
FINISHED = "a6ec2e129dccadfb18a6be3c82106eba"
QUEUED, RUNNING, FAILED = "1" * 32, "2" * 32, "3" * 32


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The application on a data folder of version 1, with the result of its finished run."""
    value = a_result().as_json() | {"id": FINISHED}
    result, _ = store_result(value, ArtifactStore(settings.store))
    with sqlite3.connect(settings.data / "state.db") as database:
        database.executescript(WRITTEN.read_text())
        database.execute("UPDATE runs SET result = ? WHERE id = ?", (result, FINISHED))
    yield from open_app(settings)


def test_inputs_runs_and_openings_are_all_there(client: TestClient, services: Services) -> None:
    inputs = [*services.state.list_inputs("model"), *services.state.list_inputs("dataset")]
    runs = client.get("/api/v1/runs").json()["items"]
    plan = client.get(f"/api/v1/runs/{QUEUED}").json()

    assert {(row.id, row.owner, row.state) for row in inputs} == {
        ("glass-en", "local", "ready"),
        ("python-docs", "local", "ready"),
        ("local-1", "local", "rejected"),
    }
    assert {run["id"]: run["status"] for run in runs} == {
        FINISHED: "finished", QUEUED: "queued", RUNNING: "running", FAILED: "failed",
    }  # fmt: skip
    assert plan["report_openings"] == 1
    assert client.get("/api/v1/models/glass-en").json()["record"]["blocks"] == 4


def test_a_finished_run_is_drawn_shared_and_deleted(client: TestClient, services: Services) -> None:
    figure = client.get(f"/api/v1/runs/{FINISHED}/figures/heatmap")
    link = client.post("/api/v1/shares", json={"run": FINISHED, "mode": "frozen"}).json()["url"]
    path = "/s/" + link.partition("/s/")[2]
    before = client.get(path).status_code
    gone = client.delete(f"/api/v1/runs/{FINISHED}")

    assert (figure.status_code, before, gone.status_code) == (200, 200, 204)
    assert client.get(path).status_code == 410
    assert services.state.get_run(FINISHED) is None


def test_a_new_run_on_an_old_input_is_accepted(client: TestClient) -> None:
    answer = client.post("/api/v1/runs", json=A_RUN)

    assert answer.status_code == 202
    assert answer.json()["id"] != FINISHED


def test_a_run_that_waited_through_the_update_is_refused_instead_of_mislabelled(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reconciler(services.state, services.queue, services.live).run_once()  # takes back the other
    rows = [services.state.get_run(id) for id in (QUEUED, RUNNING)]
    works_here(settings, monkeypatch)
    for row in rows:
        assert row
        run_attempt(row.id, row.attempt)

    after = [current(services, row) for row in rows if row]
    assert [row.status for row in after] == [RunStatus.FAILED] * 2
    assert [(row.error or {})["code"] for row in after] == ["outdated_request"] * 2


def test_the_folder_is_of_this_version_afterwards(app: FastAPI, settings: Settings) -> None:
    with sqlite3.connect(settings.data / "state.db") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (TABLES_VERSION,)

    again = create_app(settings)
    assert again.state.services.state.get_run(FINISHED) is not None
    again.state.services.live.close()
    again.state.services.state.close()
    assert TestClient(app, base_url=ORIGIN).get("/readyz").status_code == 200
