"""From what the pass kept to scores: one state's regressions at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from linearity.contracts.granularity import BLOCK, state_name, writer
from linearity.contracts.linearity import RIDGE_WITHOUT_VALIDATION, RIDGES, TOKEN_CLASSES, Vector
from linearity.errors import DegenerateStatesError, ScoreOutOfRangeError
from linearity.measure.error_spread import ErrorSpread
from linearity.measure.intervals import DocumentSums, score_interval
from linearity.measure.maps import (
    NO_UPDATE,
    InSample,
    Maps,
    Regression,
    adjusted,
    choose_ridges,
    in_sample_scores,
)
from linearity.measure.moments import Band, Split, accumulation_dtype
from linearity.measure.similarity import rotation_fit
from linearity.measure.solved import choose_by_solving, solved_maps, solved_scores
from linearity.measure.spectra import anisotropy, effective_rank
from linearity.measure.tokens import TokenTable
from linearity.studies.collect import Collected

TOLERANCE = 1e-6
"""How far rounding may carry a score out of its range before it counts as wrong."""

GROUP_NUMBERS = 2**27
"""Numbers in the float64 matrices of the later states that are scored together: 1 GiB of them.
A dozen such sets are in use at a time."""

Interval = tuple[float, float] | None


@dataclass
class Scores:
    """Scores of all ordered pairs within reach, as (S, S) float64 with ``nan`` elsewhere.

    Attributes
    ----------
    intervals, update_intervals : list of (low, high) or None, length L
        Of adjacent pairs only.
    class_errors : list of (C,) float64, length L
        Squared residuals of adjacent pairs, added up by class; empty where no classes are known.
    error_spreads : list of ErrorSpread, length L
        Of the errors of single tokens, relative to their mean spread; empty like `class_errors`.
    rotation_fit : list of float, length L
    rank, condition : list of float, length L
        Of the states that blocks read.
    anisotropy, effective_rank : list of float, length S
        Empty where spectra were not asked for.
    """

    r2_fit: Tensor
    r2_adjusted: Tensor
    r2_heldout: Tensor
    update_r2_fit: Tensor
    update_r2_adjusted: Tensor
    update_r2_heldout: Tensor
    ridge: Tensor
    intervals: list[Interval] = field(default_factory=list)
    update_intervals: list[Interval] = field(default_factory=list)
    class_errors: list[Tensor] = field(default_factory=list)
    error_spreads: list[ErrorSpread] = field(default_factory=list)
    rotation_fit: Vector = field(default_factory=list)
    anisotropy: Vector = field(default_factory=list)
    effective_rank: Vector = field(default_factory=list)
    rank: Vector = field(default_factory=list)
    condition: Vector = field(default_factory=list)

    @classmethod
    def empty(cls, states: int) -> "Scores":
        """Return scores of `states` states, none known yet."""

        def blank() -> Tensor:
            return torch.full((states, states), torch.nan, dtype=torch.float64)

        return cls(blank(), blank(), blank(), blank(), blank(), blank(), blank())


@dataclass(frozen=True)
class Heldout:
    """Held-out tokens that count, and their spread.

    Parameters
    ----------
    states : list of (n, S, d) Tensor
    included : list of (n,) bool
        Which of them count.
    documents : (n_included,) int64
        Numbered from 0 without gaps.
    means : (S, d) float64
    gram : (S, S) float64
        ``sum_t <x_ti - mean_i, x_tj - mean_j>``.
    classes : (n,) int64 or None
        Class of every token, also of those that do not count; None where nobody asks.
    """

    states: list[Tensor]
    included: list[Tensor]
    documents: Tensor
    means: Tensor
    gram: Tensor
    classes: Tensor | None = None

    @classmethod
    def of(
        cls,
        collected: Collected,
        table: TokenTable,
        included: Tensor,
        classes: Tensor | None = None,
    ) -> "Heldout":
        """Gather the held-out tokens of the pass that `included` (N,) lets count.

        `classes` (N,) are those of all tokens of the pass.
        """
        side = table.heldout & table.scored
        chosen = included[side]
        sizes = [len(states) for states in collected.heldout]
        device = collected.cosine_sum.device
        parts = zip(collected.heldout, torch.split(chosen, sizes), strict=True)
        masks = [mask.to(states.device) for states, mask in parts]
        n = max(int(chosen.sum()), 1)
        sums = sum(states.sum(0) for states in _doubles(collected.heldout, masks, device))
        assert isinstance(sums, Tensor)
        means = sums / n
        gram = torch.zeros((len(means), len(means)), dtype=torch.float64, device=device)
        for states in _doubles(collected.heldout, masks, device):
            centred = (states - means).movedim(1, 0).flatten(1)
            gram.addmm_(centred, centred.T)
        documents = torch.unique(table.document[side][chosen], return_inverse=True)[1]
        of_side = None if classes is None else classes[side].to(device)
        return cls(collected.heldout, masks, documents.to(device), means, gram, of_side)

    def evenly(self, most: int) -> Tensor:
        """Return all states of at most `most` tokens that count, evenly spaced, (k, S, d)."""
        step = -(-self.tokens // most)
        taken, seen = [], 0
        for states, mask in zip(self.states, self.included, strict=True):
            rows = mask.nonzero().squeeze(1)
            taken.append(states[rows[-seen % step :: step]].to(self.means.device))  # only these
            seen += len(rows)
        return torch.cat(taken).to(accumulation_dtype(self.means.shape[-1]))

    @property
    def tokens(self) -> int:
        """Number of held-out tokens that count."""
        return len(self.documents)

    def spread(self, state: int) -> Tensor:
        """Return the mean of ``||y - mean||^2`` over the tokens that count, () float64."""
        return self.gram[state, state] / self.tokens

    def errors(self, maps: Maps, i: int, later: range) -> Tensor:
        """Return the squared residuals of the maps from state i, (n_included, m)."""
        return self._errors(maps, i, later, self.included)

    def _errors(self, maps: Maps, i: int, later: range, masks: list[Tensor]) -> Tensor:
        dtype = accumulation_dtype(self.means.shape[-1])
        predictor, device = maps.predictor(dtype), self.means.device
        return torch.cat(
            [
                predictor.squared_errors(
                    states[:, i][mask].to(device),
                    states[:, later.start : later.stop][mask].to(device),
                )
                for states, mask in zip(self.states, masks, strict=True)
            ]
        )

    def class_errors(self, maps: Maps, i: int, errors: Tensor) -> Tensor:
        """Add up squared residuals from state i to i + 1 by class, (C,).

        Parameters
        ----------
        maps : Maps
            From state i to i + 1, and perhaps to later states.
        errors : (n_included,) float64
            Those of the tokens that count; the others' are computed.
        """
        assert self.classes is not None
        included = torch.cat(self.included).to(errors.device)
        every = errors.new_empty(len(included))
        every[included] = errors
        others = [~mask for mask in self.included]
        every[~included] = self._errors(maps.nearest(), i, range(i + 1, i + 2), others)[:, 0]
        return every.new_zeros(len(TOKEN_CLASSES)).index_add_(0, self.classes, every)

    def pair(self, i: int) -> Tensor:
        """Return states i and i + 1 of every token that counts, centred, (n_included, 2, d)."""
        centre = self.means[i : i + 2]
        return torch.cat(
            [
                states[:, i : i + 2][mask].to(centre.device).double() - centre
                for states, mask in zip(self.states, self.included, strict=True)
            ]
        )


def _doubles(parts: list[Tensor], masks: list[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Yield the rows of every part that its mask lets count, in float64 on a device."""
    for states, mask in zip(parts, masks, strict=True):
        yield states[mask].to(device).double()


