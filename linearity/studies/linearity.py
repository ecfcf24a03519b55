"""The kind `linearity`: sample, stream, score, say what was found.

::

    windows -> states, batch by batch -> moments, held-out states, norms
            -> scores of all pairs (first tokens and sinks excluded)
            -> the adjacent profile once more with everything kept
            -> finding, warnings, result
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from linearity.contracts.inputs import Document
from linearity.contracts.linearity import (
    LinearityParams,
    Pairs,
    Profile,
    Repeats,
    SampleSizes,
    TokenClasses,
    TokenCounts,
    Vector,
)
from linearity.contracts.runs import RunWarning
from linearity.contracts.token_errors import TokenErrors
from linearity.measure.similarity import debiased_cka
from linearity.measure.tokens import StreamGuard, TokenTable
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.models.memory import LEAST_BATCH, batch_tokens
from linearity.models.states import source_of
from linearity.models.sublayers import at_granularity
from linearity.ports import Progress
from linearity.studies.collect import (
    Collected,
    batched,
    collect,
    missed_sinks,
)
from linearity.studies.included import check_enough, included_tokens, token_kinds
from linearity.studies.portion import Portion
from linearity.studies.previews import Previews, neighbours_so_far, ridge_rule
from linearity.studies.ridges import RidgeRule
from linearity.studies.scores import Scores
from linearity.studies.scoring import score_pairs
from linearity.studies.scripts import used_template
from linearity.studies.shards import Board, SharedStream
from linearity.studies.sides import Fit, Heldout
from linearity.studies.tables import (
    heldout_diagonals,
    pairs_of,
    profile_of,
    repeats_of,
    sample_sizes,
    token_classes,
    token_counts,
    token_errors,
)
from linearity.studies.text import Text, repeated
from linearity.studies.warnings import warnings_of

MOST_CKA_TOKENS = 2048
"""Held-out tokens that CKA is computed on: its cost is their square, and it is not biased."""
SCORING_SHARE = 0.35
"""Part of a run's time that follows the last token; only the remaining time depends on it."""
AHEAD_SHARE = 0.4
"""Part of a run's time that a model which streams through memory needs before the first batch."""


@dataclass(frozen=True)
class Measurement:
    """All numbers of a run, before a result is made of them."""

    tokens: TokenCounts
    pairs: Pairs
    profile: Profile
    kept: Profile
    token_classes: TokenClasses | None
    sample_sizes: SampleSizes | None
    repeats: Repeats | None
    token_errors: TokenErrors | None
    warnings: list[RunWarning]


def measure_linearity(
    model: LoadedModel,
    documents: Sequence[str | Document],
    params: LinearityParams,
    progress: Progress,
    *,
    reach: int | None = None,
    board: Board | None = None,
) -> Measurement:
    """Measure how linear every transition of a model is on some documents.

    Parameters
    ----------
    model : LoadedModel
    documents : sequence of str or Document
        Texts, or records; each category has its share on both sides of the split, and of a record
        with an answer only the states at the answer's tokens are scored.
    params : LinearityParams
    progress : Progress
        Receives tokens done, partial results after every batch, and may stop the run.
    reach : int, optional
        Pairs (i, j) with j - i <= reach are scored; all by default.
    board : Board, optional
        Where other processes take shards of a long stream.

    Raises
    ------
    TooFewTokensError
        If fewer than four tokens a split can be scored.
    DegenerateStatesError, NonFiniteStatesError, ScoreOutOfRangeError
        Each names the state or block.
    """
    model = at_granularity(model, params.granularity)
    first = Portion(progress, 0, params.repeats)
    study = _Study(model, params, first, reach or model.states - 1, board)
    text = Text(model, documents, params)
    windows = text.windows(params)
    measured = study.finish(study.stream(windows), windows)
    profiles = {params.seed: (measured.profile.r2_heldout, measured.profile.update_r2_heldout)}
    for part in range(1, params.repeats):
        again = repeated(params, part)
        study = _Study(model, again, Portion(progress, part, params.repeats), 1, board)
        profiles[again.seed] = study.heldout_scores(text.windows(again))
    return replace(
        measured,
        repeats=repeats_of(profiles) if params.repeats > 1 else None,
        tokens=replace(
            measured.tokens,
            passed_over=sum(window.passed_over for window in windows),
            template=used_template([window.rendered for window in windows]),
        ),
        warnings=[*text.warnings(params, windows), *measured.warnings],
    )


