"""Changes have a pace: one visitor cannot fill queue and database within a minute."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import ip_network

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.main import create_app
from backend.minute_counts import MinuteCounts
from backend.pace import LOCAL_FACTOR
from backend.trusted_proxy import SECRET_HEADER
from linearity.adapters.proxy_settings import ProxyTrust
from linearity.adapters.settings import CHANGES_PER_MINUTE, Settings, read_settings
from linearity.errors import InvalidParameterError
from tests.backend.builders import A_RUN, ORIGIN
from tests.backend.conftest import Valkey

RUNS = "/api/v1/runs"
PER_MINUTE = 3
ALLOWED = PER_MINUTE * LOCAL_FACTOR


@pytest.fixture
def no_minute_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.main.MinuteCounts", partial(MinuteCounts, now=lambda: 30.0))


@pytest.fixture
def paced(settings: Settings, no_minute_ends: None) -> Iterator[FastAPI]:
    app = create_app(replace(settings, changes_per_minute=PER_MINUTE))
    yield app
    app.state.services.live.close()
    app.state.services.state.close()


def client_of(app: FastAPI, host: str = "127.0.0.1") -> TestClient:
    return TestClient(app, base_url=ORIGIN, raise_server_exceptions=False, client=(host, 50_000))


def exhaust(client: TestClient) -> None:
    for _ in range(ALLOWED):
        assert client.post(RUNS, json={}).status_code == 422


def test_one_change_too_many_is_refused_with_the_time_to_wait(paced: FastAPI) -> None:
    client = client_of(paced)
    exhaust(client)

    refused = client.post(RUNS, json=A_RUN)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.json()["limit"] == ALLOWED


def test_guests_behind_a_trusted_proxy_are_counted_one_by_one(
    settings: Settings, no_minute_ends: None
) -> None:
    trust = ProxyTrust("x-forwarded-user", (ip_network("10.0.0.1"),), "we both know this secret")
    app = create_app(replace(settings, proxy=trust, changes_per_minute=PER_MINUTE))
    client = client_of(app, "10.0.0.1")

    def sign_in(address: str) -> int:
        headers = {SECRET_HEADER: trust.secret, "X-Forwarded-For": address}
        return client.post("/sign-in", data={"token": "wrong"}, headers=headers).status_code

    noisy = [sign_in("203.0.113.1") for _ in range(PER_MINUTE + 1)]

    assert noisy == [401] * PER_MINUTE + [429]
    assert sign_in("203.0.113.2") == 401


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_every_unsafe_method_counts(paced: FastAPI, method: str) -> None:
    client = client_of(paced)
    exhaust(client)

    assert client.request(method, f"{RUNS}/x").status_code == 429


def test_reading_and_pieces_of_uploads_go_on(paced: FastAPI) -> None:
    client = client_of(paced)
    exhaust(client)

    assert client.get(RUNS).status_code == 200
    assert client.patch("/api/v1/uploads/nothing").status_code != 429


def test_another_address_has_a_pace_of_its_own(paced: FastAPI) -> None:
    exhaust(client_of(paced))

    assert client_of(paced, "192.0.2.7").post(RUNS, json={}).status_code == 422


def test_two_web_processes_count_together(settings: Settings, paced: FastAPI) -> None:
    exhaust(client_of(paced))
    other = create_app(replace(settings, changes_per_minute=PER_MINUTE))

    refused = client_of(other).post(RUNS, json={})

    other.state.services.live.close()
    other.state.services.state.close()
    assert refused.status_code == 429


def test_without_redis_each_process_counts_alone(services: Services, valkey: Valkey) -> None:
    moment = 1_000_000.0
    counts = MinuteCounts(services.live, "changes", lambda: moment)
    valkey.stop()

    assert [counts.add("somebody")[0] for _ in range(3)] == [1, 2, 3]
    moment += 60.0
    assert counts.add("somebody")[0] == 1


@pytest.mark.parametrize("text", ["0", "-1", "many", "１０", "1e3", "99999999"])
def test_a_bad_pace_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="LINEARSCOPE_CHANGES_PER_MINUTE"):
        read_settings({"LINEARSCOPE_CHANGES_PER_MINUTE": text})


def test_the_pace_is_read_from_the_environment() -> None:
    read: Callable[[dict[str, str]], Settings] = read_settings

    assert read({}).changes_per_minute == CHANGES_PER_MINUTE == 200
    assert read({"LINEARSCOPE_CHANGES_PER_MINUTE": "7"}).changes_per_minute == 7
