"""Who may come in: tokens and the sessions begun with them."""

import re
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.main import create_app
from linearity.adapters.clock import utc_before
from linearity.adapters.proxy_settings import ProxyTrust
from linearity.adapters.settings import Settings
from linearity.adapters.state import State
from linearity.adapters.tables import access_tokens, sessions
from tests.backend.builders import ORIGIN
from tests.backend.locked import ME, OPERATORS_TOKEN, RUNS, TOKENS, a_client, a_token, bearer, told

PROXY = ProxyTrust("x-forwarded-user", (), "the proxy and we know this")


@pytest.mark.parametrize(
    ("change", "local"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "127.1.2.3"}, True),
        ({"host": "localhost"}, True),
        ({"public_url": "http://localhost:8000"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "::"}, False),
        ({"host": ""}, False),
        ({"host": "192.168.0.7"}, False),
        ({"host": "example.org"}, False),
        ({"public_url": "https://linearscope.example"}, False),
        ({"token": OPERATORS_TOKEN}, False),
        ({"proxy": PROXY}, False),
    ],
)
def test_only_what_nobody_else_can_reach_asks_for_no_login(
    settings: Settings, change: dict[str, object], local: bool
) -> None:
    assert replace(settings, **change).is_local is local  # type: ignore[arg-type]  # a table


def test_on_the_loopback_everybody_is_the_local_administrator(client: TestClient) -> None:
    assert client.get(ME).json() == {"name": "local", "role": "admin", "way": "local"}


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic abc",
        f"Bearer {OPERATORS_TOKEN}x",
        "Bearer é",
        "Bearer \x00",
        f"Bearer {'x' * 60_000}",
    ],
)
@pytest.mark.parametrize("path", ["/", RUNS, "/docs", "/openapi.json", "/s", "/assets"])
def test_a_locked_server_refuses_who_has_no_token(
    locked_app: FastAPI, path: str, credential: str
) -> None:
    headers = [(b"Authorization", credential.encode("latin-1"))] if credential else []

    answer = a_client(locked_app).get(path, headers=headers)

    assert told(answer) == (401, "unauthorised")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "horse" not in answer.text


def test_a_token_of_a_megabyte_is_refused_before_it_is_read(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).get(RUNS, headers=bearer("x" * 1_000_000))

    assert told(answer) == (431, "headers_too_large")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/sign-in"])
def test_health_and_the_sign_in_page_need_no_token(locked_app: FastAPI, path: str) -> None:
    assert a_client(locked_app).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/s/abc", "/assets/nothing.js"])
def test_share_links_and_files_of_the_page_need_no_token(locked_app: FastAPI, path: str) -> None:
    assert a_client(locked_app).get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_share_link_manages_nothing(locked_app: FastAPI, method: str) -> None:
    assert a_client(locked_app).request(method, "/s/abc").status_code in (403, 405)


def test_the_operators_token_opens_as_bearer(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).get(ME, headers=bearer(OPERATORS_TOKEN))

    assert answer.json() == {"name": "operator", "role": "admin", "way": "token"}


@pytest.mark.parametrize("role", ["viewer", "analyst", "admin"])
def test_a_token_opens_with_its_role_until_it_is_revoked(locked_app: FastAPI, role: str) -> None:
    client = a_client(locked_app)
    made = client.post(
        TOKENS, json={"name": "ann", "role": role}, headers=bearer(OPERATORS_TOKEN)
    ).json()

    before = client.get(ME, headers=bearer(made["token"])).json()
    client.delete(f"{TOKENS}/{made['id']}", headers=bearer(OPERATORS_TOKEN))
    after = client.get(ME, headers=bearer(made["token"]))

    assert before == {"name": "ann", "role": role, "way": "token"}
    assert told(after) == (401, "unauthorised")


def test_an_expired_token_opens_nothing(locked_app: FastAPI) -> None:
    state: State = locked_app.state.services.state
    _, token = state.add_token("ann", "viewer", seconds=3600)
    with state._write() as connection:
        connection.execute(access_tokens.update().values(expires=utc_before(1)))

    answer = a_client(locked_app).get(ME, headers=bearer(token))

    assert told(answer) == (401, "unauthorised")
    assert state.list_tokens()[0].is_open is False


