"""One run of `speed` on numbers that are not made here: two servers, or files of another tool."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import transformers

from linearity.adapters.hugging_face import open_texts
from linearity.adapters.inputs import load_records
from linearity.adapters.packages import software_version
from linearity.adapters.serving.address import Address
from linearity.adapters.serving.bench_files import read_bench
from linearity.adapters.serving.greeting import Greeted, greet
from linearity.adapters.serving.server import RunningServer
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.imported import file_names, parse_import
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.runs import RunRequest, RunWarning
from linearity.contracts.served import FILES, ServedParams, Told, parse_served
from linearity.contracts.speed import KIND, METHOD, SCHEMA, SpeedResult
from linearity.contracts.timings import SIDES, Engine, Lengths, LoadPoint
from linearity.ports import Progress
from linearity.studies.imported import import_runs
from linearity.studies.served_asks import Asks, TextTools, make_asks
from linearity.studies.serving import measure_served
from linearity.studies.speed_finding import speed_finding, speed_warnings

UNTOLD = "unknown"
"""Software or dtype that neither the server nor the user names."""


def run_served(
    params: Mapping[str, Json],
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    progress: Progress,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Json]:
    """Measure two running servers and return the result.

    Parameters
    ----------
    params : mapping
        As the command line gives them.
    model : ModelRecord
        The dense model: its tokenizer tells lengths.
    dataset : DatasetRecord
        What is asked.
    store : ArtifactStore
    progress : Progress
    environ : mapping
        Holds the keys of the servers.

    Raises
    ------
    LinearScopeError
    """
    started = time.monotonic()
    parsed = parse_served(params, model=model)
    request = served_request(parsed.as_json(), model, dataset)
    tokenize, detokenize = open_texts(model, store)
    tools = TextTools(tokenize, detokenize, model.context)
    asks = make_asks(load_records(dataset, store), parsed, tools)
    addresses = {side: Address.of(side, parsed.url(side), environ) for side in SIDES}
    greeted = {side: _greeted(addresses[side], parsed, asks, model) for side in SIDES}
    for side in SIDES:
        progress.log(f"{side}: {_introduced(greeted[side])}")
    with ExitStack() as stack:
        servers = {
            side: stack.enter_context(
                closing(RunningServer(addresses[side], greeted[side].manner, parsed.timeout))
            )
            for side in SIDES
        }
        measured = measure_served(
            servers, asks, parsed, progress, count_tokens=lambda text: len(tokenize(text))
        )
    return assembled_result(
        request,
        model,
        dataset,
        engine=told_engine("server", _software(greeted), parsed),
        lengths=asks.lengths,
        warmup=parsed.warmup,
        points=measured.points,
        told=parsed,
        warnings=[*_server_warnings(addresses, greeted, parsed), *measured.warnings],
        seconds=time.monotonic() - started,
    )


def run_imported(
    params: Mapping[str, Json],
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
) -> dict[str, Json]:
    """Return the result that files of another tool give.

    Parameters
    ----------
    params : mapping
        As the command line gives them: names of files of both sides.
    model : ModelRecord
        The dense model.
    dataset : DatasetRecord
        What it was asked, as the user says.

    Raises
    ------
    InvalidParameterError, UnknownParameterError, InvalidPlanError
    """
    started = time.monotonic()
    read = {name: [read_bench(name, file) for file in file_names(name, params)] for name in FILES}
    digests = {name: [digest for digest, _ in found] for name, found in read.items()}
    parsed = parse_import(params, digests, model=model)
    runs = {
        side: [run for _, found in read[name] for run in found]
        for side, name in zip(SIDES, FILES, strict=True)
    }
    found = import_runs(runs)
    return assembled_result(
        served_request(parsed.as_json(), model, dataset),
        model,
        dataset,
        engine=told_engine("imported", parsed.software or found.software, parsed),
        lengths=found.lengths,
        warmup=None,
        points=found.points,
        told=parsed,
        warnings=found.warnings,
        seconds=time.monotonic() - started,
    )


def served_request(
    params: dict[str, Json], model: ModelRecord, dataset: DatasetRecord
) -> RunRequest:
    """Return the question of a run whose numbers come from elsewhere."""
    return RunRequest(KIND, SCHEMA, METHOD, model.fingerprint, dataset.fingerprint, params)


def assembled_result(  # noqa: PLR0913  # the parts of a result, by name
    request: RunRequest,
    model: ModelRecord,
    dataset: DatasetRecord,
    *,
    engine: Engine,
    lengths: Lengths,
    warmup: int | None,
    points: list[LoadPoint],
    told: Told,
    warnings: Sequence[RunWarning],
    seconds: float,
) -> dict[str, Json]:
    """Return the result of measurements that were not made in this process."""
    ceiling = _ceiling(told.plan, model.blocks)
    result = SpeedResult(
        id=request.run_id,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        model={
            "id": model.id,
            "name": model.name,
            "fingerprint": model.fingerprint,
            "blocks": model.blocks,
            "width": model.width,
            "dtype": told.dtype or UNTOLD,
        },
        dataset={"id": dataset.id, "name": dataset.name, "fingerprint": dataset.fingerprint},
        params=request.params,
        environment={
            "linearscope": software_version(),
            "python": platform.python_version(),
            "transformers": transformers.__version__,
            **({"device_name": engine.device_name} if engine.device_name else {}),
            "client": platform.machine(),
            "seconds": round(seconds, 3),
        },
        finding=speed_finding(points, engine),
        warnings=[*warnings, *speed_warnings(points, ceiling)],
        engine=engine,
        lengths=lengths,
        warmup=warmup,
        points=points,
        splits={},
        steps=[],
        sides=None,
        ceiling=ceiling,
        costs=None,
    )
    return result.as_json()


def told_engine(name: str, software: str, told: Told) -> Engine:
    """Return what ran the models, as far as somebody says."""
    return Engine(
        name=name,
        software=software or told.software or UNTOLD,
        device_name=told.device_name or None,
        dtype=told.dtype or None,
        quantisation=told.quantisation or None,
    )


def _ceiling(plan: str, blocks: int) -> float | None:
    if not plan:
        return None
    return blocks / (blocks - parse_plan(plan, blocks=blocks).changed)


def _greeted(address: Address, params: ServedParams, asks: Asks, model: ModelRecord) -> Greeted:
    is_chat = asks.is_chat and model.has_template
    endpoint = params.endpoint
    if endpoint == "auto":
        endpoint = "chat" if is_chat else "completions"
    return greet(
        address,
        model=params.model(address.side),
        endpoint=endpoint,
        probe=asks.asks[0],
        seconds=params.timeout,
    )


def _introduced(greeted: Greeted) -> str:
    return f"{greeted.manner.model} ({greeted.software or 'a server that does not say what it is'})"


def _software(greeted: Mapping[str, Greeted]) -> str:
    named = [greeted[side].software for side in SIDES]
    return named[0] if named[0] == named[1] else ", ".join(
        f"{side}: {name or UNTOLD}" for side, name in zip(SIDES, named, strict=True)
    )  # fmt: skip


def _server_warnings(
    addresses: Mapping[str, Address], greeted: Mapping[str, Greeted], params: ServedParams
) -> list[RunWarning]:
    found = []
    if any(address.tells_its_key for address in addresses.values()):
        found.append(
            RunWarning("key_in_the_open", "a key was sent over a network without encryption")
        )
    if params.dense_url == params.changed_url and (
        greeted["dense"].manner.model == greeted["changed"].manner.model
    ):
        found.append(
            RunWarning(
                "same_server",
                "both sides are the same model at the same address: the ratio shows the noise",
            )
        )
    if any(greeted[side].software != greeted["dense"].software for side in SIDES):
        found.append(
            RunWarning(
                "other_software",
                "the two servers run different software, so the ratio is not the plan's alone",
                {side: greeted[side].software or UNTOLD for side in SIDES},
            )
        )
    return found
