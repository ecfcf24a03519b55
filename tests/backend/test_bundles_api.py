"""Runs out of one server and into another: what is taken in, marked and refused."""

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.children import python_command, python_environ
from backend.dependencies import Services
from linearity.adapters.bundles import MOST_BYTES, write_bundle
from linearity.adapters.results import result_bytes, store_result
from linearity.adapters.settings import Settings
from linearity.adapters.state import RunRow
from linearity.contracts.canonical import sha256_hex
from linearity.contracts.results import request_of
from tests.backend.builders import A_RUN, ORIGIN, a_run, current, ready_inputs
from tests.backend.conftest import open_app
from tests.builders import a_result
from tests.figures.ablation_results import a_plan

ZIP = {"Content-Type": "application/zip"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
    """Another server with a data folder of its own, where nothing is registered."""
    folder = tmp_path / "elsewhere"
    other = replace(
        settings,
        data=folder,
        store=folder / "store",
        database_url=f"sqlite:///{folder / 'state.db'}",
    )
    for app in open_app(other):
        yield TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)


def a_computed_run(services: Services) -> RunRow:
    """Finish a run whose result answers exactly its question."""
    run = a_run(services)
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    request = run.request
    value = a_result().as_json() | {"id": run.id, "params": request["params"]}
    assert value["id"] == request_of(json.loads(result_bytes(value))).run_id
    sha256, _ = store_result(value, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 1.5)
    return current(services, run)


def test_a_run_goes_from_one_server_to_another_and_says_so(
    client: TestClient, services: Services, elsewhere: TestClient
) -> None:
    run = a_computed_run(services)
    bundle = client.get(f"/api/v1/runs/{run.id}/bundle")
    assert bundle.content == client.get(f"/api/v1/runs/{run.id}/bundle").content
    assert f'"linearity-{run.id}.zip"' in bundle.headers["content-disposition"]

    answer = elsewhere.post("/api/v1/bundles", content=bundle.content, headers=ZIP)
    twice = elsewhere.post("/api/v1/bundles", content=bundle.content, headers=ZIP)

    assert (answer.status_code, twice.status_code) == (201, 200)
    assert answer.headers["location"] == f"/api/v1/runs/{run.id}"
    told = elsewhere.get(f"/api/v1/runs/{run.id}").json()
    assert told["status"] == "finished"
    assert told["imported"]["by"] == "local"
    assert told["imported"]["computed"] == "2026-11-23T08:15:00Z"
    assert (told["model"]["blocks"], told["model"]["name"]) == (4, "glass-en")
    assert client.get(f"/api/v1/runs/{run.id}").json()["imported"] is None
    result = f"/api/v1/runs/{run.id}/result"
    assert elsewhere.get(result).content == client.get(result).content
    assert elsewhere.get(f"/runs/{run.id}").status_code == 200
    for name in ("heatmap", "profile"):
        figure = elsewhere.get(f"/api/v1/runs/{run.id}/figures/{name}")
        assert figure.status_code == 200
    again = elsewhere.get(f"/api/v1/runs/{run.id}/bundle")
    assert again.content == bundle.content  # passed on as it came
    listed = elsewhere.get("/api/v1/runs").json()["items"]
    assert [item["imported"] is not None for item in listed] == [True]


