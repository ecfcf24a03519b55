"""The first token, and tokens over HTTP."""

import threading
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.tokens import welcome
from linearity.adapters.settings import Settings
from linearity.adapters.state import State
from tests.backend.locked import OPERATORS_TOKEN, TOKENS, a_client, bearer, told


def said(settings: Settings) -> str:
    state, lines = State(settings.database_url), list[str]()
    welcome(settings, state, lines.append)
    state.close()
    return "\n".join(lines)


def test_the_first_start_beyond_the_loopback_shows_a_token_once(settings: Settings) -> None:
    open_to_all = replace(settings, host="0.0.0.0", port=8123)

    first, second = said(open_to_all), said(open_to_all)

    address, token = first.splitlines()[1].strip().split("?token=")
    assert address == "http://127.0.0.1:8123/"
    assert len(token) >= 43
    assert "linearscope tokens add" in second
    assert token not in second


@pytest.mark.parametrize("change", [{}, {"host": "::1"}])
def test_nobody_is_told_about_tokens_on_the_loopback(
    settings: Settings, change: dict[str, str]
) -> None:
    assert said(replace(settings, **change)) == ""  # type: ignore[arg-type]  # a table


def test_no_token_is_made_beside_the_operators_own(settings: Settings) -> None:
    words = said(replace(settings, host="0.0.0.0", token=OPERATORS_TOKEN))

    assert "LINEARSCOPE_TOKEN" in words
    assert OPERATORS_TOKEN not in words
    assert State(settings.database_url).list_tokens() == []


def test_no_second_first_token_is_made_after_the_first_was_revoked(settings: Settings) -> None:
    open_to_all = replace(settings, host="0.0.0.0")
    said(open_to_all)
    state = State(settings.database_url)
    state.revoke_token(state.list_tokens()[0].id)

    assert "?token=" not in said(open_to_all)


def test_processes_that_start_at_once_make_one_token(settings: Settings) -> None:
    states = [State(settings.database_url) for _ in range(8)]
    start, made = threading.Barrier(len(states)), list[str | None]()

    def begin(state: State) -> None:
        start.wait()
        made.append(state.add_first_token("admin", "admin"))

    threads = [threading.Thread(target=begin, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([token for token in made if token]) == 1
    assert len(states[0].list_tokens()) == 1


def admin(app: FastAPI) -> TestClient:
    client = a_client(app)
    client.headers.update(bearer(OPERATORS_TOKEN))
    return client


def test_a_new_token_appears_in_one_answer_only(locked_app: FastAPI) -> None:
    client = admin(locked_app)

    made = client.post(TOKENS, json={"name": "ann", "role": "viewer", "days": 7})
    listed = client.get(TOKENS)

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.json()["token"] not in listed.text
    (item,) = listed.json()["items"]
    assert item == {name: value for name, value in made.json().items() if name != "token"}
    assert item["state"] == "open"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "ann"},
        {"name": "", "role": "viewer"},
        {"name": "a b", "role": "viewer"},
        {"name": "local", "role": "viewer"},
        {"name": "é", "role": "viewer"},
        {"name": "x" * 65, "role": "viewer"},
        {"name": "ann", "role": "god"},
        {"name": "ann", "role": "viewer", "days": 0},
        {"name": "ann", "role": "viewer", "days": True},
        {"name": "ann", "role": "viewer", "days": 1.5},
        {"name": "ann", "role": "viewer", "days": 10**9},
        {"name": "ann", "role": "viewer", "token": "mine"},
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    locked_app: FastAPI, body: dict[str, object]
) -> None:
    assert admin(locked_app).post(TOKENS, json=body).status_code == 422


def test_an_unknown_token_cannot_be_revoked(locked_app: FastAPI) -> None:
    assert told(admin(locked_app).delete(f"{TOKENS}/nothing")) == (404, "unknown_token")
