"""A locked installation from outside: clients at some address, with and without a token."""

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from linearity.adapters.state import State
from tests.backend.builders import ORIGIN

OPERATORS_TOKEN = "correct horse battery staple"
RUNS, ME, TOKENS = "/api/v1/runs", "/api/v1/me", "/api/v1/tokens"


def a_client(app: FastAPI, address: str = "203.0.113.9") -> TestClient:
    """Return a browser or program at an address."""
    return TestClient(app, base_url=ORIGIN, follow_redirects=False, client=(address, 4711))


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def a_token(app: FastAPI, role: str = "viewer", name: str = "ann") -> str:
    """Return a new token of a role."""
    state: State = app.state.services.state
    return state.add_token(name, role)[1]


def told(answer: Response) -> tuple[int, str]:
    """Return the status and the code of a problem."""
    return answer.status_code, answer.json()["code"]
