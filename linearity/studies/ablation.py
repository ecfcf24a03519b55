"""The kind `ablation`: single blocks, growing plans of every strategy, and pairs, measured.

::

    split A, dense -> every block changed alone -> orders -> curves -> pairs of mild blocks

Every measured plan is remembered by its text, so a plan that two strategies share is measured
once, and a run that is taken up again measures only what is missing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import torch

from linearity.contracts.ablation import (
    FITTED,
    AblationParams,
    Curve,
    Interaction,
    Point,
    RankCorrelation,
    SingleDamage,
    StrategyScores,
)
from linearity.contracts.actions import Plan
from linearity.contracts.canonical import Json
from linearity.contracts.common import Protocol, Quality, SplitFacts
from linearity.contracts.runs import RunWarning
from linearity.ports import Checkpoints, NoCheckpoints, Progress
from linearity.prune.strategies import (
    best_spans,
    order_by,
    span_plan,
)
from linearity.studies.ablation_finding import ablation_finding
from linearity.studies.ablation_warnings import ablation_warnings
from linearity.studies.greedy import greedy_order
from linearity.studies.material import Material
from linearity.studies.orders import Orders, changeable, seeded_order
from linearity.studies.quality_warnings import category_warnings
from linearity.studies.ranking import BlockScores, score_blocks
from linearity.studies.work import Work, WorkMeter

MOST_PARTIALS = 200


@dataclass(frozen=True)
class AblationMeasurement:
    """All numbers of a run, before a result is made of them."""

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    scores: list[StrategyScores]
    single: list[SingleDamage]
    curves: list[Curve]
    rank_correlation: list[RankCorrelation]
    interaction: Interaction | None
    finding: dict[str, str]
    warnings: list[RunWarning]
    work: Work


def measure_ablation(
    material: Material,
    params: AblationParams,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> AblationMeasurement:
    """Measure what changing blocks costs.

    Parameters
    ----------
    material : Material
    params : AblationParams
    progress : Progress
        Receives measurements done and partial results, and may stop the run.
    checkpoints : Checkpoints, optional
        Every finished measurement is kept there.

    Raises
    ------
    LinearScopeError
        Where a split is empty, or states are degenerate or not finite.
    """
    study = _Study(material, params, progress, checkpoints or NoCheckpoints())
    study.start()
    study.measure_single()
    study.measure_curves()
    study.measure_pairs()
    return study.finish()


@dataclass
class _Found:
    """What has been measured so far."""

    dense: dict[str, float] = field(default_factory=dict)
    blocks: BlockScores | None = None
    scores: list[StrategyScores] = field(default_factory=list)
    single: list[SingleDamage] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    interaction: Interaction | None = None


@dataclass(frozen=True)
class _Wanted:
    """A curve that was asked for."""

    strategy: str
    action: str
    fitting: str | None
    seed: int | None


class _Study:
    """The steps of one run; holds what they share."""

    def __init__(
        self,
        material: Material,
        params: AblationParams,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> None:
        self.material, self.params, self.progress = material, params, progress
        self.checkpoints = checkpoints
        self.known: dict[str, Any] = dict(checkpoints.load())
        self.found = _Found()
        self.bench = material.bench("select")
        self.work = WorkMeter(self.bench)
        self.done, self.shown, self.prepared = 0, 0, 0.0
        self.total = self._count()

    def start(self) -> None:
        self._tell()
        loss = self.bench.dense_loss
        self.found.dense = {"nll": loss, "ppl": math.exp(loss)}
        for name, value in self.known.items():
            if name.startswith("rule:"):
                self.material.rules[int(name.removeprefix("rule:"))] = value
        if not self.params.ranks_by_scores:
            return
        if "scores" not in self.known:
            fits = any(strategy in FITTED for strategy in self.params.strategies)
            scores = score_blocks(self.material, self._scored, fits=fits)
            self._keep("scores", scores.as_json())
        self.found.blocks = BlockScores(**self.known["scores"])

    def _scored(self, block: int) -> None:
        # The dense pass over split F takes about as long as the maps that follow.
        self.prepared = 0.5 + 0.5 * (block + 1) / self.material.blocks
        self._tell()

    def measure_single(self) -> None:
        self.prepared = 1.0
        for action in self._single_actions():
            for block in changeable(action, self.material.blocks):
                quality = self.quality(Plan.of([block], action), "one_shot")
                self.found.single.append(self._single(block, action, quality))
        self.found.scores = self._orders().scores(self.params.strategies, self.params.actions)

    def measure_curves(self) -> None:
        self.material.forget()
        for wanted in self._wanted():
            plans = self._plans(wanted)
            points: list[Point] = []
            curve = Curve(
                wanted.strategy, wanted.action, wanted.fitting, wanted.seed, plans.order, points
            )
            self.found.curves.append(curve)
            for plan in plans.plans:
                quality = self.quality(plan, wanted.fitting or "one_shot")
                points.append(
                    Point.of(
                        changed=plan.changed,
                        plan=plan.text,
                        edge=self._is_edge(plan.blocks),
                        quality=quality,
                    )
                )
            self.material.forget()

    def measure_pairs(self) -> None:
        if not self.params.interaction:
            return
        damage = self._orders().damage("drop")
        mild = sorted(order_by([damage[b] for b in range(len(damage))])[: self.params.interaction])
        size = len(mild)
        both: list[list[float | None]] = [[None] * size for _ in mild]
        extra: list[list[float | None]] = [[None] * size for _ in mild]
        self.found.interaction = Interaction(mild, both, extra)
        for i, block in enumerate(mild):
            both[i][i] = damage[block]
        for (i, one), (j, other) in combinations(enumerate(mild), 2):
            quality = self.quality(Plan.of([one, other], "drop"), "one_shot")
            both[i][j] = both[j][i] = quality.nll_diff
            extra[i][j] = quality.nll_diff - damage[one] - damage[other]

    def finish(self) -> AblationMeasurement:
        correlations = self._orders().correlations(self.params, self.found.curves)
        self.done = self.total
        self._tell()
        found, protocol = self.found, self.material.protocol("select")
        return AblationMeasurement(
            splits=self._splits(),
            protocol=protocol,
            dense=found.dense,
            scores=found.scores,
            single=found.single,
            curves=found.curves,
            rank_correlation=correlations,
            interaction=found.interaction,
            finding=ablation_finding(found.single, found.curves, correlations),
            warnings=self._warnings(),
            work=self.work.until_now(),
        )

    def _warnings(self) -> list[RunWarning]:
        found = ablation_warnings(
            self.params,
            self.material.protocol("select"),
            self._splits(),
            width=self.material.model.width,
            correlations=self._orders().correlations(self.params, self.found.curves),
        )
        found += self.material.record_warnings("select")
        return found + category_warnings(self.bench.categories)

    def quality(self, plan: Plan, fitting: str) -> Quality:
        """Return a plan's quality, measured unless it is known."""
        self._tell()
        uses_maps = any(step.action != "drop" for step in plan.steps)
        name = f"quality:{fitting if uses_maps else ''}:{plan.text}"
        if name not in self.known:
            quality = self.bench.quality(self.material.changes(plan, fitting))
            self._keep_rules()
            self._keep(name, quality.as_json())
        self.done += 1
        self._show()
        return Quality.from_json(self.known[name])

    def _plans(self, wanted: _Wanted) -> "_Plans":
        if wanted.strategy == "span_angular":
            return _Plans(None, self._span_plans(wanted.action))
        order = self._order(wanted)[: self.params.changed]
        plans = [Plan.of(order[: k + 1], wanted.action) for k in range(len(order))]
        return _Plans(order, plans)

    def _order(self, wanted: _Wanted) -> list[int]:
        if wanted.strategy == "greedy_loss":
            return self._greedy(wanted.action)
        if wanted.strategy == "random":
            order = seeded_order(self.params, self.material.blocks, wanted.seed or 0)
        else:
            order = order_by(self._orders().values(wanted.strategy, wanted.action))
        allowed = changeable(wanted.action, self.material.blocks)
        return [block for block in order if block in allowed]

    def _orders(self) -> Orders:
        return Orders(self.material.blocks, self.found.blocks, self.found.single)

    def _greedy(self, action: str) -> list[int]:
        """Search with one-shot maps; a sequential curve measures the order that they gave."""
        name = f"greedy:{action}"
        known: list[int] = list(self.known.get(name, []))
        return greedy_order(
            self.material,
            action=action,
            changed=self.params.changed,
            known=known,
            after_step=lambda order: self._keep(name, order),
            after_trial=self._trial,
        )

    def _trial(self) -> None:
        self.done += 1
        self._tell()

    def _span_plans(self, action: str) -> list[Plan]:
        assert self.found.blocks is not None
        angles = torch.tensor(self.found.blocks.angles, dtype=torch.float64)
        offset = 1 if action == "merged" else 0
        spans = best_spans(angles[offset:, offset:], longest=self.params.changed)
        return [span_plan(range(s.start + offset, s.stop + offset), action) for s in spans]

    def _single(self, block: int, action: str, quality: Quality) -> SingleDamage:
        return SingleDamage(
            block=block,
            action=action,
            rule=self.material.rule(block) if action == "linear" else None,
            nll_diff=quality.nll_diff,
            ci95=quality.ci95,
            kl=quality.kl,
            top1=quality.top1,
            edge=self._is_edge([block]),
            categories=quality.categories,
        )

    def _is_edge(self, blocks: Sequence[int]) -> bool:
        return 0 in blocks or self.material.blocks - 1 in blocks

    def _single_actions(self) -> list[str]:
        actions = list(self.params.actions)
        if self.params.interaction and "drop" not in actions:
            actions.append("drop")
        return actions

    def _wanted(self) -> Iterator[_Wanted]:
        for strategy in self.params.strategies:
            seeds = range(self.params.random_seeds) if strategy == "random" else [None]
            for action in self.params.actions:
                fittings = [None] if action == "drop" else self.params.fitting
                for fitting in fittings:
                    for seed in seeds:
                        yield _Wanted(strategy, action, fitting, seed)

    def _splits(self) -> dict[str, SplitFacts]:
        fits = self.params.fits or self.params.ranks_by_scores
        return self.material.split_facts(measured="select", fits=fits)

    def _count(self) -> int:
        """Return how many measurements the run takes."""
        L, changed = self.material.blocks, self.params.changed
        single = sum(len(changeable(action, L)) for action in self._single_actions())
        wanted = [(w.strategy, len(changeable(w.action, L))) for w in self._wanted()]
        points = sum(min(changed, blocks) for _, blocks in wanted)
        # Every greedy curve counts its trials, also where another one has made them already.
        trials = sum(
            blocks - k
            for strategy, blocks in wanted
            if strategy == "greedy_loss"
            for k in range(min(changed, blocks))
        )
        pairs = self.params.interaction * (self.params.interaction - 1) // 2
        return single + points + trials + pairs

    def _keep(self, name: str, value: Json) -> None:
        self.known[name] = value
        self.checkpoints.save(name, value)

    def _keep_rules(self) -> None:
        for block, rule in self.material.rules.items():
            if f"rule:{block}" not in self.known:
                self._keep(f"rule:{block}", rule)

    def _tell(self) -> None:
        weight = self._preparation()
        share = (self.prepared * weight + self.done) / (weight + self.total)
        self.progress.step(self.done, self.total, "measurements", share)

    def _preparation(self) -> float:
        """Return how many measurements the states and maps of split F take, roughly."""
        if not (self.params.fits or self.params.ranks_by_scores):
            return 0.0
        return self.params.fit_tokens / self.params.select_tokens

    def _show(self) -> None:
        if self.done < self.total and self.done - self.shown >= self.total / MOST_PARTIALS:
            self.shown = self.done
            self.progress.partial(self._partial)

    def _partial(self) -> dict[str, Json]:
        """Return what can be said so far, in the shape of a result with gaps."""
        found = self.found
        return {
            "splits": {name: asdict(facts) for name, facts in self._splits().items()},
            "protocol": asdict(self.material.protocol("select")),
            "dense": found.dense,
            "scores": [asdict(scores) for scores in found.scores],
            "single": [asdict(single) for single in found.single],
            "curves": [asdict(curve) for curve in found.curves],
            "rank_correlation": [],
            "interaction": asdict(found.interaction) if found.interaction else None,
            "guard": None,
            "finding": None,
            "warnings": [],
            "partial": {"done": self.done, "total": self.total},
        }


@dataclass(frozen=True)
class _Plans:
    """The growing plans of a curve."""

    order: list[int] | None
    plans: list[Plan]
