"""What ``healed`` may say in a request: a heal run, or the sha256 of weights that are here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.__main__ import parse_settings
from linearity.adapters.results import result_bytes, store_result
from linearity.contracts.kept import kept_objects
from linearity.contracts.kinds import make_request
from linearity.errors import InvalidParameterError
from tests.backend.builders import a_dataset, a_model, ready_inputs
from tests.figures.heal_results import PLAN, a_healing

RUNS = "/api/v1/runs"


def healed_run(services: Services, *, stored: bool = True) -> tuple[str, str]:
    """Return the id of a finished heal run and the sha256 of its weights."""
    model, dataset = ready_inputs(services, blocks=30)
    request = make_request("heal", {"plan": PLAN}, model=a_model(blocks=30), dataset=a_dataset())
    run = services.state.submit(request, model=model, dataset=dataset).run
    result: Any = a_healing().as_json()
    if stored:
        result["weights"]["sha256"] = services.store.put(b"weights")
    sha256, _ = store_result(result, services.store)
    assert services.state.start_attempt(run.id, 1, "worker-1")
    assert services.state.finish(run.id, 1, sha256, 2.0, objects=kept_objects(result))
    return run.id, result["weights"]["sha256"]


def ask(client: TestClient, healed: str) -> Any:
    body = {"kind": "heal", "model": "glass-en", "dataset": "python-docs",
            "params": {"plan": PLAN, "healed": healed}}  # fmt: skip
    return client.post(RUNS, json=body).json()


def test_a_run_names_the_bytes_of_the_weights_that_another_run_wrote(
    client: TestClient, services: Services
) -> None:
    run, sha256 = healed_run(services)
    by_run, by_bytes = ask(client, run), ask(client, sha256)

    assert by_run["params"]["healed"] == sha256
    assert by_run["id"] == by_bytes["id"] != run


REFUSED: dict[str, tuple[Callable[[Services], str], str]] = {
    "no run": (lambda services: "f" * 32, "the id of a heal run that has finished"),
    "lost weights": (lambda services: healed_run(services, stored=False)[0], "weights are here"),
    "a word": (lambda services: "yesterday's", "its id, its result, or their sha256"),
}


@pytest.mark.parametrize(("healed", "said"), REFUSED.values(), ids=REFUSED)
def test_what_names_no_weights_is_refused(
    healed: Callable[[Services], str], said: str, client: TestClient, services: Services
) -> None:
    ready_inputs(services, blocks=30)
    problem = ask(client, healed(services))

    assert (problem["status"], problem["code"]) == (422, "invalid_parameter")
    assert said in problem["detail"]


def test_a_run_of_another_kind_or_one_that_is_open_is_refused(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services, blocks=30)
    waiting = ask(client, "")["id"]

    assert "a run that is queued" in ask(client, waiting)["detail"]


def test_the_command_line_takes_a_result_for_its_weights(tmp_path: Path) -> None:
    result = a_healing()
    file = tmp_path / "healed.json"
    file.write_bytes(result_bytes(result.as_json()))
    assert parse_settings([f"healed={file}"]) == {"healed": result.weights.sha256}
    assert parse_settings(["healed=abc"]) == {"healed": "abc"}
    file.write_text("no result")
    with pytest.raises(InvalidParameterError, match="the result of a heal run"):
        parse_settings([f"healed={file}"])