def test_the_database_holds_neither_a_token_nor_what_a_cookie_holds(locked_app: FastAPI) -> None:
    state: State = locked_app.state.services.state
    token = a_token(locked_app)
    client = a_client(locked_app)
    client.get("/", params={"token": token})
    (secret,) = client.cookies.values()

    with state._read() as connection:
        rows = [*connection.execute(access_tokens.select()), *connection.execute(sessions.select())]
    assert rows
    assert token not in str(rows)
    assert secret not in str(rows)


def test_the_last_use_of_a_token_is_written_down_once_a_minute(locked_app: FastAPI) -> None:
    state: State = locked_app.state.services.state
    token = a_token(locked_app)
    client = a_client(locked_app)

    unused = state.list_tokens()[0].last_used
    client.get(ME, headers=bearer(token))
    first = state.list_tokens()[0].last_used
    client.get(ME, headers=bearer(token))

    assert unused is None
    assert first is not None
    assert state.list_tokens()[0].last_used == first


def test_a_page_link_with_the_token_becomes_a_cookie(locked_app: FastAPI) -> None:
    client = a_client(locked_app)

    answer = client.get("/jobs", params={"lang": "ja", "token": OPERATORS_TOKEN})

    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?lang=ja")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "horse" not in cookie
    assert client.get(RUNS).status_code == 200


def test_the_cookie_is_for_tls_only_when_the_public_address_is(settings: Settings) -> None:
    app = create_app(replace(settings, token=OPERATORS_TOKEN, public_url="https://scope.example"))
    client = TestClient(app, base_url="https://scope.example", follow_redirects=False)

    cookie = client.get("/", params={"token": OPERATORS_TOKEN}).headers["set-cookie"]

    assert "Secure" in cookie
    app.state.services.live.close()
    app.state.services.state.close()


def test_each_sign_in_begins_a_session_of_its_own(locked_app: FastAPI) -> None:
    one, two = a_client(locked_app), a_client(locked_app)
    for client in (one, two):
        client.get("/", params={"token": OPERATORS_TOKEN})

    ended = one.post("/api/v1/session/end")

    assert set(one.cookies.values()) != set(two.cookies.values())
    assert ended.status_code == 204
    assert one.get(RUNS).status_code == 401
    assert two.get(RUNS).status_code == 200


def test_a_session_that_was_ended_does_not_come_back_with_its_cookie(locked_app: FastAPI) -> None:
    client = a_client(locked_app)
    client.get("/", params={"token": OPERATORS_TOKEN})
    (name, secret), *_ = client.cookies.items()
    client.post("/api/v1/session/end")

    assert client.get(RUNS, headers={"Cookie": f"{name}={secret}"}).status_code == 401


def test_revoking_a_token_ends_its_sessions(locked_app: FastAPI) -> None:
    client = a_client(locked_app)
    client.get("/", params={"token": a_token(locked_app)})
    state: State = locked_app.state.services.state

    before = client.get(ME).json()
    state.revoke_token(state.list_tokens()[0].id)

    assert before == {"name": "ann", "role": "viewer", "way": "session"}
    assert client.get(ME).status_code == 401


def test_another_token_of_the_operator_ends_the_sessions_of_the_old_one(
    settings: Settings,
) -> None:
    cookies = None
    for token, wanted in ((OPERATORS_TOKEN, 200), ("quite another staple", 401)):
        app = create_app(replace(settings, token=token))
        client = a_client(app)
        if cookies is None:
            client.get("/", params={"token": token})
            cookies = dict(client.cookies)
        client.cookies.update(cookies)
        assert client.get(RUNS).status_code == wanted
        app.state.services.live.close()
        app.state.services.state.close()


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%2F/evil.example"])
def test_the_sign_in_link_leads_nowhere_else(locked_app: FastAPI, path: str) -> None:
    answer = a_client(locked_app).get(f"{ORIGIN}{path}?token={OPERATORS_TOKEN.replace(' ', '+')}")

    assert answer.status_code == 303
    assert re.match(r"/[^/\\]", answer.headers["location"])


def test_the_token_in_an_address_opens_no_api(locked_app: FastAPI) -> None:
    assert a_client(locked_app).get(RUNS, params={"token": OPERATORS_TOKEN}).status_code == 401
