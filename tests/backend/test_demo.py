"""The first run of a fresh installation, through the real HTTP API."""

import threading
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from backend.api_client import ApiClient
from backend.demo import run_demo
from backend.dependencies import Services
from linearity.contracts.inputs import DEMO_DATASET, DEMO_MODEL
from linearity.contracts.runs import InputState
from tests.backend.builders import a_dataset, a_model
from tests.backend.serving import serving
from tests.servers import eventually

LINK = "http://scope.example"
PROBLEM = {"code": "rejected_input", "message": "a weight is NaN", "next_step": ""}


class Demo:
    """A demo that runs in a thread, and what it has said."""

    def __init__(self, address: str) -> None:
        self.said: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(
            target=run_demo,
            args=(ApiClient(address, None), LINK),
            kwargs={"say": self.said.append, "stop": self.stop},
        )
        self.thread.start()


@pytest.fixture
def demo(app: FastAPI) -> Iterator[Demo]:
    with serving(app) as address:
        demo = Demo(address)
        yield demo
        demo.stop.set()
        demo.thread.join()


def test_the_demo_is_queued_when_its_inputs_are_ready_and_its_end_is_told(
    demo: Demo, services: Services
) -> None:
    accept_inputs(services)
    eventually(lambda: demo.said)
    run = services.state.list_runs()[0][0]
    assert demo.said == [f"demo queued: {LINK}/runs/{run.id}"]
    services.state.start_attempt(run.id, 1, "worker")
    services.state.finish(run.id, 1, "c" * 64, 1.0)
    demo.thread.join(30)

    assert demo.said[1:] == [f"demo finished: {LINK}/runs/{run.id}"]


def test_a_demo_that_fails_says_why(demo: Demo, services: Services) -> None:
    accept_inputs(services)
    eventually(lambda: demo.said)
    run = services.state.list_runs()[0][0]
    services.state.start_attempt(run.id, 1, "worker")
    services.state.fail(run.id, 1, PROBLEM | {"retryable": False, "data": {}})
    demo.thread.join(30)

    assert demo.said[1:] == [f"demo failed: {LINK}/runs/{run.id} (a weight is NaN)"]


def test_a_rejected_input_ends_the_demo_with_its_reason(demo: Demo, services: Services) -> None:
    eventually(lambda: services.state.get_input("model", DEMO_MODEL))
    services.state.input_rejected("model", DEMO_MODEL, PROBLEM)
    demo.thread.join(30)

    assert demo.said == ["demo not possible: a weight is NaN"]


def test_a_demo_that_is_told_to_stop_stops(demo: Demo) -> None:
    demo.stop.set()
    demo.thread.join(30)

    assert not demo.thread.is_alive()
    assert demo.said == []


def accept_inputs(services: Services) -> None:
    """Accept the demo's inputs as soon as the application has registered them."""
    model, dataset = a_model(id=DEMO_MODEL), a_dataset()
    for kind, name, record in (
        ("model", DEMO_MODEL, model.as_json()),
        ("dataset", DEMO_DATASET, dataset.as_json()),
    ):
        eventually(lambda kind=kind, name=name: services.state.get_input(kind, name))  # type: ignore[misc]
        services.state.input_ready(kind, name, dict(record))
        row = services.state.get_input(kind, name)
        assert row is not None
        assert row.state is InputState.READY
