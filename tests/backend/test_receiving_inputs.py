"""Inputs that wait for their confirmation: whose they are, how long, and under which id."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.visitors import Role, Visitor
from linearity.adapters.clock import utc_before
from linearity.adapters.settings import Settings
from linearity.adapters.state_inputs import Intake
from linearity.adapters.tables import inputs
from linearity.contracts.runs import InputState
from tests.backend.test_uploads_api import acting_as

DAY = 86_400
ANNE, BERT = Visitor("anne", Role.ANALYST), Visitor("bert", Role.ANALYST)


@pytest.fixture
def text_file(settings: Settings) -> Path:
    path = settings.model_roots[0] / "lines.txt"
    path.write_text("One line about a mountain.\nAnother line about a lake.\n" * 20)
    return path


def age(services: Services, kind: str, days: float) -> None:
    with services.state._write() as connection:
        old = inputs.update().where(inputs.c.kind == kind)
        connection.execute(old.values(created=utc_before(days * DAY)))


@pytest.mark.parametrize(
    ("kind", "more"), [("datasets", {"preview": True}), ("logs", {})], ids=["dataset", "log"]
)
def test_two_people_look_at_the_same_file_and_each_has_their_own_row_to_confirm(
    app: FastAPI, text_file: Path, kind: str, more: dict[str, object]
) -> None:
    body = {"source": "path", "path": str(text_file), **more}
    made = []
    for visitor in (ANNE, BERT, ANNE):
        with acting_as(app, visitor) as client:
            made.append(client.post(f"/api/v1/{kind}", json=body).json())

    assert [row["owner"] for row in made] == ["anne", "bert", "anne"]
    assert made[0]["id"] == made[2]["id"] != made[1]["id"]


def test_what_somebody_only_looks_at_keeps_nobody_from_using_it(
    app: FastAPI, text_file: Path
) -> None:
    body = {"source": "path", "path": str(text_file)}
    with acting_as(app, ANNE) as client:
        look = client.post("/api/v1/datasets", json={**body, "preview": True}).json()
    with acting_as(app, BERT) as client:
        other = client.post("/api/v1/datasets", json=body).json()
        same = client.post("/api/v1/datasets", json=body).json()
    with acting_as(app, ANNE) as client:
        own = client.post("/api/v1/datasets", json=body).json()

    assert (look["state"], other["state"], own["state"]) == ("receiving", *["inspecting"] * 2)
    assert (own["id"], same["id"]) == (look["id"], other["id"])
    assert (look["owner"], other["owner"]) == (ANNE.name, BERT.name)


def test_only_its_owner_sees_rows_of_a_text_as_they_are(app: FastAPI, text_file: Path) -> None:
    with acting_as(app, ANNE) as client:
        body = {"source": "path", "path": str(text_file)}
        dataset = client.post("/api/v1/datasets", json={**body, "preview": True}).json()["id"]
        log = client.post("/api/v1/logs", json=body).json()["id"]
        own = client.post(f"/api/v1/datasets/{dataset}/preview", json={"options": {}})
    with acting_as(app, BERT) as client:
        others = [
            client.post(f"/api/v1/datasets/{dataset}/preview", json={"options": {}}),
            client.get(f"/api/v1/logs/{log}/preview"),
            client.post(f"/api/v1/logs/{log}/datasets", json={"name": "x"}),
        ]

    assert own.status_code == 200
    assert [answer.status_code for answer in others] == [403, 403, 403]
    assert not any("mountain" in answer.text for answer in others)


@pytest.mark.parametrize(("kind", "more"), [("dataset", {"preview": True}), ("log", {})])
def test_what_nobody_confirmed_is_forgotten_after_its_days(
    client: TestClient, services: Services, text_file: Path, kind: str, more: dict[str, object]
) -> None:
    body = {"source": "path", "path": str(text_file), **more}
    id = client.post(f"/api/v1/{kind}s", json=body).json()["id"]
    services.uploads.tidy()
    before = services.state.get_input(kind, id)
    age(services, kind, days=8)

    services.uploads.tidy()

    assert before is not None
    assert before.state is InputState.RECEIVING
    assert services.state.get_input(kind, id) is None


def test_a_file_that_was_refused_long_ago_may_be_looked_at_again(
    client: TestClient, services: Services, text_file: Path
) -> None:
    body = {"source": "path", "path": str(text_file), "preview": True}
    id = client.post("/api/v1/datasets", json=body).json()["id"]
    services.state.input_received("dataset", id)
    services.state.input_rejected("dataset", id, {"code": "rejected_input"})
    age(services, "dataset", days=30)

    again = client.post("/api/v1/datasets", json=body).json()
    services.uploads.tidy()

    row = services.state.get_input("dataset", again["id"])
    assert row is not None
    assert row.state is InputState.RECEIVING


def test_an_upload_called_like_the_id_of_another_model_does_not_become_that_model(
    client: TestClient, services: Services
) -> None:
    services.state.add_input(
        "model",
        id="owner--name",
        name="owner--name",
        source="upload",
        reference="owner--name",
        intake=Intake(owner="mallory"),
    )
    services.state.input_ready("model", "owner--name", {"fingerprint": "0" * 64})

    answer = client.post("/api/v1/models", json={"source": "hub", "name": "owner/name"})

    assert answer.status_code == 409, answer.text
    assert answer.json()["data"]["reason"] == "name_taken"
    row = services.state.get_input("model", "owner--name")
    assert row is not None
    assert (row.owner, row.source) == ("mallory", "upload")
