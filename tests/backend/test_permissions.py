"""Every route, every role, every method: what nobody thought of is closed."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from backend.permissions import PERMISSIONS, needed_role
from backend.visitors import Role
from linearity.adapters.state import State
from tests.backend.builders import A_RUN, a_finished_run, a_row, ready_inputs
from tests.backend.locked import a_client, a_token, bearer, told

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
STREAMS = ("/api/v1/events",)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield every method and template of the application, and every unsafe one besides."""
    seen = set()
    for context in iter_route_contexts(app.routes):
        for method in {*(context.methods or ()), *UNSAFE}:
            seen.add((method, str(context.path)))
    yield from sorted(seen)


def example(template: str) -> str:
    return re.sub(r"\{[^}]+\}", "x", template)


@pytest.mark.parametrize("role", list(Role))
def test_each_route_answers_the_roles_that_the_table_names_and_no_other(
    locked_app: FastAPI, role: Role
) -> None:
    client, headers = a_client(locked_app), bearer(a_token(locked_app, role))
    doorkeeper, wrong = locked_app.state.services.doorkeeper, []
    for method, template in routes(locked_app):
        path = example(template)
        if path in STREAMS or path.startswith("/s/"):
            continue
        named = PERMISSIONS.get(template, {})
        usual = Role.ADMIN if method in UNSAFE else Role.VIEWER
        wanted = named.get(method) or (method == "HEAD" and named.get("GET")) or usual
        answer = client.request(method, path, headers=headers)
        says_so = method == "HEAD" or '"code":"forbidden"' in answer.text
        refused = answer.status_code == 403 and says_so
        # An open address asks nobody who they are, so everybody is a guest there.
        known = Role.VIEWER if doorkeeper.is_open(path) else role
        if refused is known.includes(wanted):
            wrong.append((method, template, answer.status_code))

    assert wrong == []


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("path", ["/", "/api/v1/nothing", "/api/v1/runs/x/y/z", "/api/v1/runs/"])
def test_an_address_that_nobody_thought_of_needs_an_administrator(method: str, path: str) -> None:
    assert needed_role(method, path) is Role.ADMIN


def test_every_route_that_changes_something_was_thought_of(app: FastAPI) -> None:
    declared = {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if method in UNSAFE
    }

    assert [one for one in declared if one[0] not in PERMISSIONS.get(one[1], {})] == []


def test_every_template_of_the_table_is_an_address_of_the_application(app: FastAPI) -> None:
    known = set(routes(app))

    missing = [
        (method, template)
        for template, roles in PERMISSIONS.items()
        for method in roles
        if (method, template) not in known
    ]

    assert missing == []


def test_the_tokens_are_for_administrators_even_to_read(locked_app: FastAPI) -> None:
    for role, status in ((Role.VIEWER, 403), (Role.ANALYST, 403), (Role.ADMIN, 200)):
        answer = a_client(locked_app).get(
            "/api/v1/tokens", headers=bearer(a_token(locked_app, role))
        )
        assert answer.status_code == status


def test_a_refusal_names_the_role_that_is_needed(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).post(
        "/api/v1/runs", json=A_RUN, headers=bearer(a_token(locked_app))
    )

    assert told(answer) == (403, "forbidden")
    assert answer.json()["data"] == {"needed": "analyst", "role": "viewer"}


@pytest.mark.parametrize(
    ("name", "role", "status"),
    [("ann", "analyst", 204), ("bob", "analyst", 403), ("eve", "admin", 204)],
)
def test_a_run_is_deleted_by_who_asked_first_or_by_an_administrator(
    locked_app: FastAPI, name: str, role: str, status: int
) -> None:
    services = locked_app.state.services
    run = a_finished_run(services, owner="ann")

    answer = a_client(locked_app).delete(
        f"/api/v1/runs/{run.id}", headers=bearer(a_token(locked_app, role, name))
    )

    assert answer.status_code == status


@pytest.mark.parametrize("kind", ["models", "datasets"])
@pytest.mark.parametrize(
    ("name", "role", "status"),
    [("ann", "analyst", 204), ("bob", "analyst", 403), ("eve", "admin", 204)],
)
def test_an_input_is_deleted_by_its_owner_or_by_an_administrator(
    locked_app: FastAPI, kind: str, name: str, role: str, status: int
) -> None:
    row = a_row(locked_app.state.services, kind.removesuffix("s"), owner="ann")

    answer = a_client(locked_app).delete(
        f"/api/v1/{kind}/{row.id}", headers=bearer(a_token(locked_app, role, name))
    )

    assert answer.status_code == status


def test_who_submits_first_owns_the_run(locked_app: FastAPI) -> None:
    ready_inputs(locked_app.state.services)
    state: State = locked_app.state.services.state
    ids = {
        a_client(locked_app)
        .post("/api/v1/runs", json=A_RUN, headers=bearer(a_token(locked_app, "analyst", name)))
        .json()["id"]
        for name in ("ann", "bob")
    }

    (id,) = ids
    row = state.get_run(id)
    assert row is not None
    assert row.owner == "ann"


@pytest.mark.parametrize("kind", ["datasets", "logs"])
def test_how_an_input_is_read_is_for_its_owner_to_say(locked_app: FastAPI, kind: str) -> None:
    row = a_row(locked_app.state.services, kind.removesuffix("s"), owner="ann", receiving=True)

    answer = a_client(locked_app).post(
        f"/api/v1/{kind}/{row.id}/confirm",
        json={"options": {}},
        headers=bearer(a_token(locked_app, "analyst", "bob")),
    )

    assert told(answer) == (403, "forbidden")
    assert "ann" in answer.json()["next_step"]
