"""What measuring plans needs, made once and kept: text in three splits, states, fitted maps.

::

    documents -> split F (40 %) -> dense states -> maps that stand in for blocks
              -> split A (20 %) -> dense states -> curves, what-ifs, first-token rules
              -> split B (40 %) -> opened only for a plan that is frozen

Everything is made on first use, so a plan that only drops blocks never touches split F, and the
interactive worker keeps the whole of it between plans.
"""

from collections.abc import Sequence
from functools import cached_property

import torch

from linearity.contracts.actions import Plan, Step
from linearity.contracts.common import (
    FEWEST_FIT_TOKENS_PER_WIDTH,
    Protocol,
    Sampling,
    SplitFacts,
)
from linearity.contracts.inputs import Document
from linearity.contracts.plan import PREVIEW_TOKENS
from linearity.contracts.runs import RunWarning
from linearity.errors import TooFewTokensError
from linearity.measure.sampling import SamplingPlan, ThreeBudgets, ThreeSplits, sample_splits
from linearity.measure.windows import Window
from linearity.models.changes import AffineMap, Changes, kept
from linearity.models.down import Down, read_down
from linearity.models.loaded import LoadedModel
from linearity.models.replay import Check
from linearity.prune.replacements import merged_weight
from linearity.studies.bench import Bench
from linearity.studies.building import Builder, Built, Fitted, linear_segment
from linearity.studies.fit_split import FitSplit
from linearity.studies.recent import Recent
from linearity.studies.record_warnings import record_warnings
from linearity.studies.scripts import RecordScripts, used_template

PREVIEW_WINDOWS = 8
SHORTEST_PREVIEW = 16


