"""Benchmarks through HTTP: questions by name, what is refused, what a deletion counts, one run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.adapters.documents import encode_documents
from linearity.adapters.settings import Settings
from linearity.contracts.canonical import canonical_json, strict_loads
from linearity.contracts.inputs import Document
from linearity.contracts.runs import RunStatus
from tests.backend.builders import a_dataset, ready_inputs
from tests.backend.working import works_here
from tests.worker_here import work
from workers.tasks import run_attempt

RUNS = "/api/v1/runs"
EXAM = [
    Document.question(f"{k} and {k} are", [str(2 * k), str(2 * k + 3)], 0, category=f"c{k % 2}")
    for k in range(12)
]


def an_exam(services: Services, documents: list[Document] = EXAM) -> str:
    """Register a dataset of questions, as a worker would have; return its fingerprint."""
    sha256 = services.store.put(encode_documents(documents))
    services.state.add_input("dataset", id="exam", name="Exam", source="path", reference="/exam")
    asked = sum(document.choices is not None for document in documents)
    record = replace(
        a_dataset(), id="exam", name="Exam", source="path", fingerprint=sha256, questions=asked
    )
    assert services.state.input_ready("dataset", "exam", dict(record.as_json()))
    return sha256


def ask(client: TestClient, **params: Any) -> Any:
    body = {"kind": "benchmark", "model": "glass-en", "dataset": "python-docs"}
    return client.post(RUNS, json=body | {"params": {"plan": "1:drop", **params}})


@pytest.mark.parametrize("name", ["exam", "Exam", "fingerprint"])
def test_questions_are_named_by_id_name_or_fingerprint(
    client: TestClient, services: Services, name: str
) -> None:
    ready_inputs(services)
    fingerprint = an_exam(services)

    answer = ask(client, questions=fingerprint if name == "fingerprint" else name)

    assert answer.status_code == 202
    assert answer.json()["params"]["questions"] == fingerprint
    told = client.get(f"{RUNS}/{answer.json()['id']}").json()
    assert told["questions"] == {"id": "exam", "name": "Exam"}


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"questions": "nowhere"}, 404, "unknown_input"),
        ({"questions": "d" * 64}, 404, "unknown_input"),
        ({"questions": "python-docs"}, 422, "invalid_parameter"),
        ({}, 422, "invalid_parameter"),
        ({"tasks": ["/srv/task.yaml"]}, 422, "invalid_parameter"),
        ({"questions": "exam", "plan": "9:drop"}, 422, "invalid_plan"),
    ],
)
def test_what_is_refused(
    client: TestClient, services: Services, params: dict[str, Any], status: int, code: str
) -> None:
    ready_inputs(services)
    an_exam(services)

    answer = ask(client, **params)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_questions_of_an_open_run_stay_and_those_of_a_finished_one_are_counted(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services)
    an_exam(services)
    run = ask(client, questions="exam").json()

    kept = client.delete("/api/v1/datasets/exam")
    client.post(f"{RUNS}/{run['id']}/cancel")
    told = client.get("/api/v1/datasets/exam/dependents").json()
    gone = client.delete("/api/v1/datasets/exam?derived=delete")

    assert (kept.status_code, kept.json()["code"]) == (409, "conflict")
    assert [item["id"] for item in told["runs"]["items"]] == [run["id"]]
    assert gone.status_code == 204
    assert services.state.get_run(run["id"]) is None


def test_a_file_of_questions_is_read_asked_and_answered(
    client: TestClient,
    services: Services,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    works_here(settings, monkeypatch)
    for kind, name in (("model", "glass-en"), ("dataset", "python-docs")):
        client.post(f"/api/v1/{kind}s", json={"source": "builtin", "name": name})
        work(services, kind, name)
    rows = [
        {"question": d.prompt, "choices": list(d.choices or ()), "answer": "A", "topic": d.category}
        for d in EXAM
    ]
    path = Path(settings.model_roots[0]) / "exam.jsonl"
    path.write_bytes(b"\n".join(map(canonical_json, rows)))
    exam = client.post("/api/v1/datasets", json={"source": "path", "path": str(path)}).json()
    record = work(services, "dataset", exam["id"]).record or {}
    sampling = {"fit_tokens": 512, "select_tokens": 128, "context": 64, "plan": "1:linear"}
    run = ask(client, questions=exam["id"], few_shot=1, **sampling).json()

    run_attempt(run["id"], 1)

    row = services.state.get_run(run["id"])
    assert row is not None
    assert (row.status, row.error) == (RunStatus.FINISHED, None)
    result: Any = strict_loads(client.get(f"{RUNS}/{run['id']}/result").content)
    assert record["questions"] == len(result["items"]) == len(EXAM)
    assert result["tasks"][0]["categories"][0]["category"] == "c0"
    assert result["harness"]["name"] == "lm-evaluation-harness"
    table = client.get(f"{RUNS}/{run['id']}/result?format=csv").text
    assert table.splitlines()[0].startswith("table,task,category")
    figure = client.get(f"{RUNS}/{run['id']}/figures/task_differences").json()
    assert figure["data"]
