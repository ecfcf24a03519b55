"""Guessing is slow: an address that offers wrong tokens has to wait."""

import pytest
from fastapi import FastAPI

from backend.refusals import TooManyWrongTokensError
from backend.wrong_tokens import MOST_A_MINUTE, WINDOW_SECONDS, WrongTokens
from tests.backend.locked import OPERATORS_TOKEN, RUNS, a_client, a_token, bearer, told


def test_after_twenty_wrong_tokens_a_minute_the_address_has_to_wait(locked_app: FastAPI) -> None:
    client = a_client(locked_app)
    client.get("/", params={"token": OPERATORS_TOKEN})
    signed_in = dict(client.cookies)
    client.cookies.clear()

    answers = [client.get(RUNS, headers=bearer(f"guess {n}")) for n in range(MOST_A_MINUTE + 5)]
    right = client.get(RUNS, headers=bearer(OPERATORS_TOKEN))
    form = client.post("/sign-in", data={"token": OPERATORS_TOKEN})
    elsewhere = a_client(locked_app, "203.0.113.10").get(RUNS, headers=bearer(OPERATORS_TOKEN))
    client.cookies.update(signed_in)

    assert [a.status_code for a in answers] == [401] * MOST_A_MINUTE + [429] * 5
    assert told(right) == (429, "too_many_wrong_tokens")
    assert 0 < int(right.headers["retry-after"]) <= WINDOW_SECONDS
    assert form.status_code == 429
    assert elsewhere.status_code == 200
    assert client.get(RUNS).status_code == 200, "a colleague's session goes on"


def test_a_token_that_nobody_can_guess_opens_beside_a_guesser(locked_app: FastAPI) -> None:
    client, made = a_client(locked_app), a_token(locked_app)
    for n in range(MOST_A_MINUTE):
        client.get(RUNS, headers=bearer(f"guess {n}"))

    held = client.get(RUNS, headers=bearer("one more"))
    colleague = client.get(RUNS, headers=bearer(made))
    form = client.post("/sign-in", data={"token": made})

    assert (held.status_code, colleague.status_code, form.status_code) == (429, 200, 303)


def test_the_wait_is_over_after_a_minute() -> None:
    moment = [0.0]
    wrong = WrongTokens(now=lambda: moment[0])
    for _ in range(MOST_A_MINUTE):
        wrong.check("192.0.2.1")
        wrong.count("192.0.2.1")
    with pytest.raises(TooManyWrongTokensError):
        wrong.check("192.0.2.1")

    moment[0] = WINDOW_SECONDS

    wrong.check("192.0.2.1")
