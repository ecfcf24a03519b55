import sqlite3

import pytest
from fastapi import FastAPI
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from backend import refusals
from backend.problems import PROBLEMS
from linearity.errors import DiskFullError, InputChangedError, LinearScopeError
from tests.backend.builders import ORIGIN

LOCKED = OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
FULL = OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

FAILURES: dict[str, tuple[Exception, int, str]] = {
    "redis gone": (RedisConnectionError("to /run/secret.sock"), 503, "queue_unavailable"),
    "redis pool empty": (MaxConnectionsError("no connection"), 503, "queue_unavailable"),
    "sqlite locked": (LOCKED, 503, "database_busy"),
    "sqlite full": (FULL, 507, "disk_full"),
    "disk full": (DiskFullError("the disk is full"), 507, "disk_full"),
    "input changed": (InputChangedError("weights differ"), 409, "input_changed"),
    "bug": (ZeroDivisionError("secret prompt"), 500, "error"),
}


def every_error(kind: type[LinearScopeError] = LinearScopeError) -> list[type[LinearScopeError]]:
    return [kind, *(error for below in kind.__subclasses__() for error in every_error(below))]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_class_has_its_status(error: type[LinearScopeError]) -> None:
    assert error.code in PROBLEMS


def test_the_web_process_own_refusals_are_part_of_the_tree() -> None:
    assert refusals.UnauthorisedError in every_error()


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_inside_becomes_a_problem_without_its_text(
    app: FastAPI, failure: tuple[Exception, int, str]
) -> None:
    error, status, code = failure

    @app.get("/fails")
    def fails() -> None:
        raise error

    client = TestClient(app, base_url=ORIGIN)  # raises what would have left the application

    answer = client.get("/fails")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
    assert client.get("/livez").status_code == 200


def test_a_wrong_method_says_which_ones_there_are(client: TestClient) -> None:
    answer = client.put("/livez")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