class Material:
    """Model, text and everything derived from them.

    Parameters
    ----------
    model : LoadedModel
    documents : sequence of str
    sampling : Sampling
    categories : sequence of str or None, optional
        The route or task of each document.
    scripts : RecordScripts, optional
        What the model reads of each document, where that is not its text.

    Attributes
    ----------
    stop : Stop
        Asked often while something is made; its `check` is set anew for every run.
    rules : dict of block to "pass" | "mean"
        What was chosen for position 0 so far.
    """

    def __init__(
        self,
        model: LoadedModel,
        documents: Sequence[str],
        sampling: Sampling,
        categories: Sequence[str | None] | None = None,
        scripts: RecordScripts | None = None,
    ) -> None:
        self.model, self.sampling = model, sampling
        self.stop = Stop()
        self._documents = list(documents)
        self._categories, self._scripts = categories, scripts
        self._splits = self._sample(ThreeBudgets(0, sampling.select_tokens, 0))
        self._benches: dict[str, Bench] = {}
        self._fit: FitSplit | None = None
        # As many maps as the longest curve has, twice; a sequential one never needs older ones.
        self._fitted: Recent[tuple[str, ...], Fitted] = Recent(2 * self.blocks)
        self._merged: Recent[tuple[str, ...], tuple[Down, float]] = Recent(2 * self.blocks)
        self.rules: dict[int, str] = {}

    @classmethod
    def of(cls, model: LoadedModel, records: Sequence[Document], sampling: Sampling) -> "Material":
        """Make the material of a dataset's records."""
        texts, categories = [r.text for r in records], [r.category for r in records]
        scripts = RecordScripts(model, records, template=sampling.template, score=sampling.score)
        return cls(model, texts, sampling, categories, scripts)

    @property
    def blocks(self) -> int:
        """Number of blocks, L."""
        return len(self.model.layout.blocks)

    @property
    def parts(self) -> list[str]:
        """The documents, or the parts that a dataset of one document was cut into."""
        return self._splits.parts

    @property
    def categories(self) -> list[str | None]:
        """The category of each of the parts."""
        return self._splits.categories

    def documents_of(self, split: str) -> list[int]:
        """Return the documents that belong to ``fit``, ``select`` or ``report``."""
        return self._splits.documents[split]

    def bench(self, split: str) -> Bench:
        """Return where plans are measured: ``select``, ``preview`` or ``report``."""
        if split not in self._benches:
            windows = self._windows(split)
            self._benches[split] = Bench(
                self.model, windows, check=self.stop, categories=self.categories
            )
        return self._benches[split]

    def fit(self, *, maps: bool = True) -> FitSplit:
        """Return split F with the dense model's states, large enough for maps if there are any.

        Raises
        ------
        TooFewTokensError
        """
        if maps:
            check_enough(self.fit_windows, self.model.width)
        if self._fit is None:
            self._fit = FitSplit(self.model, self.fit_windows, check=self.stop)
        return self._fit

    @cached_property
    def fit_windows(self) -> list[Window]:
        """The windows of split F."""
        return self._sample(ThreeBudgets(self.sampling.fit_tokens, 0, 0)).fit

    def training_windows(self, tokens: int) -> list[Window]:
        """Return windows of split F to train on, in all of at most about so many tokens."""
        return self._sample(ThreeBudgets(tokens, 0, 0)).fit

    def forget(self) -> None:
        """Let go of the last plan's states: what comes next begins near the dense model."""
        for bench in self._benches.values():
            bench.passages.forget()
        if self._fit is not None:
            self._fit.passages.forget()

    def protocol(self, split: str) -> Protocol:
        """Return how quality is measured on a split."""
        bench = self.bench(split)
        context = max(len(window.ids) for window in bench.windows)
        bos = self.model.bos is not None
        return Protocol(
            split="select" if split == "preview" else split,
            tokens=len(bench.reference.targets),
            documents=len({window.document for window in bench.windows}),
            windows=len(bench.windows),
            context=context,
            stride=self.sampling.context - bos,
            bos=bos,
            context_tokens=sum(window.context for window in bench.windows),
            passed_over=sum(window.passed_over for window in bench.windows),
            template=used_template([window.rendered for window in bench.windows]),
        )

    def record_warnings(self, split: str) -> list[RunWarning]:
        """Return what to know about how the records measured on a split were read."""
        if self._scripts is None:
            return []
        return record_warnings(self._scripts, self.bench(split).windows)

    def split_facts(
        self, *, measured: str, fits: bool, rules: bool = False
    ) -> dict[str, SplitFacts]:
        """Return how large each split is and how much of it one run used.

        Parameters
        ----------
        measured : "select" | "preview" | "report"
        fits, rules : bool
            Whether the run used split F, and beginnings of split A to choose rules for position 0.
        """
        used = {"select" if measured == "preview" else measured: self.bench(measured).windows}
        if fits:
            used["fit"] = self.fit_windows
        if rules:
            used.setdefault("select", self._windows("preview"))
        return {name: self._facts(name, used.get(name, [])) for name in ("fit", "select", "report")}

    def changes(self, plan: Plan, fitting: str) -> Changes:
        """Return the changed model of a plan, fitting the maps that are not there yet.

        Parameters
        ----------
        plan : Plan
        fitting : "one_shot" | "sequential"
        """
        return self.build(plan, fitting).changes

    def build(self, plan: Plan, fitting: str) -> Built:
        """Return the changed model of a plan, and what was chosen for its steps."""
        return Builder(self, plan, fitting).build()

    def fitted(self, step: Step, prefix: Changes, fitting: str) -> Fitted:
        """Return the map of a linear step behind `prefix` (which matters when sequential)."""

        def fit() -> Fitted:
            rules = [self.rule(block) for block in step.blocks]
            chain = self.fit().chain(prefix if fitting == "sequential" else ())
            ridge_map, mean_first = self.fit().linear(chain, step.first, step.last, self._ridge)
            first = mean_first if "mean" in rules else torch.zeros_like(mean_first)
            return Fitted(AffineMap(ridge_map.W, ridge_map.b, first), ridge_map.ridge, rules)

        return self._fitted.get(_fit_key(step, prefix, fitting), fit)

    def merged_down(
        self, before: int, last: int, prefix: Changes, fitting: str
    ) -> tuple[Down, float]:
        """Return block `before`'s down projection with a map merged in, and the ridge."""

        def fit() -> tuple[Down, float]:
            chain = self.fit().chain(prefix if fitting == "sequential" else ())
            found = self.fit().merged(chain, before, last, self._ridge)
            dense = read_down(self.model.layout.blocks[before], self.model.layout.family)
            bias = None if dense.bias is None else merged_weight(dense.bias, found.W)
            return Down(merged_weight(dense.weight, found.W), bias), found.ridge

        return self._merged.get(_fit_key(Step(before, last, "merged"), prefix, fitting), fit)

    def rule(self, block: int) -> str:
        """Return what a linear block does to position 0, chosen by measured damage on split A.

        ``pass`` leaves it unchanged, ``mean`` adds the mean update of first positions. Chosen one
        block at a time, on short windows, where the first token weighs most.
        """
        if block not in self.rules:
            self.rules[block] = self._choose_rule(block)
        return self.rules[block]

    @property
    def _ridge(self) -> float | None:
        ridge = self.sampling.ridge
        return None if isinstance(ridge, str) else ridge

    def _choose_rule(self, block: int) -> str:
        fit, bench = self.fit(), self.bench("preview")
        ridge_map, mean = fit.linear(fit.chain(()), block, block, self._ridge)
        losses = {}
        for rule, first in (("pass", torch.zeros_like(mean)), ("mean", mean)):
            affine = AffineMap(ridge_map.W, ridge_map.b, first)
            segment = linear_segment(block, block, f"trial-{rule}", affine, self.model)
            changes = tuple(
                segment if other == block else kept(other) for other in range(self.blocks)
            )
            losses[rule] = bench.loss(bench.passages.run(changes, remember=False))
        return min(losses, key=lambda rule: losses[rule])

    def _sample(self, budgets: ThreeBudgets) -> ThreeSplits:
        sampling = self.sampling
        plan = SamplingPlan(0, sampling.context, 0.0, sampling.seed, self.model.bos)
        return sample_splits(
            self._documents,
            self.model.tokenize,
            plan,
            budgets,
            self._categories,
            self._scripts,
        )

    def _windows(self, split: str) -> list[Window]:
        if split == "select":
            return self._splits.select
        if split == "preview":
            return preview_windows(self._splits.select, prefix=int(self.model.bos is not None))
        return self._sample(ThreeBudgets(0, 0, self.sampling.report_tokens)).report

    def _facts(self, split: str, windows: Sequence[Window]) -> SplitFacts:
        return SplitFacts(
            documents=len(self.documents_of(split)),
            used_documents=len({window.document for window in windows}),
            tokens=sum(len(window.ids) for window in windows),
        )


