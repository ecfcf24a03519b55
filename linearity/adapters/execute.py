"""Run one request in this process: load the inputs, call the kind's study, return a result."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers

from linearity.adapters.engine import engine_here
from linearity.adapters.exporting import Outside, export
from linearity.adapters.harness import LmEvaluationHarness
from linearity.adapters.harness_commands import commands
from linearity.adapters.harness_questions import load_questions
from linearity.adapters.healed_files import load_healed, store_healed
from linearity.adapters.hugging_face import load_model, streamed_model
from linearity.adapters.inputs import load_records
from linearity.adapters.packages import software_version
from linearity.adapters.placement import (
    RESIDENT,
    STREAMING,
    Placement,
    device_names,
    hold_to,
    place,
)
from linearity.adapters.resident import Resident
from linearity.adapters.store import ArtifactStore
from linearity.contracts.ablation import AblationParams, AblationResult
from linearity.contracts.answers import AnswersParams, AnswersResult
from linearity.contracts.benchmark import BenchmarkParams, BenchmarkResult
from linearity.contracts.canonical import Json
from linearity.contracts.changed import ChangedParams
from linearity.contracts.common import Sampling
from linearity.contracts.export import ExportParams, ExportResult
from linearity.contracts.granularity import SUBLAYER, state_names
from linearity.contracts.heal import HealParams, HealResult, Weights
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.linearity import LinearityParams, LinearityResult
from linearity.contracts.parameters import choice
from linearity.contracts.passage import MOST_TOKENS, PassageParams, PassageResult
from linearity.contracts.plan import PlanParams, PlanResult
from linearity.contracts.runs import RunRequest
from linearity.contracts.speed import SpeedParams, SpeedResult
from linearity.errors import OutOfDeviceMemoryError
from linearity.models.healed import HealedWeights
from linearity.models.loaded import LoadedModel
from linearity.ports import Checkpoints, NoCheckpoints, Progress
from linearity.studies.ablation import measure_ablation
from linearity.studies.answers import measure_answers
from linearity.studies.benchmark import measure_benchmark
from linearity.studies.finding import finding, in_sample_finding
from linearity.studies.heal import heal
from linearity.studies.helping import help_linearity
from linearity.studies.linearity import Measurement, measure_linearity
from linearity.studies.material import Material
from linearity.studies.passage import measure_passage, passage_ids
from linearity.studies.plan import measure_plan
from linearity.studies.shards import Board
from linearity.studies.speed import measure_speed
from linearity.studies.sublayer_finding import sublayer_finding
from linearity.studies.work import Work


def execute(  # noqa: PLR0913  # everything that a run needs of the outside, by name
    request: RunRequest,
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    device: str,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
    resident: Resident | None = None,
    device_memory: int | None = None,
    board: Board | None = None,
    out_dir: Path | None = None,
    adapters: Sequence[Path] = (),
) -> dict[str, Json]:
    """Compute the result of a request.

    Parameters
    ----------
    request : RunRequest
    model, dataset : records of the inputs that the request names by fingerprint
    store : ArtifactStore
    device : str
        "cpu", "cuda:N", or several of these joined by commas.
    progress : Progress
        Receives progress and partial results; may raise to stop.
    checkpoints : Checkpoints, optional
        Where long kinds keep what is finished.
    resident : Resident, optional
        What earlier runs of this process left in memory.
    device_memory : int, optional
        Bytes of the device's memory that the run may take; all that is free by default.
    board : Board, optional
        Where other processes take shards of a wide run.
    out_dir : Path, optional
        Folder that an export becomes; by default its files become objects of the store.
    adapters : sequence of Path, optional
        Folders of LoRA adapters that are renumbered beside `out_dir`.

    Raises
    ------
    LinearScopeError
        Any of the tree, see linearity/errors.py.
    """
    started = time.monotonic()
    hold_to(device, device_memory)
    envelope = _envelope(request, model, dataset)
    run = _Run(
        request=request,
        model=model,
        dataset=dataset,
        store=store,
        placement=place(request, model, device=device, most=device_memory),
        progress=_Enveloped(progress, envelope),
        checkpoints=checkpoints or NoCheckpoints(),
        resident=resident or Resident(),
        board=board,
        out_dir=out_dir,
        adapters=tuple(adapters),
    )
    # A GPU of another generation must not round more coarsely without a word.
    torch.set_float32_matmul_precision("highest")
    try:
        found = _STUDIES[choice("kind", request.kind, tuple(_STUDIES))](run)
    except torch.OutOfMemoryError as error:
        run.resident.clear()
        raise OutOfDeviceMemoryError(
            f"{device} ran out of memory",
            next_step=_LESS_MEMORY.get(request.kind, "Use fewer fit_tokens or select_tokens."),
            device=device,
        ) from error
    environment = _environment(run, time.monotonic() - started, found.work)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found.as_json(**envelope, created=created, environment=environment)


def help_execute(  # noqa: PLR0913  # what `execute` is given
    request: RunRequest,
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    device: str,
    progress: Progress,
    board: Board,
    device_memory: int | None = None,
) -> int:
    """Compute shards of a run that another process owns, until none is free; return how many.

    Takes what `execute` was given there. A model that does not fit here whole is left to others.

    Raises
    ------
    LinearScopeError
        Any of the tree, see linearity/errors.py.
    """
    hold_to(device, device_memory)
    placement = place(request, model, device=device, most=device_memory)
    if placement.mode != RESIDENT:
        progress.log(f"no help from here: {placement.why}")
        return 0
    torch.set_float32_matmul_precision("highest")
    params = LinearityParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    return help_linearity(
        load_model(
            model,
            store,
            device=placement.device,
            dtype=params.dtype,
            attention=params.attention,
        ),
        load_records(dataset, store),
        params,
        progress,
        reach=_reach(params),
        board=board,
    )


_LESS_MEMORY = {
    "linearity": "Use pairs=adjacent, fewer tokens, a device with more memory, or set "
    "LINEARSCOPE_DEVICE_MEMORY below what the model needs: it then streams block by block.",
    "passage": "Use fewer tokens, or a device with more memory.",
    "heal": "Use a smaller batch or context, fewer fit_tokens, or train=maps.",
    "speed": "Use smaller batches, shorter prompts, or a device with more memory.",
    "benchmark": "Use fewer fit_tokens or few_shot, or a device with more memory.",
}


@dataclass(frozen=True)
class _Run:
    """One request with everything it needs."""

    request: RunRequest
    model: ModelRecord
    dataset: DatasetRecord
    store: ArtifactStore
    placement: Placement
    progress: "_Enveloped"
    checkpoints: Checkpoints
    resident: Resident
    board: Board | None
    out_dir: Path | None
    adapters: tuple[Path, ...]

    def loaded(self, *, dtype: str, attention: str) -> LoadedModel:
        """Return the model as this run holds it."""
        held = {"device": self.placement.device, "dtype": dtype, "attention": attention}
        if self.placement.mode == RESIDENT:
            return self.resident.model(self.model, self.store, **held)
        self.progress.log(self.placement.why)
        self.resident.clear()
        if self.placement.mode == STREAMING:
            return streamed_model(self.model, self.store, **held)
        return load_model(self.model, self.store, **held, room=self.placement.room)

    def healed(self, params: ChangedParams) -> HealedWeights | None:
        """Return the healed weights that the parameters name, or None."""
        if not params.healed:
            return None
        return load_healed(params.healed, self.store, model=self.model.fingerprint)

    def material(self, sampling: Sampling) -> tuple[Material, list[Document]]:
        """Return what plans are measured with, and the records of the dataset."""
        return self.resident.material(
            self.model,
            self.dataset,
            sampling,
            store=self.store,
            device=self.placement.device,
            check=self.progress.check,
        )


@dataclass(frozen=True)
class _Found:
    """What a study found, the shape that its kind gives it, and what was computed."""

    shape: Callable[..., Any]
    values: dict[str, Any]
    work: Work | None = None

    def as_json(self, **envelope: Json) -> dict[str, Json]:
        """Return the result as plain values."""
        result: dict[str, Json] = self.shape(**envelope, **self.values).as_json()
        return result


def _linearity(run: _Run) -> _Found:
    params = LinearityParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    loaded = run.loaded(dtype=params.dtype, attention=params.attention)
    records = load_records(run.dataset, run.store)
    measured = measure_linearity(
        loaded,
        records,
        params,
        run.progress,
        reach=_reach(params),
        board=run.board,
    )
    values = _values(measured) | {
        "states": state_names(run.model.blocks, params.granularity),
        "finding": _said(measured, params),
    }
    return _Found(LinearityResult, values)


def _reach(params: LinearityParams) -> int | None:
    return 1 if params.pairs == "adjacent" else None


def _said(measured: Measurement, params: LinearityParams) -> dict[str, str]:
    if params.in_sample:
        return in_sample_finding(measured.profile)
    if params.granularity == SUBLAYER:
        return sublayer_finding(measured.profile, exclude=params.exclude)
    return finding(measured.profile, measured.kept, exclude=params.exclude)


def _ablation(run: _Run) -> _Found:
    params = AblationParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, _ = run.material(params.sampling)
    measured = measure_ablation(material, params, run.progress, run.checkpoints)
    return _Found(AblationResult, _values(measured) | {"guard": None}, measured.work)


def _plan(run: _Run) -> _Found:
    params = PlanParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, _ = run.material(params.sampling)
    measured = measure_plan(material, params, run.progress)
    return _Found(PlanResult, _values(measured), measured.work)


def _answers(run: _Run) -> _Found:
    params = AnswersParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, records = run.material(params.sampling)
    healed = run.healed(params)
    measured = measure_answers(material, params, records, run.progress, healed)
    return _Found(AnswersResult, _values(measured))


def _export(run: _Run) -> _Found:
    params = ExportParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    outside = Outside(
        request=run.request,
        model=run.model,
        dataset=run.dataset,
        store=run.store,
        resident=run.resident,
        device=run.placement.device,
        progress=run.progress,
        check=run.progress.check,
        out_dir=run.out_dir,
        adapters=run.adapters,
    )
    values = export(lambda: run.material(params.sampling)[0], params, run.healed(params), outside)
    return _Found(ExportResult, values)


def _heal(run: _Run) -> _Found:
    params = HealParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, _ = run.material(params.sampling)
    measured = heal(material, params, run.progress, run.checkpoints, run.healed(params))
    values = _values(measured)
    healed = HealedWeights(
        name=run.request.run_id,
        model=run.model.fingerprint,
        plan=params.plan,
        fitting=params.fitting,
        steps=measured.steps,
        tensors=values.pop("tensors"),
    )
    sha256, size = store_healed(healed, run.store)
    return _Found(HealResult, values | {"weights": Weights(sha256, size, params.train)})


def _benchmark(run: _Run) -> _Found:
    params = BenchmarkParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    # Questions first: what cannot be asked is said before a model is loaded.
    harness = LmEvaluationHarness(params, load_questions(params.questions, run.store))
    material, _ = run.material(params.sampling)
    measured = measure_benchmark(
        material, params, harness, run.progress, run.checkpoints, run.healed(params)
    )
    lines = commands(params, run.model, device=run.placement.device)
    return _Found(BenchmarkResult, _values(measured) | {"commands": lines})


def _passage(run: _Run) -> _Found:
    params = PassageParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    loaded = run.loaded(dtype=params.dtype, attention=params.attention)
    # A passage that is too long is refused before maps are fitted for it.
    ids = passage_ids(loaded, params.text, most=min(MOST_TOKENS, run.model.context))
    maps = run.resident.neighbour_maps(
        run.model,
        run.dataset,
        params,
        store=run.store,
        device=run.placement.device,
        progress=run.progress,
    )
    return _Found(PassageResult, _values(measure_passage(loaded, ids, maps, params)))


def _speed(run: _Run) -> _Found:
    params = SpeedParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, records = run.material(params.sampling)
    engine = engine_here(run.placement.devices, dtype=params.dtype, attention=params.attention)
    measured = measure_speed(
        material, params, records, run.progress, engine=engine, healed=run.healed(params)
    )
    return _Found(SpeedResult, _values(measured))


_STUDIES: dict[str, Callable[[_Run], _Found]] = {
    "linearity": _linearity,
    "ablation": _ablation,
    "plan": _plan,
    "answers": _answers,
    "passage": _passage,
    "export": _export,
    "heal": _heal,
    "speed": _speed,
    "benchmark": _benchmark,
}


class _Enveloped:
    """Puts the run's name and inputs around every partial result."""

    def __init__(self, inner: Progress, envelope: dict[str, Json]) -> None:
        self._inner, self._envelope = inner, envelope
        self._last: tuple[int, int, str, float] = (0, 1, "", 0.0)
        self.log = inner.log

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        self._last = (done, total, unit, share)
        self._inner.step(done, total, unit, share)

    def check(self) -> None:
        """Say the same again: a sign of life, and a chance to stop."""
        self._inner.step(*self._last)

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        self._inner.partial(lambda: self._envelope | build())


def _values(measured: Any) -> dict[str, Any]:  # Any: a frozen dataclass of a study
    return {f.name: getattr(measured, f.name) for f in fields(measured) if f.name != "work"}


def _envelope(request: RunRequest, model: ModelRecord, dataset: DatasetRecord) -> dict[str, Json]:
    return {
        "id": request.run_id,
        "kind": request.kind,
        "schema": request.schema,
        "method": request.method,
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


def _environment(run: _Run, seconds: float, work: Work | None) -> dict[str, Json]:
    devices = run.placement.devices
    counted: dict[str, Json] = {}
    if work is not None:
        counted = {
            "block_runs": work.block_runs,
            "head_runs": work.head_runs,
            "forward_flops": work.forward_flops,
        }
    return {
        "linearscope": software_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": devices,
        "device_name": device_names(devices) or platform.machine(),
        "mode": run.placement.mode,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 3),
        **counted,
        **({} if run.board is None else run.board.used()),
    }
