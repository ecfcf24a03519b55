"""What exports keep counts like what was uploaded, and is refused before anything is queued."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.main import create_app
from linearity.adapters.settings import Settings
from tests.backend.builders import ORIGIN, ready_inputs
from tests.backend.exporting import an_export
from tests.backend.test_declaring import MODEL, declare

BODY: dict[str, Any] = {"kind": "export", "model": "glass-en", "dataset": "python-docs"}
WEIGHTS = 4 * 300_000  # of the builders' model, in float32


def export(client: TestClient, plan: str) -> Any:
    return client.post("/api/v1/runs", json=BODY | {"params": {"plan": plan}})


@pytest.mark.parametrize("limit", ["upload_limit", "upload_user_limit"])
def test_an_export_beyond_the_quota_is_refused_and_one_below_is_not(
    settings: Settings, limit: str
) -> None:
    app = create_app(replace(settings, **{limit: 2 * WEIGHTS + 10}))  # type: ignore[arg-type]  # a number
    with TestClient(app, base_url=ORIGIN) as client:
        ready_inputs(app.state.services)

        assert export(client, "1:drop").status_code == 202
        assert export(client, "1:drop").status_code == 202  # joined: it has its room
        assert export(client, "2:drop").status_code == 202
        refused = export(client, "0:drop")

        assert (refused.status_code, refused.json()["code"]) == (507, "quota_exceeded")
        assert refused.json()["limit"] == 2 * WEIGHTS + 10


def test_files_of_a_finished_export_leave_less_room_for_uploads(settings: Settings) -> None:
    app = create_app(replace(settings, upload_user_limit=5000))
    with TestClient(app, base_url=ORIGIN) as client:
        run = an_export(app.state.services, {"model.safetensors": bytes(2000)})
        status, told = declare(client, MODEL)

        assert (status, told["code"], told["data"]["used"]) == (507, "quota_exceeded", 2000)
        assert client.delete(f"/api/v1/runs/{run.id}").status_code == 204
        assert declare(client, MODEL)[0] == 201


def test_of_another_owner_only_the_limit_of_all_counts(settings: Settings) -> None:
    app = create_app(replace(settings, upload_user_limit=5000))
    with TestClient(app, base_url=ORIGIN) as client:
        an_export(app.state.services, {"model.safetensors": bytes(4000)}, owner="ann")

        assert declare(client, MODEL)[0] == 201


def test_a_kind_that_keeps_nothing_is_never_refused(settings: Settings) -> None:
    app = create_app(replace(settings, upload_limit=1))
    with TestClient(app, base_url=ORIGIN) as client:
        ready_inputs(app.state.services)

        body = BODY | {"kind": "plan", "params": {"plan": "1:drop"}}
        assert client.post("/api/v1/runs", json=body).status_code == 202
