"""Registered inputs and runs with defaults, made through the same doors as in production."""

from dataclasses import replace
from typing import Any

from backend.dependencies import Services
from linearity.adapters.naming import name_input
from linearity.adapters.results import store_result
from linearity.adapters.state import InputRow, RunRow
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import linearity_request
from tests.builders import a_result

ORIGIN = "http://127.0.0.1"
A_RUN: dict[str, Json] = {
    "kind": "linearity",
    "model": "glass-en",
    "dataset": "python-docs",
    "params": {},
}


def a_model(**changes: Any) -> ModelRecord:
    model = ModelRecord(
        id="glass-en",
        name="GlassLM English (4 blocks)",
        source="builtin",
        reference="glass-en",
        fingerprint="a" * 64,
        family="llama",
        blocks=4,
        width=64,
        vocabulary=1000,
        context=512,
        parameters=300_000,
        dtype="float32",
        size=1_200_000,
    )
    return replace(model, **changes)


def a_dataset() -> DatasetRecord:
    return DatasetRecord(
        id="python-docs",
        name="Python language reference topics",
        source="builtin",
        reference="python-docs",
        fingerprint="b" * 64,
        documents=80,
        characters=500_000,
        size=510_000,
    )


def ready_inputs(services: Services, **changes: Any) -> tuple[InputRow, InputRow]:
    """Register and accept `glass-en` and `python-docs`."""
    records: dict[str, ModelRecord | DatasetRecord] = {
        "model": a_model(**changes),
        "dataset": a_dataset(),
    }
    for kind, record in records.items():
        name = name_input(kind, record.id)
        services.state.add_input(
            kind, id=name.id, name=name.name, source=name.source, reference=name.reference
        )
        services.state.input_ready(kind, record.id, dict(record.as_json()))
    model = services.state.get_input("model", "glass-en")
    dataset = services.state.get_input("dataset", "python-docs")
    assert model
    assert dataset
    return model, dataset


def a_row(services: Services, kind: str, **intake: Any) -> InputRow:
    """Register an input of somebody's, which is being inspected."""
    row, _ = services.state.add_input(
        kind, id="mine", name="Mine", source="path", reference="/mine", intake=Intake(**intake)
    )
    return row


def a_run(services: Services, *, owner: str = "local", **params: Any) -> RunRow:
    """Submit a run and leave it queued."""
    model, dataset = ready_inputs(services)
    settled = {"pairs": "all", **params}  # what pairs=auto comes to for a small model
    request = linearity_request(settled, model=a_model(), dataset=a_dataset())
    return services.state.submit(request, model=model, dataset=dataset, owner=owner).run


def a_running_run(services: Services, *, owner: str = "local") -> RunRow:
    run = a_run(services, owner=owner)
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    return current(services, run)


def a_finished_run(services: Services, *, blocks: int = 4, owner: str = "local") -> RunRow:
    run = a_running_run(services, owner=owner)
    value = a_result(blocks=blocks).as_json() | {"id": run.id}
    sha256, _ = store_result(value, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 1.5)
    return current(services, run)


def a_failed_run(services: Services) -> RunRow:
    run = a_running_run(services)
    problem = {"code": "too_few_tokens", "message": "only 12 tokens", "data": {}}
    assert services.state.fail(run.id, run.attempt, problem)
    return current(services, run)


def a_quarantined_run(services: Services) -> RunRow:
    run = a_run(services)
    for _ in range(3):
        assert services.state.start_attempt(run.id, run.attempt, "worker-1")
        services.state.lose_attempt(run.id, run.attempt, "lost")
        run = current(services, run)
    return run


def current(services: Services, run: RunRow) -> RunRow:
    row = services.state.get_run(run.id)
    assert row
    return row