class _Study:
    """The steps of one run; holds what they share."""

    def __init__(
        self,
        model: LoadedModel,
        params: LinearityParams,
        progress: Portion,
        reach: int,
        board: Board | None,
    ) -> None:
        self.model, self.params, self.progress, self.reach = model, params, progress, reach
        self.board = board
        self.total = 0
        self.begun = 0.0

    def stream(self, windows: list[Window]) -> Collected:
        self.total = sum(len(window.ids) for window in windows)
        self.previews = Previews(self.model, self.params, self.progress, self.reach, windows)
        collected = self._pass(windows, None)
        if missed_sinks(collected):
            # The median fell while streaming: once more, with the medians known from the start.
            self.progress.log("a sink was found late; streaming once more")
            self.previews.early.clear()
            collected = self._pass(windows, StreamGuard.of(collected.table()))
        return collected

    def heldout_scores(self, windows: list[Window]) -> tuple[Vector, Vector]:
        """Stream and return the held-out scores of neighbours: of the stream, and of updates."""
        collected = self.stream(windows)
        scores = neighbours_so_far(collected, self.params)
        self.progress.step(self.total, self.total, "tokens", 1.0)
        return heldout_diagonals(scores)

    def finish(self, collected: Collected, windows: Sequence[Window]) -> Measurement:
        table = collected.table()
        included = included_tokens(table, self.params.exclude)
        fit = self._fit(collected, included)
        heldout = self._heldout(collected, table, included, token_kinds(self.model, windows, table))
        check_enough(fit, heldout)
        scores = score_pairs(
            fit,
            heldout,
            reach=self.reach,
            ridge=ridge_rule(self.params),
            spectra=True,
            after_state=self._scored,
        )
        cka = debiased_cka(heldout.evenly(MOST_CKA_TOKENS)) if heldout else None
        # Without a held-out side nothing was left out, either.
        kept = self._kept(collected, table, fit, scores) if heldout else scores
        counts = token_counts(table, included, fit.whole.n, self.model.width)
        self.progress.step(self.total, self.total, "tokens", 1.0)
        return Measurement(
            tokens=counts,
            pairs=pairs_of(scores, collected, included, cka),
            profile=profile_of(table, included, scores),
            kept=profile_of(table, table.scored, kept),
            token_classes=token_classes(heldout, scores) if heldout else None,
            sample_sizes=sample_sizes({**self.previews.early, len(table): scores})
            if heldout
            else None,
            repeats=None,
            token_errors=token_errors(heldout, scores) if heldout else None,
            warnings=warnings_of(
                self.params,
                counts,
                scores,
                kept,
                width=self.model.width,
                adjacent_only=self.reach < self.model.states - 1,
            ),
        )

    def _fit(self, collected: Collected, included: Tensor) -> Fit:
        return Fit.of(collected, included, self.params.granularity)

    def _heldout(
        self,
        collected: Collected,
        table: TokenTable,
        included: Tensor,
        classes: Tensor | None = None,
    ) -> Heldout | None:
        return None if self.params.in_sample else Heldout.of(collected, table, included, classes)

    def _pass(self, windows: list[Window], guard: StreamGuard | None) -> Collected:
        # A model that streams through memory would go through it once more for every shard.
        is_resident = self.model.source is None
        if self.board is not None and is_resident and not self.params.in_sample:
            grid = batched(windows, LEAST_BATCH)
            stream = SharedStream(self.model, grid, self.reach, self.progress.part, self.board)
            if stream.is_divided():
                return self._shared_pass(stream, self.board, guard)
        return collect(
            source_of(self.model),
            batched(windows, batch_tokens(self.model)),
            reach=self.reach,
            after_batch=self._batch_done,
            ahead=self._ahead,
            known=guard,
        )

    def _ahead(self, done: int, total: int) -> None:
        """Report tokens that have been through blocks before the first batch can be scored."""
        self.begun = AHEAD_SHARE * done / total
        self.progress.step(done, total, "token_blocks", self.begun)

    def _shared_pass(
        self, stream: SharedStream, board: Board, guard: StreamGuard | None
    ) -> Collected:
        first = stream.batches[: stream.cuts[0][1]]
        self.previews.halfway = sum(len(window.ids) for batch in first for window in batch)

        def after_batch(number: int, collected: Collected) -> None:
            self._advance(board.done())
            if number == 0:  # the only shard that is a beginning of the stream
                self.previews.show(collected)

        return stream.collect(
            guard,
            after_batch=after_batch,
            after_shard=self.previews.score_early,
            while_waiting=lambda: self._advance(board.done()),
        )

    def _batch_done(self, collected: Collected) -> None:
        self._advance(collected.tokens)
        self.previews.score_early(collected)
        self.previews.show(collected)

    def _advance(self, done: int) -> None:
        done = min(done, self.total)
        share = self.begun + (1.0 - SCORING_SHARE - self.begun) * done / self.total
        self.progress.step(done, self.total, "tokens", share)

    def _scored(self, state: int) -> None:
        share = 1.0 - SCORING_SHARE * (1.0 - (state + 1) / self.model.states)
        self.progress.step(self.total, self.total, "tokens", share)

    def _kept(self, collected: Collected, table: TokenTable, fit: Fit, scores: Scores) -> Scores:
        """Score adjacent pairs with all tokens, at the ridge of the sink-free fit."""
        everything = table.scored
        scales = fit.whole.variation() / self.model.width
        return score_pairs(
            self._fit(collected, everything),
            Heldout.of(collected, table, everything),
            reach=1,
            ridge=RidgeRule(None, known=scores.ridge, scales=scales),
            spectra=True,
        )
