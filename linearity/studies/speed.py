"""The kind `speed` in this process: the dense and the changed model by turns, load by load.

::

    prompts of one length -> maps of the plan -> per load: warm-up, then pairs
    (dense, changed), (changed, dense), ... -> the cost map of the dense model

Both sides are the same network: the changed one is carried out in place for as long as its turn
lasts, so they share weights, device and software, and a pair lies within seconds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from linearity.contracts.canonical import Json
from linearity.contracts.common import SplitFacts
from linearity.contracts.inputs import Document
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.runs import RunWarning
from linearity.contracts.speed import CostMap, SideSize, SpeedParams
from linearity.contracts.timings import SIDES, Engine, Lengths, LoadPoint, SideMemory
from linearity.models.changes import Changes, unchanged
from linearity.models.decoding import Decoded, decode
from linearity.models.healed import HealedWeights
from linearity.models.surgery import carried_out
from linearity.ports import Progress
from linearity.studies.building import Built
from linearity.studies.changed_model import build_changed
from linearity.studies.material import Material
from linearity.studies.quality_warnings import fit_warnings
from linearity.studies.speed_costs import cost_map, prefill_operations
from linearity.studies.speed_finding import speed_finding, speed_warnings
from linearity.studies.speed_points import Batch, Expected, load_point
from linearity.studies.speed_prompts import SpeedPrompts, speed_prompts
from linearity.studies.speed_sizes import side_size

FITTING_SHARE = 0.3
"""Part of a run's time before the first pair, where maps are fitted; for display only."""
COSTS_SHARE = 0.1


@dataclass(frozen=True)
class SpeedMeasurement:
    """All numbers of a run, before a result is made of them."""

    engine: Engine
    lengths: Lengths
    warmup: int | None
    points: list[LoadPoint]
    splits: dict[str, SplitFacts]
    steps: list[MeasuredStep]
    sides: dict[str, SideSize] | None
    ceiling: float | None
    costs: CostMap | None
    finding: dict[str, str]
    warnings: list[RunWarning]


def measure_speed(
    material: Material,
    params: SpeedParams,
    records: Sequence[Document],
    progress: Progress,
    *,
    engine: Engine,
    healed: HealedWeights | None = None,
) -> SpeedMeasurement:
    """Time the dense and the changed model by turns.

    Parameters
    ----------
    material : Material
    params : SpeedParams
    records : sequence of Document
        The dataset that `material` was made from.
    progress : Progress
        Receives pairs done and partial results, and may stop the run.
    engine : Engine
        What runs the models here.
    healed : HealedWeights or None
        Those that `params.healed` names.

    Raises
    ------
    TooFewTokensError, HealedMismatchError, torch.OutOfMemoryError
        The last only if not even the smallest batch fits.
    """
    return _Study(material, params, records, progress, engine).run(healed)


class _Turn(NamedTuple):
    """What one side took in one pair."""

    decoded: Decoded
    peak_bytes: int | None


