"""The page that asks for a token: two languages, no script, no way to another site."""

import re

import pytest
from fastapi import FastAPI

from tests.backend.locked import ME, OPERATORS_TOKEN, a_client, bearer, told

HTML = {"Accept": "text/html,application/xhtml+xml"}


def test_a_browser_without_a_session_is_led_to_the_sign_in_page(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).get("/jobs?lang=ja", headers=HTML)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fjobs%3Flang%3Dja&lang=ja"


@pytest.mark.parametrize(
    ("headers", "query", "word"),
    [
        ({}, "", "Sign in"),
        ({"Accept-Language": "ja,en;q=0.5"}, "", "サインイン"),
        ({"Accept-Language": "ja"}, "?lang=en", "Sign in"),
        ({"Accept-Language": "fr"}, "?lang=fr", "Sign in"),
    ],
)
def test_the_sign_in_page_speaks_two_languages_and_needs_no_script(
    locked_app: FastAPI, headers: dict[str, str], query: str, word: str
) -> None:
    answer = a_client(locked_app).get(f"/sign-in{query}", headers=headers)

    assert f"<h1>{word}</h1>" in answer.text
    assert '<form method="post"' in answer.text
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text


def test_a_form_of_thousands_of_fields_is_not_taken_apart(locked_app: FastAPI) -> None:
    fields = "&".join(f"f{n}=1" for n in range(20_000)) + f"&token={OPERATORS_TOKEN}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = a_client(locked_app).post("/sign-in", content=fields, headers=headers)

    assert answer.status_code == 401


def test_no_other_page_may_send_a_form(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).get("/", headers=bearer(OPERATORS_TOKEN))

    assert "form-action 'none'" in answer.headers["content-security-policy"]


def test_the_form_begins_a_session_and_leads_on(locked_app: FastAPI) -> None:
    client = a_client(locked_app)

    answer = client.post("/sign-in", data={"token": f" {OPERATORS_TOKEN}\n", "next": "/jobs?a=b"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?a=b")
    assert client.get(ME).json()["way"] == "session"


@pytest.mark.parametrize(
    "place",
    [
        "",
        "x",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\r\nSet-Cookie: a=b",
        '/"><script>',
        "/sign-in?next=/",
    ],
)
def test_the_form_leads_nowhere_else(locked_app: FastAPI, place: str) -> None:
    answer = a_client(locked_app).post("/sign-in", data={"token": OPERATORS_TOKEN, "next": place})

    assert answer.status_code == 303
    assert re.fullmatch(r'/(%22%3E%3Cscript%3E|">.*)?', answer.headers["location"])


@pytest.mark.parametrize("token", ["", "wrong", "é", "x" * 100_000, "\x00"])
def test_the_form_shows_itself_again_after_a_wrong_token(locked_app: FastAPI, token: str) -> None:
    answer = a_client(locked_app).post("/sign-in", data={"token": token, "next": '"><img src=x>'})

    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "<img src=x>" not in answer.text
    assert "set-cookie" not in answer.headers


def test_another_sites_page_signs_nobody_in(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).post(
        "/sign-in", data={"token": OPERATORS_TOKEN}, headers={"Origin": "https://evil.example"}
    )

    assert told(answer) == (403, "cross_site_refused")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x" * 1_000_000, "application/x-www-form-urlencoded", 413),
        (b"%ff%00&&&==", "application/x-www-form-urlencoded", 401),
    ],
)
def test_the_form_takes_forms_of_a_sensible_size(
    locked_app: FastAPI, body: bytes, kind: str, status: int
) -> None:
    answer = a_client(locked_app).post("/sign-in", content=body, headers={"Content-Type": kind})

    assert answer.status_code == status
