"""A passage over HTTP: what is refused, where it waits, and who gets to see what somebody wrote."""

import logging
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.adapters.results import store_result
from tests.backend.builders import ready_inputs
from tests.backend.conftest import Valkey
from tests.backend.sharing import make_link
from tests.figures.passages import a_passage

RUNS = "/api/v1/runs"
SECRET = "Customer 4711 {{ cls.__mro__ }} asks %s <script>"

BAD_TEXTS: dict[str, tuple[Any, str]] = {
    "none": (None, "got 'NoneType'"),
    "a number": (7, "got 'int'"),
    "a list": ([SECRET], "got 'list'"),
    "an object": ({"text": SECRET}, "got 'dict'"),
    "empty": ("", "got 'nothing'"),
    "blank": (" \n\t ", "got 'white space'"),
    "too long": (SECRET * 100, "got 4800"),
    "control characters": (f"{SECRET}\x07", "control characters"),
    "an escape": (f"{SECRET}\x1b[31m", "control characters"),
}


def ask(client: TestClient, text: object, **params: object) -> Response:
    body = {
        "kind": "passage",
        "model": "glass-en",
        "dataset": "python-docs",
        "params": {"text": text, "tokens": 4096, **params},
    }
    return client.post(RUNS, json=body)


@pytest.mark.parametrize(("text", "said"), BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_what_is_no_passage_is_refused_without_repeating_it(
    client: TestClient, services: Services, text: object, said: str
) -> None:
    ready_inputs(services)

    refused = ask(client, text)

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "invalid_parameter")
    assert said in problem["detail"]
    assert problem["data"]["parameter"] == "text"
    assert "Customer 4711" not in refused.text
    assert services.state.count_runs() == 0


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\u0000"], ids=["lone surrogate", "NUL"])
def test_what_is_no_text_at_all_is_malformed(
    client: TestClient, services: Services, escape: bytes
) -> None:
    ready_inputs(services)
    body = b'{"kind": "passage", "model": "glass-en", "dataset": "python-docs", '
    body += b'"params": {"text": "Customer 4711 ' + escape + b'"}}'

    refused = client.post(RUNS, content=body, headers={"content-type": "application/json"})

    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_json")
    assert "Customer 4711" not in refused.text


def test_a_passage_waits_where_somebody_waits_for_it(
    client: TestClient, services: Services, valkey: Valkey
) -> None:
    ready_inputs(services)

    answer = ask(client, f"{SECRET}\r\nand more")

    run = answer.json()
    assert (answer.status_code, run["status"]) == (202, "queued")
    assert run["params"]["text"] == f"{SECRET}\nand more"
    with valkey.client as queue:
        assert queue.llen("rq:queue:interactive") == 1
        everything = [queue.dump(key) or b"" for key in queue.scan_iter("*")]
    assert not [data for data in everything if b"Customer 4711" in data]


def test_the_estimate_is_that_of_the_run_that_fits_the_maps(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services)
    body = {"model": "glass-en", "dataset": "python-docs"}
    told = [
        client.post(f"{RUNS}?estimate=1", json=body | asked).json()["estimate"]
        for asked in (
            {"kind": "passage", "params": {"text": "a", "tokens": 4096}},
            {"kind": "linearity", "params": {"pairs": "adjacent", "tokens": 4096}},
        )
    ]

    assert told[0]["flops"] == told[1]["flops"]
    assert told[0]["memory_bytes"] == told[1]["memory_bytes"] + 4 * 64 * 64 * 8


def finished(client: TestClient, services: Services) -> str:
    ready_inputs(services)
    run = services.state.get_run(ask(client, SECRET).json()["id"])
    assert run
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    value: Any = a_passage().as_json() | {"id": run.id, "params": run.request["params"]}
    value["passage"][0]["text"] = SECRET
    sha256, _ = store_result(value, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 0.4)
    return run.id


def test_lists_of_runs_leave_the_text_out_and_the_run_tells_it(
    client: TestClient, services: Services
) -> None:
    id = finished(client, services)

    listed = client.get(RUNS)

    assert "Customer 4711" not in listed.text
    assert listed.json()["items"][0]["params"]["text"] == ""
    assert client.get(f"{RUNS}/{id}").json()["params"]["text"] == SECRET


@pytest.mark.parametrize("mode", ["live", "frozen"])
@pytest.mark.parametrize("texts", [True, False])
def test_a_link_tells_the_text_only_where_its_maker_chose_so(
    client: TestClient, services: Services, mode: str, texts: bool
) -> None:
    id = finished(client, services)
    address = make_link(client, id, mode=mode, include_texts=texts).run_data

    run = client.get(address)
    result = client.get(f"{address}/result")
    others = [
        client.get(f"{address}/{part}")
        for part in ("figures/passage", "snapshot", "result?format=csv", "result?format=npz")
    ]

    assert (run.json()["params"]["text"] == SECRET) is texts
    assert ("Customer 4711" in result.text) is texts
    assert len(result.json()["error"]) == len(result.json()["passage"])
    assert {answer.status_code for answer in others} == {200}
    assert any("Customer 4711" in answer.text for answer in others[:3]) is texts


def test_a_passage_is_cited_without_its_text(client: TestClient, services: Services) -> None:
    id = finished(client, services)

    told = client.get(f"{RUNS}/{id}/citation")

    assert told.status_code == 200
    assert "passage" in told.json()["text"]["en"]
    assert "Customer 4711" not in told.text


def test_deleting_the_run_deletes_the_text_from_links_too(
    client: TestClient, services: Services
) -> None:
    id = finished(client, services)
    make_link(client, id, mode="frozen", include_texts=True)

    assert client.delete(f"{RUNS}/{id}").status_code == 204

    with closing(sqlite3.connect(services.settings.data / "state.db")) as database:
        dump = "".join(database.iterdump())
    assert 'INSERT INTO "shares"' in dump
    assert "Customer 4711" not in dump


def test_no_log_tells_what_somebody_wrote(
    client: TestClient, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        id = finished(client, services)
        ask(client, SECRET * 100)
        for part in ("", "/result", "/figures/passage", "/figures/heatmap"):
            client.get(f"{RUNS}/{id}{part}")
        client.delete(f"{RUNS}/{id}")

    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("httpx")]
    assert ours
    assert not [message for message in ours if "Customer 4711" in message]
