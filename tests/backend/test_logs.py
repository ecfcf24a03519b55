"""Request logs over the API, with the worker's part done in this process."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.sweeping import Sweeper
from linearity.adapters.documents import decode_documents
from linearity.adapters.live import EVENTS_KEY
from linearity.adapters.settings import Settings
from linearity.contracts.canonical import sha256_hex
from tests.log_generator import requests, write_jsonl
from tests.worker_here import work

REQUESTS = 2_000
URL = "/api/v1/logs"
CANARY = "the canary asks about her invoice"


@pytest.fixture
def log_file(services: Services) -> Path:
    return write_jsonl(services.settings.model_roots[0] / "log.jsonl", REQUESTS)


@pytest.fixture
def log(client: TestClient, services: Services, log_file: Path) -> str:
    """A log that was registered, previewed, confirmed and read."""
    return add_log(client, services, log_file)


def test_a_log_goes_from_file_to_summary(
    client: TestClient, services: Services, log_file: Path
) -> None:
    added = client.post(URL, json={"source": "path", "path": str(log_file)})
    assert added.status_code == 201
    assert added.json()["state"] == "receiving"
    id = added.json()["id"]
    preview = client.get(f"{URL}/{id}/preview").json()
    assert preview["columns"][:3] == ["timestamp", "route", "prompt"]
    assert preview["options"]["latency_unit"] == "ms"
    confirmed = client.post(f"{URL}/{id}/confirm", json={"options": preview["options"]})
    assert (confirmed.status_code, confirmed.json()["state"]) == (202, "inspecting")
    assert client.get(f"{URL}/{id}/summary").json()["code"] == "not_ready"
    work(services, "log", id)
    record = client.get(f"{URL}/{id}").json()["record"]
    assert (record["requests"], record["routes"], record["skipped"]) == (REQUESTS, 5, 0)
    summary = client.get(f"{URL}/{id}/summary").json()
    rows = list(requests(REQUESTS))
    assert summary["totals"]["tokens"] == sum(
        row["prompt_tokens"] + row["response_tokens"] for row in rows
    )
    assert summary["totals"]["time"] == pytest.approx(sum(r["latency_ms"] for r in rows) / 1000)
    assert summary["finding"]["route"] == "summarise"
    assert 'Route "summarise" takes' in summary["finding"]["text"]["en"]
    assert sum(row["shares"]["time"] for row in summary["routes"]) == pytest.approx(1)
    assert [item["name"] for item in client.get(URL).json()["items"]] == ["log.jsonl"]


@pytest.mark.parametrize("name", ["pareto", "hours", "lengths"])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_figures_show_the_numbers_of_the_summary(
    client: TestClient, log: str, name: str, lang: str
) -> None:
    summary = client.get(f"{URL}/{log}/summary").json()
    for measure in summary["measures"]:
        asked = {"measure": measure, "lang": lang, "theme": "dark"}
        figure = client.get(f"{URL}/{log}/figures/{name}", params=asked).json()
        bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
        total = summary["totals"][measure] / (3600 if measure == "time" else 1)
        assert sum(sum(trace["y"]) for trace in bars) == pytest.approx(total)
        assert len(bars) == (2 if measure == "tokens" else 1)
    running = [trace for trace in figure["data"] if trace["type"] == "scatter"]
    assert [trace["y"][-1] for trace in running] == ([pytest.approx(1)] if name == "pareto" else [])


BAD_FIGURES = {
    "no such figure": ("flow", {}, 422),
    "no such measure": ("pareto", {"measure": "joy"}, 422),
    "no such option": ("pareto", {"colour": "red"}, 422),
}


@pytest.mark.parametrize(("name", "query", "status"), BAD_FIGURES.values(), ids=BAD_FIGURES)
def test_unknown_figures_are_refused(
    client: TestClient, log: str, name: str, query: dict[str, str], status: int
) -> None:
    assert client.get(f"{URL}/{log}/figures/{name}", params=query).status_code == status


@pytest.mark.parametrize("weight", ["requests", "tokens", "time"])
def test_the_two_sets_have_the_mix_of_the_log_and_share_no_prompt(
    client: TestClient, services: Services, log: str, weight: str
) -> None:
    body = {"name": "Ours", "documents": 100, "weight": weight, "seed": 7}
    made = client.post(f"{URL}/{log}/datasets", json=body)
    assert made.status_code == 202
    assert [item["name"] for item in made.json()["items"]] == [
        "Ours calibration",
        "Ours evaluation",
    ]
    summary = client.get(f"{URL}/{log}/summary").json()
    prompts = []
    for item in made.json()["items"]:
        record = work(services, "dataset", item["id"]).record
        assert record is not None
        documents = decode_documents(services.store.get(record["fingerprint"]))
        assert len(documents) == record["documents"] == record["prompts"] == 100
        routes = Counter(document.category for document in documents)
        for route in summary["routes"]:
            assert abs(routes[route["route"]] - 100 * route["shares"][weight]) < 1
        prompts.append({document.prompt for document in documents})
    assert len(prompts[0] | prompts[1]) == 200
    again = client.post(f"{URL}/{log}/datasets", json=body).json()["items"]
    assert [item["id"] for item in again] == [item["id"] for item in made.json()["items"]]
    listed = client.get(f"{URL}/{log}/datasets").json()["items"]
    assert [item["side"] for item in listed] == ["calibration", "evaluation"]


def test_sets_are_masked_before_texts_are_compared(client: TestClient, services: Services) -> None:
    path = services.settings.model_roots[0] / "mails.jsonl"
    rows = [{"route": "mail", "prompt": f"Write to user{n}@example.com"} for n in range(50)]
    rows += [{"route": "mail", "prompt": f"Question {n} of 03-1234-5678"} for n in range(50)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    log = add_log(client, services, path)
    body = {"name": "masked", "documents": 20, "mask": ["email", "phone"]}
    texts = []
    for item in client.post(f"{URL}/{log}/datasets", json=body).json()["items"]:
        record = work(services, "dataset", item["id"]).record
        assert record is not None
        texts += [d.text for d in decode_documents(services.store.get(record["fingerprint"]))]
    assert not any("@" in text or "1234" in text for text in texts)
    assert texts.count("Write to [email]") <= 1
    assert len(set(texts)) == len(texts) == 40


def test_a_route_without_enough_prompts_is_a_warning(
    client: TestClient, services: Services
) -> None:
    path = services.settings.model_roots[0] / "few.jsonl"
    rows = [{"route": "ping", "prompt": "same"} for _ in range(100)]
    rows += [{"route": "chat", "prompt": f"question {n}"} for n in range(100)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    log = add_log(client, services, path)
    made = client.post(f"{URL}/{log}/datasets", json={"name": "few", "documents": 20}).json()
    record = work(services, "dataset", made["items"][0]["id"]).record
    assert record is not None
    assert record["documents"] == 10
    assert [warning["code"] for warning in record["warnings"]] == ["route_short"]


BAD_SETS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "name"),
    "no documents": ({"name": "x", "documents": 1}, "documents"),
    "many documents": ({"name": "x", "documents": 20_001}, "documents"),
    "an unknown weight": ({"name": "x", "weight": "cost"}, "weight"),
    "an unknown mask": ({"name": "x", "mask": ["name"]}, "mask"),
    "a seed that is none": ({"name": "x", "seed": -1}, "seed"),
}


@pytest.mark.parametrize(("body", "parameter"), BAD_SETS.values(), ids=BAD_SETS)
def test_sets_that_cannot_be_made_are_refused(
    client: TestClient, log: str, body: dict[str, Any], parameter: str
) -> None:
    refused = client.post(f"{URL}/{log}/datasets", json=body)
    assert refused.status_code == 422
    assert refused.json()["data"]["parameter"] == parameter


def test_a_log_of_counts_alone_gives_a_summary_and_no_sets(
    client: TestClient, services: Services
) -> None:
    path = services.settings.model_roots[0] / "counts.csv"
    path.write_text("route,prompt_tokens,response_tokens\na,10,20\nb,30,5\n")
    log = add_log(client, services, path)
    summary = client.get(f"{URL}/{log}/summary").json()
    assert summary["measures"] == ["requests", "tokens", "prompt_tokens", "response_tokens"]
    assert summary["hours"] == []
    assert summary["finding"]["measure"] == "tokens"
    assert client.post(f"{URL}/{log}/datasets", json={"name": "x"}).status_code == 422
    weights = client.get(f"{URL}/{log}/figures/hours", params={"measure": "tokens"})
    assert weights.json()["data"][0]["x"] == []


def test_a_rejected_log_can_be_read_another_way(
    client: TestClient, services: Services, log_file: Path
) -> None:
    id = client.post(URL, json={"source": "path", "path": str(log_file)}).json()["id"]
    wrong = {"format": "jsonl", "columns": {"prompt_tokens": "prompt"}}
    client.post(f"{URL}/{id}/confirm", json={"options": wrong})
    row = work(services, "log", id)
    assert row.state == "rejected"
    right = client.get(f"{URL}/{id}/preview").json()["options"]
    assert client.post(f"{URL}/{id}/confirm", json={"options": right}).status_code == 202
    assert work(services, "log", id).state == "ready"
    assert client.post(f"{URL}/{id}/confirm", json={"options": right}).status_code == 409


def test_an_uploaded_log_is_read_from_the_store(client: TestClient, services: Services) -> None:
    data = b"route,prompt\na,hello there\nb,good bye\n"
    body = {
        "source": "upload",
        "name": "mine",
        "files": [{"name": "log.csv", "size": len(data)}],
    }
    added = client.post(URL, json=body)
    assert added.status_code == 201
    assert client.get(f"{URL}/mine/preview").json()["code"] == "not_ready"
    upload = services.state.uploads_of("log", "mine")[0]
    services.state.upload_digested(upload.id, services.store.put(data))
    options = client.get(f"{URL}/mine/preview").json()["options"]
    assert client.post(f"{URL}/mine/confirm", json={"options": options}).status_code == 202
    record = work(services, "log", "mine").record
    assert record is not None
    assert record["requests"] == 2
    assert client.get(f"{URL}/mine/summary").json()["tokens"] == "characters"
    client.delete(f"{URL}/mine")
    sweep(services)
    assert not services.store.has(sha256_hex(data))


def test_deleting_a_log_removes_its_rows_and_keeps_what_another_log_needs(
    client: TestClient, services: Services, log: str, log_file: Path
) -> None:
    twin = log_file.with_name("twin.jsonl")
    twin.write_bytes(log_file.read_bytes())
    other = add_log(client, services, twin)
    record = client.get(f"{URL}/{log}").json()["record"]
    assert client.delete(f"{URL}/{log}").status_code == 204
    sweep(services)
    assert services.store.has(record["fingerprint"])
    assert client.get(f"{URL}/{other}/summary").status_code == 200
    assert client.delete(f"{URL}/{other}").status_code == 204
    sweep(services)
    assert not services.store.has(record["fingerprint"])
    assert not services.store.has(record["summary"])
    assert client.get(f"{URL}/{log}/summary").status_code == 404


OUTSIDE = {
    "a path elsewhere": {"source": "path", "path": "/etc/passwd"},
    "a relative path": {"source": "path", "path": "log.jsonl"},
    "a hub id": {"source": "hub", "path": "owner/name"},
    "a builtin": {"source": "builtin", "path": "x"},
}


@pytest.mark.parametrize("body", OUTSIDE.values(), ids=OUTSIDE)
def test_only_files_below_the_roots_are_registered(
    client: TestClient, body: dict[str, str]
) -> None:
    assert client.post(URL, json=body).status_code in (403, 422)


def test_what_people_asked_is_in_no_answer_message_event_or_row(
    client: TestClient,
    services: Services,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    path = services.settings.model_roots[0] / "private.jsonl"
    good = [{"route": "a", "prompt": f"{CANARY} {n}", "response": CANARY} for n in range(40)]
    bad = [
        json.dumps({"route": CANARY * 10, "prompt": "x"}),
        json.dumps({"route": "a", "prompt": [CANARY]}),
        f'{{"prompt": "{CANARY}", "prompt": "{CANARY}"}}',
        f'{{"{CANARY}": NaN',
    ]
    path.write_text("\n".join([*map(json.dumps, good), *bad]))
    answers = []
    log = add_log(client, services, path)
    made = client.post(f"{URL}/{log}/datasets", json={"name": "p", "documents": 4})
    answers.append(made.text)
    for item in made.json()["items"]:
        work(services, "dataset", item["id"])
    broken = path.with_name("broken.jsonl")
    broken.write_text("\n".join(bad))
    rejected = client.post(URL, json={"source": "path", "path": str(broken)}).json()["id"]
    options = {"format": "jsonl", "columns": {"prompt": "prompt", "route": "route"}}
    client.post(f"{URL}/{rejected}/confirm", json={"options": options})
    assert work(services, "log", rejected).state == "rejected"
    wrong = {"format": "jsonl", "columns": {"prompt_tokens": "prompt"}}
    answers.append(client.post(f"{URL}/{rejected}/confirm", json={"options": wrong}).text)
    assert work(services, "log", rejected).state == "rejected"
    addresses = [f"{URL}{rest}" for rest in ("", f"/{log}", f"/{log}/summary", f"/{log}/datasets")]
    addresses += [f"{URL}/{log}/figures/pareto", f"{URL}/{log}/dependents", f"{URL}/{rejected}"]
    answers += [client.get(a).text for a in [*addresses, "/api/v1/datasets", "/readyz"]]
    assert all(answers)
    assert CANARY in client.get(f"{URL}/{log}/preview").text  # what its owner confirms
    events = repr(services.live.redis.xrange(EVENTS_KEY))
    assert rejected in events
    database = b"".join(file.read_bytes() for file in settings.data.glob("state.db*"))
    assert b"no_requests" in database
    assert [text[:80] for text in [*answers, caplog.text, events] if CANARY in text] == []
    assert CANARY.encode() not in database


def add_log(client: TestClient, services: Services, path: Path) -> str:
    id: str = client.post(URL, json={"source": "path", "path": str(path)}).json()["id"]
    options = client.get(f"{URL}/{id}/preview").json()["options"]
    assert client.post(f"{URL}/{id}/confirm", json={"options": options}).status_code == 202
    assert work(services, "log", id).state == "ready"
    return id


def sweep(services: Services) -> None:
    """Take away what nothing names, young or not."""
    Sweeper(services.state, services.store, services.results, young_seconds=0).run_once()
