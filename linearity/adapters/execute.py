"""Run one request in this process: load the inputs, call the kind's study, return a result."""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime

import torch
import transformers

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.estimate import run_flops
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import KIND, METHOD, SCHEMA, LinearityParams, LinearityResult
from linearity.contracts.runs import RunRequest
from linearity.errors import InvalidParameterError, OutOfDeviceMemoryError
from linearity.ports import Progress
from linearity.studies.finding import finding
from linearity.studies.linearity import Measurement, measure_linearity


def execute(
    request: RunRequest,
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    device: str,
    progress: Progress,
) -> dict[str, Json]:
    """Compute the result of a request.

    Parameters
    ----------
    request : RunRequest
    model, dataset : records of the inputs that the request names by fingerprint
    store : ArtifactStore
    device : str
        "cpu" or "cuda:N".
    progress : Progress
        Receives progress and partial results; may raise to stop.

    Raises
    ------
    LinearScopeError
        Any of the tree, see linearity/errors.py.
    """
    if request.kind != KIND:
        raise InvalidParameterError("kind", wanted=KIND, got=request.kind)
    started = time.monotonic()
    params = LinearityParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    envelope = _envelope(request, model, dataset)
    # A GPU of another generation must not round more coarsely without a word.
    torch.set_float32_matmul_precision("highest")
    try:
        loaded = load_model(
            model, store, device=device, dtype=params.dtype, attention=params.attention
        )
        documents = load_documents(dataset, store)
        reach = 1 if params.pairs == "adjacent" else model.blocks
        measurement = measure_linearity(
            loaded, documents, params, _Enveloped(progress, envelope), reach=reach
        )
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemoryError(
            f"{device} ran out of memory",
            next_step="Use pairs=adjacent, fewer tokens, or a device with more memory.",
            device=device,
        ) from error
    seconds = time.monotonic() - started
    return _result(envelope, measurement, params, _environment(device, seconds, model, measurement))


class _Enveloped:
    """Puts the run's name and inputs around every partial result."""

    def __init__(self, inner: Progress, envelope: dict[str, Json]) -> None:
        self._inner, self._envelope = inner, envelope
        self.step = inner.step
        self.log = inner.log

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        self._inner.partial(lambda: self._envelope | build())


def _envelope(request: RunRequest, model: ModelRecord, dataset: DatasetRecord) -> dict[str, Json]:
    return {
        "id": request.run_id,
        "kind": KIND,
        "schema": SCHEMA,
        "method": METHOD,
        "model": {
            "id": model.id,
            "name": model.name,
            "fingerprint": model.fingerprint,
            "blocks": model.blocks,
            "width": model.width,
            "dtype": request.params["dtype"],
        },
        "dataset": {"id": dataset.id, "name": dataset.name, "fingerprint": dataset.fingerprint},
        "params": request.params,
    }


def _environment(
    device: str, seconds: float, model: ModelRecord, measurement: Measurement
) -> dict[str, Json]:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    counts = measurement.tokens
    tokens = counts.fit + counts.heldout + counts.excluded_first + counts.excluded_sinks
    pairs = sum(score is not None for row in measurement.pairs.r2_fit for score in row)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": device,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 3),
        "flops_per_second": round(run_flops(model, tokens=tokens, pairs=pairs) / seconds),
    }


def _result(
    envelope: dict[str, Json],
    measurement: Measurement,
    params: LinearityParams,
    environment: dict[str, Json],
) -> dict[str, Json]:
    result = LinearityResult(
        **envelope,  # type: ignore[arg-type]  # the fields that LinearityResult starts with
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        environment=environment,
        tokens=measurement.tokens,
        states=[str(state) for state in range(len(measurement.profile.state_norm))],
        pairs=measurement.pairs,
        profile=measurement.profile,
        kept=measurement.kept,
        finding=finding(measurement.profile, measurement.kept, exclude=params.exclude),
        warnings=measurement.warnings,
    )
    return result.as_json()
