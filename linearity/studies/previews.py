"""What a run shows and scores before its last token: partial results, and early profiles."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.contracts.granularity import state_names
from linearity.contracts.linearity import LinearityParams
from linearity.errors import MeasurementError, TooFewTokensError
from linearity.measure.moments import RecomputedMoments
from linearity.measure.similarity import FEWEST_TOKENS
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.studies.collect import FIRST_BATCH_TOKENS, Collected, early_ends
from linearity.studies.included import check_enough, fewest, included_tokens
from linearity.studies.portion import Portion
from linearity.studies.ridges import RidgeRule
from linearity.studies.scores import Scores
from linearity.studies.scoring import score_neighbours, score_pairs
from linearity.studies.sides import Fit, Heldout
from linearity.studies.tables import pairs_of, profile_of, token_counts

PREVIEW_RIDGE = 3e-2
"""Shrinkage of what is shown while tokens still stream; only the end chooses its own."""
MOST_PARTIALS = 32
MOST_RECOMPUTED = 6
"""The same where the products of everything seen so far have to be made anew each time."""


@dataclass(frozen=True)
class Half:
    """All-pairs scores from the middle of the stream, shown until the final ones are there."""

    tokens: int
    scores: Scores


class Previews:
    """Offers partial results of one stream, and keeps the profiles of its beginnings.

    Parameters
    ----------
    model : LoadedModel
    params : LinearityParams
    progress : Portion
    reach : int
        Pairs (i, j) with j - i <= reach are shown.
    windows : sequence of Window
        The whole stream.

    Attributes
    ----------
    early : dict of int to Scores
        By the tokens that they were computed from.
    halfway : int
        Tokens after which all pairs are shown once.
    """

    def __init__(
        self,
        model: LoadedModel,
        params: LinearityParams,
        progress: Portion,
        reach: int,
        windows: Sequence[Window],
    ) -> None:
        self._model, self._params, self._progress, self._reach = model, params, progress, reach
        self._total = sum(len(window.ids) for window in windows)
        self._early_at = set(early_ends(windows).values())
        self._next = 0
        self._half: Half | None = None
        self.halfway = -(-self._total // 2)
        self.early: dict[int, Scores] = {}

    def show(self, collected: Collected) -> None:
        """Offer a partial result: every batch of a short run, a fixed number of a long one."""
        done = collected.tokens
        if self._next <= done < self._total:
            # A partial result costs as much as everything seen so far.
            again = isinstance(collected.moments["train"], RecomputedMoments)
            self._next = done + self._total // (MOST_RECOMPUTED if again else MOST_PARTIALS)
            self._progress.partial(lambda: self._partial(collected))

    def score_early(self, collected: Collected) -> None:
        """Score neighbours as if the text ended here, where it is to be scored early."""
        if collected.tokens not in self._early_at or self._params.in_sample:
            return
        try:
            scores = neighbours_so_far(collected, self._params)
        except (MeasurementError, TooFewTokensError) as error:
            self._progress.log(f"too early to score: {error.message}")
            scores = Scores.empty(self._model.states)
        self.early[collected.tokens] = scores

    def _partial(self, collected: Collected) -> dict[str, Json]:
        """Return what can be said so far, in the shape of a result with gaps."""
        table = collected.table()
        included = included_tokens(table, self._params.exclude)
        fit = Fit.of(collected, included, self._params.granularity)
        heldout = None if self._params.in_sample else Heldout.of(collected, table, included)
        blank = Scores.empty(self._model.states)
        # The first batch shows angles and norms at once; its scores would say little.
        enough = len(table) > FIRST_BATCH_TOKENS and fewest(fit, heldout) > FEWEST_TOKENS
        if enough and self._half is None and len(table) >= self.halfway and self._reach > 1:
            self._half = Half(len(table), self._scored(fit, heldout, reach=self._reach))
        profile = self._scored(fit, heldout, reach=1) if enough else blank
        pairs = pairs_of(self._half.scores if self._half else blank, collected, included)
        return {
            "tokens": asdict(token_counts(table, included, fit.whole.n, self._model.width)),
            "states": state_names(len(self._model.layout.blocks), self._params.granularity),
            "pairs": asdict(pairs),
            "profile": asdict(profile_of(table, included, profile)),
            "kept": None,
            "token_classes": None,
            "token_errors": None,
            "finding": None,
            "warnings": [],
            "partial": {
                "done": len(table),
                "total": self._total,
                "pairs_at": self._half.tokens if self._half else None,
            },
        }

    def _scored(self, fit: Fit, heldout: Heldout | None, *, reach: int) -> Scores:
        """Score what is there so far; too little of it may have no score yet, which is no error."""
        rule = ridge_rule(self._params)
        ridge = RidgeRule(PREVIEW_RIDGE) if rule.fixed is None else rule
        try:
            if reach == 1 and heldout is not None:
                return score_neighbours(fit, heldout, ridge, in_sample=True)
            return score_pairs(fit, heldout, reach=reach, ridge=ridge)
        except MeasurementError as error:
            self._progress.log(f"no preview: {error.message}")
            return Scores.empty(self._model.states)


def neighbours_so_far(collected: Collected, params: LinearityParams) -> Scores:
    """Score neighbours on what has been seen, as `score_neighbours` does.

    Raises
    ------
    TooFewTokensError, MeasurementError
    """
    table = collected.table()
    included = included_tokens(table, params.exclude)
    fit = Fit.of(collected, included, params.granularity)
    heldout = Heldout.of(collected, table, included)
    check_enough(fit, heldout)
    return score_neighbours(fit, heldout, ridge_rule(params))


def ridge_rule(params: LinearityParams) -> RidgeRule:
    """Return how much a run's maps are shrunk."""
    return RidgeRule(None if isinstance(params.ridge, str) else params.ridge)
