import sqlite3

import pytest
from starlette.testclient import TestClient

import backend.readiness
from backend.dependencies import Services
from tests.backend.conftest import Valkey


def test_a_healthy_server_is_alive_and_ready(client: TestClient) -> None:
    alive, ready = client.get("/livez"), client.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert set(ready.json()["checks"].values()) == {"ok"}
    assert "no worker" in ready.json()["warnings"][0]


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
