"""Who may let a model's chat template be rendered, what then changes, and what is refused."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.adapters.state import InputRow
from linearity.contracts.runs import InputState
from tests.backend.builders import a_dataset, a_model
from tests.backend.locked import a_client, a_token, bearer, told
from tests.backend.serving import serving
from tests.backend.test_cli import run_cli

PATH = "/api/v1/models/mine/template"
RUN = {"kind": "linearity", "model": "mine", "dataset": "python-docs"}


def a_registered_model(services: Services, source: str = "upload", **changes: Any) -> InputRow:
    """Register and accept a model; by default an upload that has a template."""
    state, record = services.state, a_model(**{"has_template": True, **changes})
    state.add_input("model", id="mine", name="Mine", source=source, reference="upload:mine")
    named = record.as_json() | {"id": "mine", "name": "Mine", "source": source}
    assert state.input_ready("model", "mine", named)
    row = state.get_input("model", "mine")
    assert row is not None
    return row


def a_text(services: Services) -> None:
    """Register and accept `python-docs`."""
    record = a_dataset()
    services.state.add_input(
        "dataset", id=record.id, name=record.name, source=record.source, reference=record.reference
    )
    services.state.input_ready("dataset", record.id, dict(record.as_json()))


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("analyst", 403), ("admin", 200)])
def test_only_an_administrator_allows_or_forbids_a_template(
    locked_app: FastAPI, role: str, status: int
) -> None:
    services = locked_app.state.services
    a_registered_model(services)
    headers = bearer(a_token(locked_app, role))
    for allow in (True, False):
        answer = a_client(locked_app).post(PATH, json={"allow": allow}, headers=headers)
        row = services.state.get_input("model", "mine")

        assert answer.status_code == status
        assert row.record["template_allowed"] is (allow and role == "admin")
        if role != "admin":
            assert told(answer) == (403, "forbidden")
            assert answer.json()["data"]["needed"] == "admin"


def test_results_with_and_without_the_template_are_two_questions(
    services: Services, client: TestClient
) -> None:
    a_registered_model(services)
    a_text(services)
    runs = []
    for allow in (False, True, False):
        view = client.post(PATH, json={"allow": allow}).json()
        assert view["record"]["template_allowed"] is allow
        assert view["record"]["has_template"]
        runs.append(client.post("/api/v1/runs", json=RUN).json())

    assert [run["params"]["template"] for run in runs] == ["none", "auto", "none"]
    assert runs[0]["id"] == runs[2]["id"] != runs[1]["id"]


def test_everything_else_about_the_model_stays_as_it_was(
    services: Services, client: TestClient
) -> None:
    before = a_registered_model(services)
    assert before.record is not None

    client.post(PATH, json={"allow": True})
    after = services.state.get_input("model", "mine")

    assert after is not None
    assert (after.state, after.attempt) == (InputState.READY, before.attempt)
    assert after.record == before.record | {"template_allowed": True}


@pytest.mark.parametrize("body", [{}, {"allow": "yes"}, {"allow": 1}, {"allow": None}, [True]])
def test_anything_but_true_or_false_is_refused(
    services: Services, client: TestClient, body: object
) -> None:
    a_registered_model(services)

    answer = client.post(PATH, json=body)

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next_step"]


def test_a_field_that_nobody_knows_is_refused(services: Services, client: TestClient) -> None:
    a_registered_model(services)

    assert told(client.post(PATH, json={"allow": True, "who": "me"})) == (422, "unknown_parameter")


@pytest.mark.parametrize("source", ["builtin", "hub"])
def test_what_is_rendered_unasked_cannot_be_forbidden_here(
    services: Services, client: TestClient, source: str
) -> None:
    a_registered_model(services, source)
    answer = client.post(PATH, json={"allow": False})

    assert told(answer) == (409, "conflict")
    assert "template=none" in answer.json()["next_step"]


def test_a_model_without_a_template_says_so(services: Services, client: TestClient) -> None:
    a_registered_model(services, has_template=False)
    answer = client.post(PATH, json={"allow": True})

    assert told(answer) == (409, "conflict")
    assert "has no chat template" in answer.json()["detail"]


def test_a_model_that_is_still_inspected_is_not_ready(
    services: Services, client: TestClient
) -> None:
    services.state.add_input(
        "model", id="mine", name="Mine", source="upload", reference="upload:mine"
    )

    assert told(client.post(PATH, json={"allow": True})) == (409, "not_ready")
    assert services.state.allow_template("mine", allowed=True) is None


def test_a_model_that_is_not_here_is_unknown(client: TestClient) -> None:
    assert told(client.post(PATH, json={"allow": True})) == (404, "unknown_input")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"template": "chat"}, "invalid_parameter"),
        ({"template": 1}, "invalid_parameter"),
        ({"score": "some"}, "invalid_parameter"),
        ({"score": ["answer"]}, "invalid_parameter"),
        ({"scored": "answer"}, "unknown_parameter"),
    ],
)
def test_other_words_for_template_and_score_are_refused(
    services: Services, client: TestClient, params: dict[str, object], code: str
) -> None:
    a_registered_model(services)
    a_text(services)

    assert told(client.post("/api/v1/runs", json=RUN | {"params": params})) == (422, code)


@pytest.mark.system
def test_the_command_line_allows_and_denies(
    tmp_path: Path, app: FastAPI, services: Services
) -> None:
    a_registered_model(services)

    def said(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_cli(tmp_path, "models", "template", *arguments, "--server", address)

    with serving(app) as address:
        allowed = said("Mine", "--allow")
        row = services.state.get_input("model", "mine")
        denied = said("mine", "--deny")
        nothing, unknown = said("mine"), said("nobody", "--allow")

    assert row is not None
    assert row.record is not None
    assert row.record["template_allowed"]
    assert allowed.stdout == "the chat template of Mine may be rendered\n"
    assert denied.stdout == "the chat template of Mine is not rendered\n"
    assert (nothing.returncode, unknown.returncode) == (2, 2)
    assert "there is no model" in unknown.stderr
