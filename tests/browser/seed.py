"""What the browser finds: inputs that are ready, and runs in every state."""

from collections.abc import Mapping
from typing import Any

import orjson

from backend.dependencies import Services
from linearity.adapters.naming import name_input
from linearity.adapters.results import store_result
from linearity.adapters.state import InputRow, RunRow
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.linearity import linearity_request
from tests.builders import TOKENS, a_partial, a_result

MODEL = ModelRecord(
    id="smollm2",
    name="SmolLM2-135M-Instruct",
    source="builtin",
    reference="smollm2",
    fingerprint="a" * 64,
    family="llama",
    blocks=30,
    width=576,
    vocabulary=49_152,
    context=8192,
    parameters=134_515_008,
    dtype="float32",
    size=538_060_032,
)
DATASET = DatasetRecord(
    id="python-docs",
    name="Python language reference topics",
    source="builtin",
    reference="python-docs",
    fingerprint="b" * 64,
    documents=79,
    characters=721_000,
    size=735_000,
)
PROBLEM = {
    "code": "non_finite_states",
    "message": "block 7 gave NaN in 12 of 2,048 tokens",
    "next_step": "Check the weights of block 7.",
    "retryable": False,
    "data": {"block": 7},
}


def ready(services: Services, record: ModelRecord | DatasetRecord, kind: str) -> InputRow:
    """Register an input and say that a worker accepted it."""
    name = name_input(kind, record.id)
    state = services.state
    state.add_input(kind, id=name.id, name=name.name, source=name.source, reference=name.reference)
    state.input_ready(kind, record.id, dict(record.as_json()))
    row = state.get_input(kind, record.id)
    assert row
    return row


def a_queued_run(services: Services, **params: Json) -> RunRow:
    """Submit a run of the demo; parameters make it another run."""
    model = ready(services, MODEL, "model")
    dataset = ready(services, DATASET, "dataset")
    settled: dict[str, Json] = {"pairs": "all", **params}  # what pairs=auto comes to here
    request = linearity_request(settled, model=MODEL, dataset=DATASET)
    return services.state.submit(request, model=model, dataset=dataset).run


def a_running_run(services: Services, **params: Json) -> RunRow:
    """Take a run up, as a worker would."""
    run = a_queued_run(services, **params)
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    return run


def publish(services: Services, run: RunRow, *, done: int, half: bool = False) -> dict[str, Any]:
    """Do what a worker does after a batch: progress, and intermediate numbers."""
    assert services.state.heartbeat(run.id, run.attempt) == "ok"
    partial = a_partial(blocks=MODEL.blocks, done=done, half=half) | {"id": run.id}
    services.live.put_partial(run.id, orjson.dumps(partial))
    progress = {"done": done, "total": TOKENS, "unit": "tokens", "eta_s": [40.0, 70.0]}
    services.live.progress(run.id, progress)
    services.live.publish(run.id, "partial", {"bytes": 1})
    return partial


def finish(services: Services, run: RunRow) -> dict[str, Any]:
    """Store the final numbers of a run and say so."""
    value: dict[str, Any] = a_result(blocks=MODEL.blocks, model=MODEL.name).as_json()
    value |= {"id": run.id}
    sha256, _ = store_result(value, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 81.3)
    announce(services, run)
    return value


def fail(services: Services, run: RunRow) -> None:
    """End a run with an error of the measurement."""
    assert services.state.fail(run.id, run.attempt, PROBLEM)
    announce(services, run)


def announce(services: Services, run: RunRow) -> None:
    """Tell who listens what has become of the run."""
    row = services.state.get_run(run.id)
    assert row
    services.live.announce_run(row)


def another_run(services: Services, kind: str, *, take: bool = True, **params: Json) -> RunRow:
    """Submit a run of another kind, and take it up as a worker would."""
    model, dataset = ready(services, MODEL, "model"), ready(services, DATASET, "dataset")
    request = make_request(kind, params, model=MODEL, dataset=DATASET)
    run = services.state.submit(request, model=model, dataset=dataset).run
    if take:
        assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    return run


def finish_with(services: Services, run: RunRow, result: Mapping[str, Any]) -> dict[str, Any]:
    """Store a result under the run's own id and parameters, and say so."""
    value = {**result, "id": run.id, "params": run.request["params"]}
    sha256, _ = store_result(value, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 412.0)
    announce(services, run)
    return value


def publish_partial(services: Services, run: RunRow, partial: Mapping[str, Any]) -> None:
    """Do what a worker does after a measurement: progress, and intermediate numbers."""
    assert services.state.heartbeat(run.id, run.attempt) == "ok"
    services.live.put_partial(run.id, orjson.dumps({**partial, "id": run.id}))
    progress = {"done": partial["partial"]["done"], "total": 100, "unit": "measurements"}
    services.live.progress(run.id, progress | {"eta_s": [40.0, 70.0]})
    services.live.publish(run.id, "partial", {"bytes": 1})
