"""How each kind is computed: what a run is given, the study that takes it, the result's shape."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from linearity.adapters.engine import engine_here
from linearity.adapters.exporting import Outside, export
from linearity.adapters.harness import LmEvaluationHarness
from linearity.adapters.harness_commands import commands
from linearity.adapters.harness_questions import load_questions
from linearity.adapters.healed_files import load_healed, store_healed
from linearity.adapters.hugging_face import load_model, streamed_model
from linearity.adapters.inputs import load_records
from linearity.adapters.placement import (
    RESIDENT,
    STREAMING,
    Placement,
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
from linearity.contracts.passage import MOST_TOKENS, PassageParams, PassageResult
from linearity.contracts.plan import PlanParams, PlanResult
from linearity.contracts.runs import RunRequest
from linearity.contracts.speed import SpeedParams, SpeedResult
from linearity.models.healed import HealedWeights
from linearity.models.loaded import LoadedModel
from linearity.ports import Checkpoints, Progress
from linearity.studies.ablation import measure_ablation
from linearity.studies.answers import measure_answers
from linearity.studies.benchmark import measure_benchmark
from linearity.studies.finding import finding, in_sample_finding
from linearity.studies.heal import heal
from linearity.studies.linearity import Measurement, measure_linearity
from linearity.studies.material import Material
from linearity.studies.passage import measure_passage, passage_ids
from linearity.studies.plan import measure_plan
from linearity.studies.shards import Board
from linearity.studies.speed import measure_speed
from linearity.studies.sublayer_finding import sublayer_finding
from linearity.studies.work import Work

LESS_MEMORY = {
    "linearity": "Use pairs=adjacent, fewer tokens, a device with more memory, or set "
    "LINEARSCOPE_DEVICE_MEMORY below what the model needs: it then streams block by block.",
    "passage": "Use fewer tokens, or a device with more memory.",
    "heal": "Use a smaller batch or context, fewer fit_tokens, or train=maps.",
    "speed": "Use smaller batches, shorter prompts, or a device with more memory.",
    "benchmark": "Use fewer fit_tokens or few_shot, or a device with more memory.",
}
"""What to do where a kind has run out of memory."""


@dataclass(frozen=True)
class Run:
    """One request with everything it needs."""

    request: RunRequest
    model: ModelRecord
    dataset: DatasetRecord
    store: ArtifactStore
    placement: Placement
    progress: "Enveloped"
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
class Found:
    """What a study found, the shape that its kind gives it, and what was computed."""

    shape: Callable[..., Any]
    values: dict[str, Any]
    work: Work | None = None

    def as_json(self, **envelope: Json) -> dict[str, Json]:
        """Return the result as plain values."""
        result: dict[str, Json] = self.shape(**envelope, **self.values).as_json()
        return result


def _linearity(run: Run) -> Found:
    params = LinearityParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    loaded = run.loaded(dtype=params.dtype, attention=params.attention)
    records = load_records(run.dataset, run.store)
    measured = measure_linearity(
        loaded,
        records,
        params,
        run.progress,
        reach=reach_of(params),
        board=run.board,
    )
    values = _values(measured) | {
        "states": state_names(run.model.blocks, params.granularity),
        "finding": _said(measured, params),
    }
    return Found(LinearityResult, values)


def reach_of(params: LinearityParams) -> int | None:
    """Return how far apart two states may be to be scored; None for any two."""
    return 1 if params.pairs == "adjacent" else None


def _said(measured: Measurement, params: LinearityParams) -> dict[str, str]:
    if params.in_sample:
        return in_sample_finding(measured.profile)
    if params.granularity == SUBLAYER:
        return sublayer_finding(measured.profile, exclude=params.exclude)
    return finding(measured.profile, measured.kept, exclude=params.exclude)


def _ablation(run: Run) -> Found:
    params = AblationParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, _ = run.material(params.sampling)
    measured = measure_ablation(material, params, run.progress, run.checkpoints)
    return Found(AblationResult, _values(measured) | {"guard": None}, measured.work)


def _plan(run: Run) -> Found:
    params = PlanParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, _ = run.material(params.sampling)
    measured = measure_plan(material, params, run.progress)
    return Found(PlanResult, _values(measured), measured.work)


def _answers(run: Run) -> Found:
    params = AnswersParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, records = run.material(params.sampling)
    healed = run.healed(params)
    measured = measure_answers(material, params, records, run.progress, healed)
    return Found(AnswersResult, _values(measured))


def _export(run: Run) -> Found:
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
    return Found(ExportResult, values)


def _heal(run: Run) -> Found:
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
    return Found(HealResult, values | {"weights": Weights(sha256, size, params.train)})


def _benchmark(run: Run) -> Found:
    params = BenchmarkParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    # Questions first: what cannot be asked is said before a model is loaded.
    harness = LmEvaluationHarness(params, load_questions(params.questions, run.store))
    material, _ = run.material(params.sampling)
    measured = measure_benchmark(
        material, params, harness, run.progress, run.checkpoints, run.healed(params)
    )
    lines = commands(params, run.model, device=run.placement.device)
    return Found(BenchmarkResult, _values(measured) | {"commands": lines})


def _passage(run: Run) -> Found:
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
    return Found(PassageResult, _values(measure_passage(loaded, ids, maps, params)))


def _speed(run: Run) -> Found:
    params = SpeedParams(**run.request.params)  # type: ignore[arg-type]  # written by as_json
    material, records = run.material(params.sampling)
    engine = engine_here(run.placement.devices, dtype=params.dtype, attention=params.attention)
    measured = measure_speed(
        material, params, records, run.progress, engine=engine, healed=run.healed(params)
    )
    return Found(SpeedResult, _values(measured))


STUDIES: dict[str, Callable[[Run], Found]] = {
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


class Enveloped:
    """Puts the run's name and inputs around every partial result."""

    def __init__(self, inner: Progress, envelope: dict[str, Json]) -> None:
        self._inner, self._envelope = inner, envelope
        self._last: tuple[int, int, str, float] = (0, 1, "", 0.0)
        self.log = inner.log

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Pass it on, and remember it."""
        self._last = (done, total, unit, share)
        self._inner.step(done, total, unit, share)

    def check(self) -> None:
        """Say the same again: a sign of life, and a chance to stop."""
        self._inner.step(*self._last)

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Pass it on with the run's name and inputs."""
        self._inner.partial(lambda: self._envelope | build())


def _values(measured: Any) -> dict[str, Any]:  # Any: a frozen dataclass of a study
    return {f.name: getattr(measured, f.name) for f in fields(measured) if f.name != "work"}