@pytest.mark.slow
def test_a_terminal_exports_imports_and_verifies(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    run, file, there = a_computed_run(services), tmp_path / "run.zip", tmp_path / "there"

    out = run_cli("runs", "export", run.id, "--out", str(file), "--data", str(settings.data))
    came = run_cli("runs", "import", str(file), "--data", str(there))
    listed = run_cli("runs", "list", "--data", str(there))
    missing = run_cli("runs", "export", "0" * 32, "--out", str(file), "--data", str(there))
    file.write_bytes(b"PK and nothing")
    broken = run_cli("runs", "import", str(file), "--data", str(there))

    assert (out.returncode, came.returncode) == (0, 0), out.stderr + came.stderr
    assert run.id in listed.stdout
    assert "imported" in came.stderr
    assert missing.returncode == 1
    assert broken.returncode == 2
    assert "Export the run again" in broken.stderr


def test_what_the_command_line_wrote_comes_in_like_a_bundle(
    services: Services, tmp_path: Path
) -> None:
    run = a_computed_run(services)
    assert run.result is not None
    value = json.loads(services.store.get(run.result))
    value["environment"]["linearscope"] = "0.1.0"
    file, there = tmp_path / "result.json", tmp_path / "there"
    file.write_text(json.dumps(value))

    came = run_cli("runs", "import", str(file), "--data", str(there))
    twice = run_cli("runs", "import", str(file), "--data", str(there))

    assert came.returncode == 0, came.stderr
    assert run.id in came.stdout
    assert "it was here already" in twice.stderr
    value["params"]["seed"] = 7
    file.write_text(json.dumps(value))
    other = run_cli("runs", "import", str(file), "--data", str(there))
    assert other.returncode == 2
    assert "digest of the question" in other.stderr


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command("backend.cli", *arguments),
        env=python_environ(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_was_computed_here_is_kept(client: TestClient, services: Services) -> None:
    run = a_computed_run(services)
    bundle = client.get(f"/api/v1/runs/{run.id}/bundle").content

    answer = client.post("/api/v1/bundles", content=bundle, headers=ZIP)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert current(services, run) == run
    assert client.get(f"/api/v1/runs/{run.id}/result").status_code == 200


def test_an_imported_run_answers_no_question_that_is_asked_here(
    client: TestClient, services: Services, elsewhere: TestClient
) -> None:
    run = a_computed_run(services)
    bundle = client.get(f"/api/v1/runs/{run.id}/bundle").content
    client.delete(f"/api/v1/runs/{run.id}")
    assert client.post("/api/v1/bundles", content=bundle, headers=ZIP).status_code == 201
    stored = current(services, run).result

    body = A_RUN | {"params": {"pairs": "all"}}
    estimate = client.post("/api/v1/runs?estimate=1", json=body).json()
    asked = client.post("/api/v1/runs", json=body)

    assert (estimate["id"], estimate["exists"]) == (run.id, None)
    assert (asked.status_code, asked.json()["id"]) == (202, run.id)
    assert asked.json()["status"] == "queued"
    assert asked.json()["imported"] is None
    assert asked.json()["attempt"] == 1
    assert stored in services.state.removals()


def test_an_imported_run_names_the_registered_inputs_of_its_fingerprints(
    client: TestClient, services: Services, elsewhere: TestClient
) -> None:
    run = a_computed_run(services)
    bundle = client.get(f"/api/v1/runs/{run.id}/bundle").content
    client.delete(f"/api/v1/runs/{run.id}")

    here = client.post("/api/v1/bundles", content=bundle, headers=ZIP).json()
    there = elsewhere.post("/api/v1/bundles", content=bundle, headers=ZIP).json()

    assert here["model"]["id"] == "glass-en"
    assert there["model"]["id"] == "sha256:" + "a" * 16


def test_an_imported_run_is_cited_shared_and_deleted(
    client: TestClient, services: Services, elsewhere: TestClient
) -> None:
    run = a_computed_run(services)
    bundle = client.get(f"/api/v1/runs/{run.id}/bundle").content
    elsewhere.post("/api/v1/bundles", content=bundle, headers=ZIP)

    citation = elsewhere.get(f"/api/v1/runs/{run.id}/citation").json()
    link = elsewhere.post("/api/v1/shares", json={"run": run.id}).json()["url"]
    shared = elsewhere.get(link.removeprefix(ORIGIN) + f"/data/runs/{run.id}/citation").json()
    snapshot = elsewhere.get(f"/api/v1/runs/{run.id}/snapshot").text
    shown = elsewhere.get(link.removeprefix(ORIGIN) + f"/data/runs/{run.id}").json()

    assert run.id in citation["text"]["en"]
    assert run.id in citation["text"]["ja"]
    assert shared == citation
    assert "Imported: computed elsewhere" in snapshot
    assert "Imported: computed" not in client.get(f"/api/v1/runs/{run.id}/snapshot").text
    assert "@inproceedings{razzhigaev2024secretly" in citation["bibtex"]
    assert shown["imported"]["computed"] == "2026-11-23T08:15:00Z"
    assert shown["imported"]["by"] is None
    assert elsewhere.delete(f"/api/v1/runs/{run.id}").status_code == 204
    assert elsewhere.get(f"/api/v1/runs/{run.id}").status_code == 404


def test_a_result_of_the_command_line_comes_in_over_http(
    client: TestClient, services: Services, elsewhere: TestClient
) -> None:
    run = a_computed_run(services)
    data = client.get(f"/api/v1/runs/{run.id}/result").content

    answer = elsewhere.post("/api/v1/bundles", content=data, headers=JSON)

    assert answer.status_code == 201
    assert elsewhere.get(f"/api/v1/runs/{run.id}").json()["imported"]["by"] == "local"
    assert elsewhere.get(f"/api/v1/runs/{run.id}/result").content == data
    secret = data.replace(b'"schema"', b'"a secret"')
    refused = elsewhere.post("/api/v1/bundles", content=secret, headers=JSON)
    assert refused.status_code == 422


def test_texts_leave_only_when_asked_for(client: TestClient, services: Services) -> None:
    model, dataset = ready_inputs(services)
    value: Any = json.loads(result_bytes(a_plan().as_json()))
    value["model"]["fingerprint"], value["dataset"]["fingerprint"] = "a" * 64, "b" * 64
    value["documents"][0]["title"] = "a secret title"
    request = request_of(value)
    run = services.state.submit(request, model=model, dataset=dataset).run
    services.state.start_attempt(run.id, 1, "worker-1")
    sha256, _ = store_result(value | {"id": run.id}, services.store)
    services.state.finish(run.id, 1, sha256, 1.0)

    without = client.get(f"/api/v1/runs/{run.id}/bundle").content
    with_them = client.get(f"/api/v1/runs/{run.id}/bundle?texts=1").content

    assert b"a secret title" not in without
    assert b"a secret title" in with_them


BAD: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "nothing": (b"", ZIP, 422, "invalid_bundle"),
    "no archive": (b"PK\x03\x04 and no more", ZIP, 422, "invalid_bundle"),
    "json": (b"{}", JSON, 422, "invalid_result"),
    "no json": (b"{", JSON, 422, "invalid_result"),
    "text": (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    "no type": (b"PK", {}, 415, "unsupported_media_type"),
    "squeezed": (b"PK", ZIP | {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    "too large": (b"PK" + bytes(MOST_BYTES), ZIP, 413, "too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_bundle_is_refused_and_leaves_nothing(
    client: TestClient, services: Services, name: str
) -> None:
    data, headers, status, code = BAD[name]
    before = sorted(services.store.root.rglob("objects/*/*"))

    answer = client.post("/api/v1/bundles", content=data, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert services.state.count_runs() == 0
    assert sorted(services.store.root.rglob("objects/*/*")) == before


def test_a_result_that_no_page_could_show_is_refused(client: TestClient) -> None:
    value: Any = json.loads(result_bytes(a_plan().as_json()))
    value["point"]["ci95"] = []
    value["id"] = request_of(value).run_id
    bundle = write_bundle(value, result_bytes(value), texts=True, software="0.1.0")

    answer = client.post("/api/v1/bundles", content=bundle, headers=ZIP)

    assert (answer.status_code, answer.json()["data"]["reason"]) == (422, "bad_result")


def test_a_refusal_repeats_no_text_of_the_file(client: TestClient) -> None:
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr("a secret name", b"a secret text")

    answer = client.post("/api/v1/bundles", content=stream.getvalue(), headers=ZIP)

    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_an_unfinished_run_has_no_bundle_and_no_citation(
    client: TestClient, services: Services
) -> None:
    run = a_run(services)

    for part in ("bundle", "citation"):
        answer = client.get(f"/api/v1/runs/{run.id}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "run_not_finished")


def test_the_stored_object_is_the_result_of_the_bundle(
    client: TestClient, services: Services, elsewhere: TestClient
) -> None:
    run = a_computed_run(services)
    bundle = client.get(f"/api/v1/runs/{run.id}/bundle").content
    elsewhere.post("/api/v1/bundles", content=bundle, headers=ZIP)

    tag = elsewhere.get(f"/api/v1/runs/{run.id}/result").content
    assert sha256_hex(tag) == run.result
