"""The kind `heal`: train a changed model on split F, before and after measured on split B.

::

    plan -> fitted maps -> [sweep: its mildest steps, each removed, replaced, healed]
         -> training on split F, watched on split A -> before and after on the same split B
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from linearity.contracts.ablation import Point
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.common import Protocol, Quality, SplitFacts
from linearity.contracts.heal import (
    CurvePoint,
    Difference,
    HealParams,
    SweepPoint,
    Training,
    Tuned,
)
from linearity.contracts.plan import DocumentQuality, Guard, MeasuredStep
from linearity.contracts.runs import RunWarning
from linearity.evaluate.quality import paired_interval
from linearity.models.changes import Changes, unchanged
from linearity.models.healed import HealedWeights, healed_tensors
from linearity.models.student import Student
from linearity.ports import Checkpoints, NoCheckpoints, Progress
from linearity.studies.building import Built
from linearity.studies.changed_model import build_changed
from linearity.studies.guard import document_qualities, guard_of
from linearity.studies.heal_finding import heal_finding
from linearity.studies.heal_warnings import heal_warnings
from linearity.studies.material import Material
from linearity.studies.sweep import mildest_first, removed, smaller_plan
from linearity.studies.training import Trained, Trainer


@dataclass(frozen=True)
class HealMeasurement:
    """All numbers of a run, before a result is made of them; and the weights that were trained."""

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    steps: list[MeasuredStep]
    before: Point
    after: Point
    healing: Difference
    recovered: float | None
    training: list[Training]
    sweep: list[SweepPoint]
    tuned: Tuned | None
    documents: list[DocumentQuality]
    guard: Guard
    finding: dict[str, str]
    warnings: list[RunWarning]
    tensors: dict[str, Tensor]


def heal(
    material: Material,
    params: HealParams,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
    healed: HealedWeights | None = None,
) -> HealMeasurement:
    """Heal one changed model.

    Parameters
    ----------
    material : Material
    params : HealParams
    progress : Progress
        Receives training steps done and partial results, and may stop the run.
    checkpoints : Checkpoints, optional
        Every finished piece is kept there, and the training that is going on.
    healed : HealedWeights, optional
        Where training begins, if not at the fitted maps.

    Raises
    ------
    LinearScopeError
        Where a split is empty, or a loss is not finite.
    """
    study = _Study(material, params, progress, checkpoints or NoCheckpoints())
    built = build_changed(material, params, healed)
    study.prepare()
    study.measure_sweep()
    study.tune_dense()
    trained = study.train("changed", built.changes)
    study.measure_whole(built.changes, trained)
    return study.finish(built, trained)


class _Study:
    """The steps of one run; holds what they share."""

    def __init__(
        self,
        material: Material,
        params: HealParams,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> None:
        self.material, self.params, self.progress = material, params, progress
        self.checkpoints = checkpoints
        self.plan = parse_plan(params.plan, blocks=material.blocks)
        self.known: dict[str, Any] = dict(checkpoints.load())
        self.sweep: list[SweepPoint] = []
        self.training: list[Training] = []
        self.dense_after: Tensor | None = None
        self.trainings = 1 + len(params.sweep) + (params.objective == "text")
        self.trained = 0
        self._tell(0)

    def prepare(self) -> None:
        """Take the text: split A to watch, windows of split F to train on."""
        params = self.params
        self.watch = self.material.bench("select")
        self.bench = self.material.bench(params.split)
        self.windows = self.material.training_windows(params.steps * params.batch * params.context)
        self._show([])

    def measure_sweep(self) -> None:
        """Heal models of fewer steps, the mildest first."""
        if not self.params.sweep:
            return
        if "order" not in self.known:
            order = mildest_first(self.plan, self.params.fitting, self.material, self.watch)
            self._keep("order", [self.plan.steps.index(step) for step in order])
        order = [self.plan.steps[k] for k in self.known["order"]]
        for count in self.params.sweep:
            plan = smaller_plan(order, count)
            name = f"sweep:{count}"
            if name not in self.known:
                changes = self.material.changes(plan, self.params.fitting)
                trained = self._trained(name, changes)
                self._keep(name, asdict(self._swept(plan, changes, trained)))
            self.sweep.append(_sweep_point(self.known[name]))
            self.trained += 1
            self._show([])

    def tune_dense(self) -> None:
        """Train the dense model on the text, if that is asked for."""
        if self.params.objective != "text":
            return
        if "dense" not in self.known:
            trained = self._trained("dense", unchanged(self.material.blocks))
            nll = self.bench.tokens(trained.changes).nll
            self._keep("dense", {"nll": nll.tolist(), "training": asdict(trained.training)})
        kept = self.known["dense"]
        self.training.append(_training(kept["training"]))
        self.dense_after = torch.tensor(
            kept["nll"], dtype=torch.float64, device=self.bench.reference.nll.device
        )
        self.trained += 1

    def train(self, name: str, changes: Changes) -> Trained:
        """Train the model that the run is about."""
        trained = self._trained(name, changes)
        self.training.append(trained.training)
        return trained

    def measure_whole(self, changes: Changes, trained: Trained) -> None:
        """Put the whole plan behind the smaller ones."""
        if self.params.sweep:
            self.sweep.append(self._swept(self.plan, changes, trained))

    def finish(self, built: Built, trained: Trained) -> HealMeasurement:
        """Measure before and after."""
        material, bench, params = self.material, self.bench, self.params
        before, after = bench.tokens(built.changes), bench.tokens(trained.changes)
        documents = document_qualities(material, bench, after)
        points = [self._point(self.plan, bench.summary(tokens)) for tokens in (before, after)]
        protocol, dense = material.protocol(params.split), bench.dense_loss
        healing = self._difference(after.nll, before.nll)
        tuned = None
        if self.dense_after is not None:
            reference = bench.reference.nll
            tuned = Tuned(
                dense=self._difference(self.dense_after, reference),
                changed=healing,
                gap_before=self._difference(before.nll, reference),
                gap_after=self._difference(after.nll, self.dense_after),
            )
        splits = material.split_facts(measured=params.split, fits=True)
        splits = self._with_training(splits)
        self.trained = self.trainings
        self._tell(0)
        return HealMeasurement(
            splits=splits,
            protocol=protocol,
            dense={"nll": dense, "ppl": math.exp(dense)},
            steps=built.steps,
            before=points[0],
            after=points[1],
            healing=healing,
            recovered=_recovered(*points),
            training=self.training,
            sweep=self.sweep,
            tuned=tuned,
            documents=documents,
            guard=guard_of(material, bench, after, documents, points[1]),
            finding=heal_finding(points[0], points[1], healing, tuned, protocol),
            warnings=heal_warnings(material, params, splits, self.training, healing),
            tensors=healed_tensors(trained.changes, material.model),
        )

    def _trained(self, name: str, changes: Changes) -> Trained:
        params = self.params
        student = Student(
            self.material.model, changes, train=params.train, rank=params.rank, seed=params.seed
        )
        if not student.parameters:  # the mildest steps of a sweep may all be drops
            return Trained(changes, Training("changed", 0, 0, 0, 0.0, 0, []))
        trainer = Trainer(
            student,
            self.windows,
            params,
            name=name,
            watch=self.watch.quality,
            check=self._tell,
        )
        trained = trainer.run(self.checkpoints, self._show)
        self.material.forget()
        return trained

    def _swept(self, plan: Plan, changes: Changes, trained: Trained) -> SweepPoint:
        dropped = self.material.changes(removed(plan), "one_shot")
        return SweepPoint(
            steps=len(plan.steps),
            changed=plan.changed,
            plan=plan.text,
            removed=self._point(removed(plan), self.bench.quality(dropped)),
            replaced=self._point(plan, self.bench.quality(changes)),
            healed=self._point(plan, self.bench.quality(trained.changes)),
            best_step=trained.training.best_step,
        )

    def _point(self, plan: Plan, quality: Quality) -> Point:
        edge = 0 in plan.blocks or self.material.blocks - 1 in plan.blocks
        return Point.of(changed=plan.changed, plan=plan.text, edge=edge, quality=quality)

    def _difference(self, one: Tensor, other: Tensor) -> Difference:
        difference = one - other
        interval = paired_interval(difference, self.bench.reference.documents)
        return Difference(float(difference.mean()), None if interval is None else list(interval))

    def _with_training(self, splits: dict[str, SplitFacts]) -> dict[str, SplitFacts]:
        """Count what split F was used for: to train, and before that to fit maps."""
        used = {window.document for window in self.windows}
        tokens = sum(len(window.ids) for window in self.windows)
        fit = replace(splits["fit"], used_documents=len(used), tokens=tokens)
        watched = {window.document for window in self.watch.windows}
        select = replace(
            splits["select"],
            used_documents=len(watched),
            tokens=sum(len(window.ids) for window in self.watch.windows),
        )
        return splits | {"fit": fit, "select": select}

    def _keep(self, name: str, value: Json) -> None:
        self.known[name] = value
        self.checkpoints.save(name, value)

    def _tell(self, step: int) -> None:
        steps = self.params.steps
        done, total = self.trained * steps + step, self.trainings * steps
        self.progress.step(done, total, "steps", done / total)

    def _show(self, curve: Sequence[CurvePoint]) -> None:
        self.progress.partial(lambda: self._partial(curve))

    def _partial(self, curve: Sequence[CurvePoint]) -> dict[str, Json]:
        """Return what can be said so far, in the shape of a result with gaps."""
        now = Training("changed", 0, 0, 0, 0.0, 0, list(curve))
        training = [*self.training, now] if curve else self.training
        return {
            "dense": {"nll": self.watch.dense_loss, "ppl": math.exp(self.watch.dense_loss)},
            "training": [asdict(item) for item in training],
            "sweep": [asdict(point) for point in self.sweep],
            "finding": None,
            "warnings": [],
            "partial": {
                "done": self.trained * self.params.steps + (curve[-1].step if curve else 0),
                "total": self.trainings * self.params.steps,
            },
        }


def _recovered(before: Point, after: Point) -> float | None:
    """Return the share of the damage that healing took away."""
    return 1.0 - after.nll_diff / before.nll_diff if before.nll_diff > 0.0 else None


def _sweep_point(value: dict[str, Any]) -> SweepPoint:
    points = {name: _quality_point(value[name]) for name in ("removed", "replaced", "healed")}
    return SweepPoint(**{**value, **points})


def _quality_point(value: dict[str, Any]) -> Point:
    return Point.of(
        changed=value["changed"],
        plan=value["plan"],
        edge=value["edge"],
        quality=Quality.from_json(
            {name: v for name, v in value.items() if name not in ("changed", "plan", "edge")}
        ),
    )


def _training(value: dict[str, Any]) -> Training:
    return Training(**{**value, "curve": [CurvePoint(**point) for point in value["curve"]]})
