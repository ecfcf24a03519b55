"""The kind `benchmark`: multiple-choice questions answered by the dense and the changed model.

::

    questions -> the harness forms prompts -> log-likelihood of every choice, dense model
              -> maps of the plan          -> the same, changed model
              -> the harness judges both   -> paired scores, items, finding

Every piece of log-likelihoods is kept when it is done, so a run that is taken up again goes on
where it was (docs/decisions/0034).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from linearity.contracts.benchmark import (
    BenchmarkParams,
    CategoryScore,
    ItemResult,
    PairedScore,
    SideItem,
    TaskScores,
)
from linearity.contracts.common import MOST_CATEGORIES, SplitFacts
from linearity.contracts.runs import RunWarning
from linearity.evaluate.paired_scores import paired_score
from linearity.models.healed import HealedWeights
from linearity.models.likelihood import Ids, Scored, is_cut, score_continuations
from linearity.models.loaded import LoadedModel
from linearity.ports import Checkpoints, Progress
from linearity.studies.benchmark_finding import benchmark_finding
from linearity.studies.benchmark_warnings import benchmark_warnings
from linearity.studies.changed_model import changed_network
from linearity.studies.material import Material
from linearity.studies.quality_warnings import fit_warnings

PIECE = 256
"""So many choices are scored between two checkpoints."""
SIDES = ("dense", "changed")


@dataclass(frozen=True)
class Question:
    """A question as the harness asked it, and what it made of one model's answer.

    Parameters
    ----------
    index : int
        Its place among the questions of its task.
    category : str or None
    text : str
        Its beginning.
    choices : list of str
        Their beginnings; empty where the task has none.
    gold : int or None
    answer : SideItem
    """

    index: int
    category: str | None
    text: str
    choices: list[str]
    gold: int | None
    answer: SideItem


@dataclass(frozen=True)
class Answered:
    """One model's answers to one task."""

    task: str
    version: str
    questions: list[Question]


class Scorer(Protocol):
    """Says how likely a model holds continuations of contexts."""

    def __call__(self, pairs: Sequence[tuple[Ids, Ids]]) -> list[Scored]:
        """Score (context, continuation) pairs of token ids, in their order."""


class Harness(Protocol):
    """What forms prompts of questions and judges answers: lm-evaluation-harness."""

    version: str

    @property
    def questions(self) -> int:
        """How many questions all tasks ask."""

    def ask(self, model: LoadedModel, score: Scorer) -> list[Answered]:
        """Ask a model every question; `score` says how likely it holds each choice."""


@dataclass(frozen=True)
class BenchmarkMeasurement:
    """All numbers of a run, before a result is made of them."""

    harness: dict[str, str]
    splits: dict[str, SplitFacts]
    tasks: list[TaskScores]
    items: list[ItemResult]
    finding: dict[str, str]
    warnings: list[RunWarning]


def measure_benchmark(
    material: Material,
    params: BenchmarkParams,
    harness: Harness,
    progress: Progress,
    checkpoints: Checkpoints,
    healed: HealedWeights | None = None,
) -> BenchmarkMeasurement:
    """Ask the dense and the changed model the same questions.

    Parameters
    ----------
    material : Material
    params : BenchmarkParams
    harness : Harness
    progress : Progress
        Receives questions done; may stop the run.
    checkpoints : Checkpoints
        What is scored already is not scored again.
    healed : HealedWeights or None
        Those that `params.healed` names.

    Raises
    ------
    NonFiniteStatesError, OutOfDeviceMemoryError, TooFewTokensError, HealedMismatchError
    """
    asking = _Asking(material.model, harness, progress, checkpoints)
    dense = asking.answers("dense")
    with changed_network(material, params, healed):
        changed = asking.answers("changed")
    items = _items(dense, changed)
    tasks = [_scores(answered, items) for answered in dense]
    fit = material.split_facts(measured="preview", fits=params.fits)["fit"]
    warnings = benchmark_warnings(tasks, cut=asking.cut)
    if params.fits:
        warnings += fit_warnings(params.sampling, fit, width=material.model.width)
    return BenchmarkMeasurement(
        harness={"name": "lm-evaluation-harness", "version": harness.version},
        splits={"fit": fit},
        tasks=tasks,
        items=items,
        finding=benchmark_finding(tasks),
        warnings=warnings,
    )


@dataclass
class _Asking:
    """Both models' turns; counts what is done and keeps it."""

    model: LoadedModel
    harness: Harness
    progress: Progress
    checkpoints: Checkpoints
    cut: int = 0
    """Rows of one model that did not fit into its input whole."""
    share: float = field(default=0.0, init=False)

    def answers(self, side: str) -> list[Answered]:
        before = SIDES.index(side) / len(SIDES)
        self._step(before)
        kept = self.checkpoints.load()

        def score(pairs: Sequence[tuple[Ids, Ids]]) -> list[Scored]:
            self.cut = sum(is_cut(self.model, *pair) for pair in pairs)
            scored: list[Scored] = []
            for start in range(0, len(pairs), PIECE):
                name = f"{side}-{self.harness.version}-{start}"
                piece = _read(kept.get(name))
                if piece is None:
                    piece = score_continuations(
                        self.model, pairs[start : start + PIECE], check=self._check
                    )
                    values = [[item.loglikelihood, item.is_greedy] for item in piece]
                    self.checkpoints.save(name, values)
                scored += piece
                self._step(before + len(scored) / len(pairs) / len(SIDES))
            return scored

        return self.harness.ask(self.model, score)

    def _step(self, share: float) -> None:
        self.share = share
        self._check()

    def _check(self) -> None:
        total = self.harness.questions
        # A question is done when both models have answered it; the share counts each by itself.
        self.progress.step(int(total * self.share), total, "questions", self.share)


def _read(value: object) -> list[Scored] | None:
    if not isinstance(value, list):
        return None
    return [Scored(float(loglikelihood), bool(greedy)) for loglikelihood, greedy in value]


def _items(dense: Sequence[Answered], changed: Sequence[Answered]) -> list[ItemResult]:
    return [
        ItemResult(
            task=before.task,
            index=question.index,
            category=question.category,
            question=question.text,
            choices=question.choices,
            gold=question.gold,
            dense=question.answer,
            changed=other.answer,
        )
        for before, after in zip(dense, changed, strict=True)
        for question, other in zip(before.questions, after.questions, strict=True)
    ]


def _scores(answered: Answered, items: Sequence[ItemResult]) -> TaskScores:
    own = [item for item in items if item.task == answered.task]
    metrics = list(own[0].dense.scores)
    counts = [len(item.choices) for item in own]
    return TaskScores(
        task=answered.task,
        version=answered.version,
        questions=len(own),
        chance=sum(1 / count for count in counts) / len(own) if all(counts) else None,
        scores=[_paired(metric, own) for metric in metrics],
        categories=_categories(own, metrics[:1]),
    )


def _paired(metric: str, items: Sequence[ItemResult]) -> PairedScore:
    return paired_score(
        metric,
        [item.dense.scores[metric] for item in items],
        [item.changed.scores[metric] for item in items],
    )


def _categories(items: Sequence[ItemResult], metrics: Sequence[str]) -> list[CategoryScore]:
    counts = Counter(item.category for item in items if item.category is not None)
    ordered = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CATEGORIES]
    return [
        CategoryScore(name, counts[name], _paired(metric, members))
        for metric in metrics
        for name in ordered
        if (members := [item for item in items if item.category == name])
    ]