@dataclass(frozen=True)
class Fit:
    """The fit tokens that count, whole and divided for the choice of the ridge.

    `granularity` says how errors name the states.
    """

    whole: Split
    train: Split
    validation: Split
    granularity: str = field(default=BLOCK, kw_only=True)

    @classmethod
    def of(cls, collected: Collected, included: Tensor, granularity: str = BLOCK) -> "Fit":
        """Gather the fit tokens of the pass that `included` (N,) lets count."""
        return cls(
            collected.split(("train", "validation"), included),
            collected.split(("train",), included),
            collected.split(("validation",), included),
            granularity=granularity,
        )


@dataclass(frozen=True)
class RidgeRule:
    """How much a map is shrunk.

    Parameters
    ----------
    fixed : float or None
        One ridge for all pairs; None chooses from `RIDGES` on the validation tokens.
    known : (S, S) Tensor or None
        Ridges chosen before, used instead of choosing again.
    scales : (S,) Tensor or None
        ``trace(C_ii) / d`` that ridges are relative to, when not the split's own.
    """

    fixed: float | None
    known: Tensor | None = None
    scales: Tensor | None = None


def score_pairs(
    fit: Fit,
    heldout: Heldout | None,
    *,
    reach: int,
    ridge: RidgeRule,
    spectra: bool = False,
    after_state: Callable[[int], None] = lambda _: None,
) -> Scores:
    """Score every pair (i, j) with j - i <= reach.

    Parameters
    ----------
    fit, heldout : the two sides of the split
        Without a held-out side all scores are in sample.
    reach : int
        1 for adjacent pairs only.
    ridge : RidgeRule
    spectra : bool
        Whether to say how the states spread, and how far rotations explain neighbours.
    after_state : callable
        Called after each state i with i; may raise to stop.

    Raises
    ------
    DegenerateStatesError
        If a state does not vary over tokens.
    ScoreOutOfRangeError
        If a score leaves the range that its definition allows.
    """
    S = fit.whole.shards[0].states
    scores = Scores.empty(S)
    variation = fit.whole.variation()
    _check_variation(variation, fit.whole.n, fit.granularity)
    if heldout is not None:
        _check_variation(heldout.gram.diagonal(), heldout.tokens, fit.granularity)
    for i in range(S - 1):
        whole = trial = None
        for later in _groups(i, min(i + reach, S - 1) + 1, len(fit.whole.sums[0])):
            whole = _decomposed(whole, Band.of(fit.whole, i, reach=reach, later=later))
            sample = in_sample_scores(whole, variation[[i, *later]])
            ridges = _given_ridges(fit, i, later, ridge)
            if ridges is None:
                trial, ridges = _chosen_ridges(fit, i, later, reach, trial)
            _write_in_sample(scores, i, later, sample, ridges, n=fit.whole.n)
            if heldout is not None:
                scale = None if ridge.scales is None else float(ridge.scales[i])
                _write_scored(scores, i, later, Maps.fitted(whole, ridges, scale), heldout)
            if spectra and later.start == i + 1:
                _write_spectra(scores, whole, variation[i : i + 2])
        after_state(i)
    if spectra:
        last = Band.of(fit.whole, S - 1, reach=reach).C[0]
        _write_spectrum(scores, torch.linalg.eigvalsh(last).clamp_min(0.0))
    _check_range(scores, fit.granularity)
    return scores