class Stop:
    """Asked often while something is made; raises when the present run shall stop.

    An object of its own, so that what asks it does not hold the material that it belongs to.
    """

    def __init__(self) -> None:
        self.check: Check = lambda: None

    def __call__(self) -> None:
        """Ask."""
        self.check()


def check_enough(windows: Sequence[Window], width: int) -> None:
    """Refuse a fit split that says nothing about most coordinates.

    Raises
    ------
    TooFewTokensError
    """
    tokens = sum(len(window.ids) for window in windows)
    needed = FEWEST_FIT_TOKENS_PER_WIDTH * width
    if tokens < needed:
        raise TooFewTokensError(
            f"the fit split of this dataset holds {tokens:,} tokens; maps of a model of width "
            f"{width:,} need at least {needed:,}",
            next_step="Use a dataset with more text, or a plan that only drops blocks.",
            fit=tokens,
            needed=needed,
        )


def preview_windows(windows: Sequence[Window], *, prefix: int = 0) -> list[Window]:
    """Return a part of a few windows of different documents, 512 tokens in all.

    Of a text its beginning, of a record with an answer what the answer ends with.
    """
    first_of_each: dict[int, Window] = {}
    for window in windows:
        first_of_each.setdefault(window.document, window)
    chosen = list(first_of_each.values())[:PREVIEW_WINDOWS]
    length = max(PREVIEW_TOKENS // len(chosen), SHORTEST_PREVIEW)
    return [window.shortened(length, prefix=prefix) for window in chosen]


def _fit_key(step: Step, prefix: Changes, fitting: str) -> tuple[str, ...]:
    before = tuple(segment.key for segment in prefix) if fitting == "sequential" else ()
    return (fitting, step.text, *before)
