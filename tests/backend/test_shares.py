"""Making, listing and ending share links."""

import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.main import create_app
from backend.refusals import RunNotFoundError, ShareNotFoundError
from backend.shares import Shares
from backend.visitors import LOCAL, Role, Visitor
from linearity.adapters.clock import later, utc_now
from linearity.adapters.settings import Settings
from linearity.contracts.canonical import sha256_hex
from tests.backend.builders import ORIGIN, a_finished_run, a_running_run
from tests.backend.sharing import SHARES, make_link


def test_a_link_is_told_once_and_only_its_hash_is_kept(
    client: TestClient, services: Services, settings: Settings
) -> None:
    run = a_finished_run(services)

    link = make_link(client, run.id, note=" for Tanaka ", lang="ja", view={"score": "update"})

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", link.token)
    assert link.told["url"] == f"{ORIGIN}/s/{link.token}?lang=ja"
    assert link.told["note"] == "for Tanaka"
    assert later(link.told["created"], days=14) == link.told["expires"]
    assert client.get(SHARES, params={"run": run.id}).json()["items"] == [
        {key: value for key, value in link.told.items() if key != "url"}
    ]
    files = [path for path in settings.data.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if link.token.encode() in path.read_bytes()] == []
    row = services.state.find_share(sha256_hex(link.token.encode()))
    assert row is not None
    assert row.id == link.id


@pytest.mark.parametrize("mode", ["live", "frozen"])
def test_no_link_is_made_to_a_run_that_is_deleted_just_now(services: Services, mode: str) -> None:
    run = a_finished_run(services)

    def now() -> str:
        if services.state.get_run(run.id):
            services.state.delete_run(run.id)
        return utc_now()

    with pytest.raises(RunNotFoundError):
        Shares(services.state, services.views, now).create({"run": run.id, "mode": mode}, LOCAL)

    assert services.state.list_shares() == []


def test_links_of_a_public_server_carry_its_name(settings: Settings) -> None:
    token = "correct horse battery staple"
    public = replace(settings, public_url="https://linearscope.example", token=token)
    app = create_app(public)
    client = TestClient(app, base_url="https://linearscope.example")
    client.headers["Authorization"] = f"Bearer {token}"
    run = a_finished_run(app.state.services)

    link = client.post(SHARES, json={"run": run.id}).json()

    assert link["url"].startswith("https://linearscope.example/s/")
    assert client.get(SHARES).json()["local"] is False


def test_a_server_that_only_this_machine_reaches_says_so(client: TestClient) -> None:
    assert client.get(SHARES).json()["local"] is True


DAYS_THAT_ARE_NONE: list[Any] = [0, -1, 91, 1.5, "never", "NaN", "14", True, [], 10**30]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"days": days} for days in DAYS_THAT_ARE_NONE),
        {"mode": "editable"},
        {"lang": "fr"},
        {"note": "x" * 501},
        {"note": 7},
        {"include_texts": "yes"},
        {"view": {"Sel": "1-2"}},
        {"view": {"sel": 1}},
        {"view": {"sel": "x" * 201}},
        {"view": {"sel": "a\nb"}},
        {"view": {f"k{'_' * n}": "v" for n in range(31)} | {f"a{'_' * n}": "v" for n in range(31)}},
        {"view": ["sel"]},
        {"expires": "2020-01-01"},
        {"token": "x" * 43},
        {"run": None},
    ],
    ids=str,
)
def test_what_means_nothing_is_refused(
    client: TestClient, services: Services, wrong: dict[str, Any]
) -> None:
    answer = client.post(SHARES, json={"run": a_finished_run(services).id, **wrong})

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert client.get(SHARES).json()["items"] == []


def test_a_bare_nan_is_no_json(client: TestClient) -> None:
    answer = client.post(
        SHARES,
        content=b'{"run": "x", "days": NaN}',
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 400


def test_an_unknown_run_cannot_be_shared(client: TestClient) -> None:
    assert client.post(SHARES, json={"run": "0" * 32}).json()["code"] == "run_not_found"
    assert client.get(SHARES, params={"run": "0" * 32}).status_code == 404


def test_only_a_result_can_be_frozen(client: TestClient, services: Services) -> None:
    run = a_running_run(services)

    frozen = client.post(SHARES, json={"run": run.id, "mode": "frozen"})

    assert frozen.json()["code"] == "run_not_finished"
    assert make_link(client, run.id).told["mode"] == "live"


def test_a_link_is_ended_by_its_id_and_stays_in_the_list(
    client: TestClient, services: Services
) -> None:
    link = make_link(client, a_finished_run(services).id)

    assert client.delete(f"{SHARES}/{link.id}").status_code == 204
    (listed,) = client.get(SHARES).json()["items"]
    assert client.delete(f"{SHARES}/{link.id}").status_code == 204

    assert listed["state"] == "revoked"
    assert client.get(SHARES).json()["items"] == [listed]
    assert client.delete(f"{SHARES}/nobody").json()["code"] == "share_not_found"


def test_people_end_their_own_links_and_admins_all(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)
    aya, ben = (Visitor(name, Role.ANALYST) for name in ("aya", "ben"))
    share, _ = services.shares.create({"run": run.id}, aya)

    assert services.shares.list(ben, run.id) == []
    assert services.shares.list(aya, None) == services.shares.list(LOCAL, None) == [share]
    with pytest.raises(ShareNotFoundError):
        services.shares.revoke(share.id, ben)
    services.shares.revoke(share.id, LOCAL)

    assert [row.revoked is not None for row in services.shares.list(aya, None)] == [True]


def test_a_link_makes_no_admin_of_a_locked_server(locked_app: FastAPI) -> None:
    services: Services = locked_app.state.services
    run = a_finished_run(services)
    _, token = services.shares.create({"run": run.id}, LOCAL)
    client = TestClient(locked_app, base_url=ORIGIN)
    bearer = {"Authorization": f"Bearer {token}"}

    assert client.get(f"/s/{token}").status_code == 200
    assert client.get(f"/s/{token}/data/runs/{run.id}/result").status_code == 200
    assert client.get("/api/v1/runs", headers=bearer).status_code == 401
    assert client.get(SHARES, headers=bearer).status_code == 401
    assert client.get(f"/?token={token}").status_code == 401