def score_neighbours(
    fit: Fit, heldout: Heldout, ridge: RidgeRule, *, in_sample: bool = False
) -> Scores:
    """Score neighbours without spectra; in-sample scores stay ``nan`` where they are not wanted.

    The maps and scores of `score_pairs`, mostly without eigenvectors: a fraction of its time where
    states are wide. Raises as `score_pairs` does.
    """
    S = len(heldout.means)
    scores = Scores.empty(S)
    variation = fit.whole.variation()
    _check_variation(variation, fit.whole.n, fit.granularity)
    _check_variation(heldout.gram.diagonal(), heldout.tokens, fit.granularity)
    for i in range(S - 1):
        later = range(i + 1, i + 2)
        band = Band.of(fit.whole, i, reach=1)
        ridges = _given_ridges(fit, i, later, ridge)
        if ridges is None:
            ridges = _solved_ridges(fit, i)
        maps = solved_maps(band, float(ridges[0])) or Maps.fitted(Regression.of(band), ridges)
        errors = heldout.errors(maps, i, later)
        if in_sample:
            around = variation[i : i + 2]
            sample = solved_scores(band, around) or in_sample_scores(Regression.of(band), around)
            _write_in_sample(scores, i, later, sample, ridges, n=fit.whole.n)
        scores.ridge[i, i + 1] = ridges[0]
        _write_heldout(scores, i, later, errors.sum(0), heldout.gram)
        _write_intervals(scores, i, errors[:, 0], heldout)
    _check_range(scores, fit.granularity)
    return scores


