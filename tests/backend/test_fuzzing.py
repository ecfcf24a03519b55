"""Whatever the OpenAPI document allows, or just not, is answered: no 5xx, problems with a code.

Schemathesis makes requests of every operation, valid ones and broken ones, always the same; half
of them name inputs and runs that exist, so that they reach beyond the first look-up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, strategies
from schemathesis import Case, GenerationMode

from backend.main import RESOURCES, create_app
from backend.problems import MEDIA_TYPE, PROBLEMS
from linearity.adapters.settings import Settings, sqlite_url
from tests.backend.builders import a_finished_run
from tests.backend.conftest import Valkey
from tests.backend.serving import serving

EXAMPLES = 40
WAIT_SECONDS = 10.0
UNTOUCHED = 1_000_000
"""Requests a minute that nothing here reaches: the pace has tests of its own."""
HIDDEN = "Traceback"
REFUSED_BY_PARSER = "Invalid HTTP request received."
"""What uvicorn itself answers to bytes that are no HTTP; nothing of ours has seen them."""
HONEST = {"hub_unreachable"}
"""Refusals of what needs the hub, which is out of reach here: 503, as anywhere without it."""


@schemathesis.serializer("application/zip")
def _as_bytes(_context: object, value: Any) -> bytes:
    """Return the body of an upload as it is sent."""
    return bytes(getattr(value, "data", value) if not isinstance(value, str) else value.encode())


def _document() -> dict[str, Any]:
    app = FastAPI(title="LinearScope", version="0")
    for resource in RESOURCES:
        app.include_router(resource.router)
    document: dict[str, Any] = app.openapi()
    return document


SCHEMA = schemathesis.openapi.from_dict(_document())
FOUND: list[Any] = [found.ok() for found in SCHEMA.get_all_operations()]  # type: ignore[union-attr]
# What deletes comes last, so that the others find something.
OPERATIONS = {found.label: found for found in sorted(FOUND, key=lambda op: op.method == "delete")}
QUESTIONS = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # A name in a path is any text, and an archive any bytes: neither is ever wrong by itself.
    if mode is GenerationMode.POSITIVE
    or list(operation.query)
    or any(body.media_type != "application/zip" for body in operation.body)
]


@dataclass(frozen=True)
class Server:
    """Where to send requests, what exists there, and where its files lie."""

    url: str
    run: str
    folder: str

    def name_what_exists(self, case: Case[Any]) -> None:
        """Put existing names where a case has any."""
        names = {"run_id": self.run, "id": "glass-en"}
        if "/figures/" in case.operation.path:
            names["name"] = "profile"
        for name in set(case.path_parameters or {}) & set(names):
            case.path_parameters[name] = names[name]
        known = {"model": "glass-en", "dataset": "python-docs", "run": self.run}
        if isinstance(case.body, dict):
            case.body.update({name: known[name] for name in known if name in case.body})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey) -> Iterator[Server]:
    if valkey_server.process is None:
        valkey_server.start()
    folder = tmp_path_factory.mktemp("fuzzed")
    models = tmp_path_factory.mktemp("models")
    settings = Settings(
        data=folder,
        model_roots=(models,),
        store=folder / "store",
        database_url=sqlite_url(folder / "state.db"),
        redis_url=valkey_server.url,
        changes_per_minute=UNTOUCHED,
    )
    app = create_app(replace(settings, hub=replace(settings.hub, offline=True)))
    run = a_finished_run(app.state.services)
    with serving(app) as url:
        yield Server(url, run.id, str(folder))


def is_endless(case: Case[Any]) -> bool:
    """Whether a case follows everything that happens, which has no end."""
    return case.operation.path.endswith("/events") and not str(
        (case.query or {}).get("runs", "")
    ).strip(",")


@pytest.mark.slow
@pytest.mark.parametrize(("label", "mode"), QUESTIONS)
def test_no_request_breaks_the_server(label: str, mode: GenerationMode, server: Server) -> None:
    operation = OPERATIONS[label]

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), known=strategies.booleans())
    def send(case: Case[Any], known: bool) -> None:
        if known:
            server.name_what_exists(case)
        hypothesis.assume(not is_endless(case))
        check(case.call(base_url=server.url, timeout=WAIT_SECONDS), server)

    send()
    assert requests.get(f"{server.url}/livez", timeout=WAIT_SECONDS).status_code == 200


def check(answer: schemathesis.Response, server: Server) -> None:
    """Refuse a 5xx, and a refusal that is not a problem with a code that we know."""
    text = answer.content.decode(errors="replace")
    if answer.status_code == 400 and text == REFUSED_BY_PARSER:
        return
    honest = answer.status_code == 503 and answer.json()["code"] in HONEST
    assert answer.status_code < 500 or honest, text[:500]
    assert HIDDEN not in text
    assert server.folder not in text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == [MEDIA_TYPE], text[:500]
        if answer.request.method == "HEAD":  # an answer without a body
            return
        problem = answer.json()
        assert PROBLEMS[problem["code"]].status == problem["status"] == answer.status_code
