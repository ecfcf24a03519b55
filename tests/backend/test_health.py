import sqlite3

import pytest
import rq
from starlette.testclient import TestClient

import backend.readiness
from backend.dependencies import Services
from tests.backend.conftest import Valkey


def test_a_healthy_server_is_alive_and_ready(client: TestClient) -> None:
    alive, ready = client.get("/livez"), client.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert set(ready.json()["checks"].values()) == {"ok"}
    assert "no worker" in ready.json()["warnings"][0]


@pytest.mark.parametrize(
    ("queues", "warned"),
    [
        (["interactive", "analysis"], []),
        (["analysis"], ["no worker takes plans and registrations, which wait in interactive"]),
        (["interactive"], ["no worker takes analyses, which wait in analysis"]),
    ],
)
def test_a_queue_that_no_worker_listens_at_is_a_warning(
    client: TestClient, valkey: Valkey, queues: list[str], warned: list[str]
) -> None:
    with valkey.client as connection:
        worker = rq.Worker(queues, connection=connection, serializer="json", name="w")
        worker.register_birth()  # type: ignore[no-untyped-call]  # RQ's

        assert client.get("/readyz").json()["warnings"] == warned


def test_without_redis_the_server_is_alive_and_not_ready(
    client: TestClient, valkey: Valkey
) -> None:
    valkey.stop()

    alive, ready = client.get("/livez"), client.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert ready.json()["data"]["failing"] == ["redis"]
    assert "retry-after" in ready.headers


def test_a_lost_store_makes_the_server_unready(client: TestClient, services: Services) -> None:
    (services.store.root / "staging").rmdir()

    ready = client.get("/readyz")

    assert (ready.status_code, ready.json()["data"]["failing"]) == (503, ["store"])


def test_a_full_disk_makes_the_server_unready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A disk without room cannot be had here; the probe's threshold can be raised instead.
    monkeypatch.setattr(backend.readiness, "RESERVE_BYTES", 1 << 60)

    ready = client.get("/readyz")

    assert (ready.status_code, ready.json()["data"]["failing"]) == (503, ["disk"])


@pytest.mark.slow
def test_a_locked_database_makes_the_server_unready(client: TestClient, services: Services) -> None:
    holder = sqlite3.connect(services.settings.data / "state.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    ready = client.get("/readyz")
    reading = client.get("/api/v1/runs")

    holder.close()
    assert (ready.status_code, ready.json()["data"]["failing"]) == (503, ["database"])
    assert reading.status_code == 200