def _groups(i: int, stop: int, width: int) -> Iterator[range]:
    """Yield the states behind i and before `stop` in groups whose matrices fit into memory."""
    size = max(GROUP_NUMBERS // width**2, 1)
    for start in range(i + 1, stop, size):
        yield range(start, min(start + size, stop))


def _decomposed(known: Regression | None, band: Band) -> Regression:
    return Regression.of(band) if known is None else known.onto(band)


def _given_ridges(fit: Fit, i: int, later: range, rule: RidgeRule) -> Tensor | None:
    """Return ridges that need no choice, (m,) float64."""
    device = fit.whole.sums.device
    if rule.known is not None:
        return rule.known[i, later.start : later.stop].to(device)
    fixed = rule.fixed
    if fixed is None and (fit.validation.n == 0 or fit.train.n == 0):
        fixed = RIDGE_WITHOUT_VALIDATION
    if fixed is None:
        return None
    return torch.full((len(later),), fixed, dtype=torch.float64, device=device)


def _chosen_ridges(
    fit: Fit, i: int, later: range, reach: int, known: Regression | None
) -> tuple[Regression, Tensor]:
    """Return the decomposition that ridges were tried with, for other states too, and ridges."""
    train, validation, spread = _trial(fit, i, later, reach)
    regression = _decomposed(known, train)
    grid = torch.tensor(RIDGES, dtype=torch.float64, device=spread.device)
    return regression, grid[choose_ridges(regression, validation, spread, grid)]


def _solved_ridges(fit: Fit, i: int) -> Tensor:
    """Return the ridge from state i to i + 1, (1,) float64, as `_chosen_ridges` chooses it."""
    train, validation, spread = _trial(fit, i, range(i + 1, i + 2), 1)
    grid = torch.tensor(RIDGES, dtype=torch.float64, device=spread.device)
    chosen = choose_by_solving(train, validation, spread, grid)
    if chosen is None:
        chosen = choose_ridges(Regression.of(train), validation, spread, grid)
    return grid[chosen.to(grid.device)]


def _trial(fit: Fit, i: int, later: range, reach: int) -> tuple[Band, Band, Tensor]:
    """Return what ridges are fitted on, tried on, and the spread of updates without any map."""
    about = fit.train.means
    train = Band.of(fit.train, i, reach=reach, later=later)
    validation = Band.of(fit.validation, i, reach=reach, later=later, centres=about)
    variation = fit.validation.variation(about)
    spread = variation[list(later)] - 2.0 * validation.traces[1:] + variation[i]
    return train, validation, spread


def _write_in_sample(
    scores: Scores, i: int, later: range, sample: InSample, ridges: Tensor, *, n: int
) -> None:
    row = slice(later.start, later.stop)
    scores.r2_fit[i, row] = sample.r2_fit.cpu()
    scores.update_r2_fit[i, row] = sample.update_r2_fit.cpu()
    scores.ridge[i, row] = ridges.cpu()
    scores.r2_adjusted[i, row] = adjusted(scores.r2_fit[i, row], n=n, rank=sample.rank)
    updates = adjusted(scores.update_r2_fit[i, row], n=n, rank=sample.rank)
    scores.update_r2_adjusted[i, row] = updates


def _write_scored(scores: Scores, i: int, later: range, maps: Maps, heldout: Heldout) -> None:
    errors = heldout.errors(maps, i, later)
    _write_heldout(scores, i, later, errors.sum(0), heldout.gram)
    if later.start > i + 1:
        return
    _write_intervals(scores, i, errors[:, 0], heldout)
    if heldout.classes is not None:
        scores.class_errors.append(heldout.class_errors(maps, i, errors[:, 0]))
        scores.error_spreads.append(ErrorSpread.of(errors[:, 0] / heldout.spread(i + 1)))


def _write_heldout(scores: Scores, i: int, later: range, rss: Tensor, gram: Tensor) -> None:
    row = slice(later.start, later.stop)
    total = gram.diagonal()[row]
    update_total = total - 2.0 * gram[i, row] + gram[i, i]
    scores.r2_heldout[i, row] = (1.0 - rss / total).cpu()
    update = torch.where(update_total > NO_UPDATE * total, 1.0 - rss / update_total, torch.nan)
    scores.update_r2_heldout[i, row] = update.cpu()


def _write_intervals(scores: Scores, i: int, errors: Tensor, heldout: Heldout) -> None:
    pair = heldout.pair(i)
    stream, update = (
        DocumentSums.of(heldout.documents, errors, targets)
        for targets in (pair[:, 1], pair[:, 1] - pair[:, 0])
    )
    moves = update.squares.sum() > NO_UPDATE * stream.squares.sum()
    scores.intervals.append(score_interval(stream))
    scores.update_intervals.append(score_interval(update) if moves else None)


def _write_spectra(scores: Scores, regression: Regression, variation: Tensor) -> None:
    _write_spectrum(scores, regression.w)
    scores.rank.append(regression.rank)
    scores.condition.append(regression.condition)
    scores.rotation_fit.append(float(rotation_fit(regression.band.C[1], variation)))


def _write_spectrum(scores: Scores, w: Tensor) -> None:
    scores.anisotropy.append(float(anisotropy(w)))
    scores.effective_rank.append(float(effective_rank(w)))


def _check_variation(variation: Tensor, n: int, granularity: str) -> None:
    flat = (variation <= 0.0).nonzero()
    if len(flat):
        state = int(flat[0])
        raise DegenerateStatesError(
            f"state {state_name(state, granularity)} is the same for all {n:,} tokens, so no "
            f"score is defined ({writer(state, granularity)} wrote it)",
            next_step="Check the weights there, and that the dataset is not one token.",
            state=state,
            tokens=n,
        )


def _check_range(scores: Scores, granularity: str) -> None:
    rotations = torch.full_like(scores.r2_fit, torch.nan)
    rotations.diagonal(offset=1)[: len(scores.rotation_fit)] = torch.tensor(
        scores.rotation_fit, dtype=torch.float64
    )
    lowest = {"rotation_fit": -TOLERANCE, "r2_fit": -TOLERANCE, "update_r2_fit": -TOLERANCE}
    unlimited = ("r2_adjusted", "update_r2_adjusted", "r2_heldout", "update_r2_heldout")
    for name, low in (lowest | dict.fromkeys(unlimited, -torch.inf)).items():
        values = rotations if name == "rotation_fit" else getattr(scores, name)
        _check(values, name, low=low, granularity=granularity)


def _check(values: Tensor, name: str, *, low: float, granularity: str) -> None:
    wrong = ((values < low) | (values > 1.0 + TOLERANCE)).nonzero()
    if len(wrong):
        i, j = (int(x) for x in wrong[0])
        raise ScoreOutOfRangeError(
            f"{name} from state {state_name(i, granularity)} to state "
            f"{state_name(j, granularity)} is {float(values[i, j]):.6f}, outside its range",
            next_step="Please report this: the numbers of this run cannot be trusted.",
            block=i,
            score=name,
        )