class _Study:
    """The steps of one run; holds what they share."""

    def __init__(
        self,
        material: Material,
        params: SpeedParams,
        records: Sequence[Document],
        progress: Progress,
        engine: Engine,
    ) -> None:
        self.material, self.params, self.progress, self.engine = material, params, progress, engine
        self.model = material.model
        self.done = 0
        self.points: list[LoadPoint] = []
        self.warnings: list[RunWarning] = []
        self._step()
        self.prompts: SpeedPrompts = speed_prompts(material, params, records)

    @property
    def pairs_in_all(self) -> int:
        return len(self.params.batches) * (self.params.warmup + self.params.pairs)

    def run(self, healed: HealedWeights | None) -> SpeedMeasurement:
        built = build_changed(self.material, self.params, healed)
        changes = {"dense": unchanged(self.material.blocks), "changed": built.changes}
        sizes = {side: side_size(self.model, changes[side]) for side in SIDES}
        expected = self._expected(changes, sizes)
        for load in self.params.batches:
            try:
                batch = self._batch(load, changes, sizes)
            except torch.OutOfMemoryError:
                if not self.points:
                    raise
                self._gave_up(load)
                break
            self.points.append(load_point(batch, expected))
            self.progress.partial(lambda: self._partial(built, sizes))
        costs = cost_map(
            self.model,
            [self._ids(1, number) for number in range(self.params.pairs + 1)],
            self.prompts.new_tokens,
            check=self._step,
        )
        return self._measurement(built, sizes, costs)

    def _batch(self, load: int, changes: dict[str, Changes], sizes: dict[str, SideSize]) -> Batch:
        """Measure one load: every other pair begins with the changed model."""
        turns: dict[str, list[_Turn]] = {side: [] for side in SIDES}
        for pair in range(self.params.warmup + self.params.pairs):
            ids = self._ids(load, pair)
            for side in SIDES if pair % 2 == 0 else SIDES[::-1]:
                turn = self._turn(changes[side], ids)
                if pair >= self.params.warmup:
                    turns[side].append(turn)
            self.done += 1
        return Batch(
            load=load,
            new_tokens=self.prompts.new_tokens,
            decoded={side: [turn.decoded for turn in turns[side]] for side in SIDES},
            memory={side: _memory(turns[side], sizes[side]) for side in SIDES},
        )

    def _turn(self, changes: Changes, ids: Tensor) -> _Turn:
        cuda = self.model.device.type == "cuda"
        with carried_out(self.model, changes) as network:
            before = 0
            if cuda:
                torch.cuda.reset_peak_memory_stats(self.model.device)
                before = torch.cuda.memory_allocated(self.model.device)
            decoded = decode(network, ids, self.prompts.new_tokens, check=self._step)
            if not cuda:
                return _Turn(decoded, None)
            return _Turn(decoded, torch.cuda.max_memory_allocated(self.model.device) - before)

    def _expected(self, changes: dict[str, Changes], sizes: dict[str, SideSize]) -> Expected:
        flops = {}
        for side in SIDES:
            with carried_out(self.model, changes[side]) as network:
                flops[side] = prefill_operations(network, self._ids(1, 0))
        has_router = self.model.layout.family.stacks is not None
        return Expected(
            flops, None if has_router else {side: sizes[side].step_bytes for side in SIDES}
        )

    def _ids(self, load: int, number: int) -> Tensor:
        return self.prompts.batch(load, number, self.model.device)

    def _step(self) -> None:
        """Say how far the run is; a step is also where it may be stopped."""
        start = FITTING_SHARE if self.params.fits else 0.0
        total = self.pairs_in_all
        share = start + (1 - start - COSTS_SHARE) * self.done / total if self.done else 0.0
        self.progress.step(self.done, total, "pairs", share)

    def _gave_up(self, load: int) -> None:
        torch.cuda.empty_cache()
        left_out = [batch for batch in self.params.batches if batch >= load]
        self.done = self.pairs_in_all
        self.warnings.append(
            RunWarning(
                "batch_did_not_fit",
                f"{load:,} sequences at once do not fit on {self.model.device}: they and what is "
                "larger were left out",
                {"batches": list(left_out), "device": str(self.model.device)},
            )
        )

    def _partial(self, built: Built, sizes: dict[str, SideSize]) -> dict[str, Json]:
        measured = asdict(self._measurement(built, sizes, None))
        done = {"done": self.done, "total": self.pairs_in_all}
        return measured | {"finding": None, "partial": done}

    def _measurement(
        self, built: Built, sizes: dict[str, SideSize], costs: CostMap | None
    ) -> SpeedMeasurement:
        ceiling = self.material.blocks / sizes["changed"].blocks
        fit = self.prompts.facts["fit"]
        width = self.model.width
        fitted = fit_warnings(self.params.sampling, fit, width=width) if self.params.fits else []
        return SpeedMeasurement(
            engine=self.engine,
            lengths=self.prompts.lengths,
            warmup=self.params.warmup,
            points=list(self.points),
            splits=self.prompts.facts,
            steps=built.steps,
            sides=sizes,
            ceiling=ceiling,
            costs=costs,
            finding=speed_finding(self.points, self.engine),
            warnings=[*self.warnings, *speed_warnings(self.points, ceiling), *fitted],
        )


def _memory(turns: Sequence[_Turn], sizes: SideSize) -> SideMemory:
    """Return what a side took: its own weights, and the most that lay above them."""
    peaks = [turn.peak_bytes for turn in turns if turn.peak_bytes is not None]
    return SideMemory(
        weight_bytes=sizes.weight_bytes,
        cache_bytes=max(turn.decoded.cache_bytes[1] for turn in turns),
        peak_bytes=sizes.weight_bytes + max(peaks) if peaks else None,
    )
