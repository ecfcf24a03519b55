"""From what the pass kept to scores: one state's regressions at a time."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from linearity.measure.error_spread import ErrorSpread
from linearity.measure.intervals import DocumentSums, score_interval
from linearity.measure.maps import (
    NO_UPDATE,
    InSample,
    Maps,
    Regression,
    adjusted,
    in_sample_scores,
)
from linearity.measure.moments import Band
from linearity.measure.similarity import rotation_fit
from linearity.measure.solved import solved_maps, solved_scores
from linearity.measure.spectra import anisotropy, effective_rank
from linearity.studies.ridges import (
    RidgeRule,
    chosen_ridges,
    decomposed,
    given_ridges,
    solved_ridges,
)
from linearity.studies.scores import Scores, check_range, check_variation
from linearity.studies.sides import Fit, Heldout

GROUP_NUMBERS = 2**27
"""Numbers in the float64 matrices of the later states that are scored together: 1 GiB of them.
A dozen such sets are in use at a time."""


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
    check_variation(variation, fit.whole.n, fit.granularity)
    if heldout is not None:
        check_variation(heldout.gram.diagonal(), heldout.tokens, fit.granularity)
    for i in range(S - 1):
        whole = trial = None
        for later in _groups(i, min(i + reach, S - 1) + 1, len(fit.whole.sums[0])):
            whole = decomposed(whole, Band.of(fit.whole, i, reach=reach, later=later))
            sample = in_sample_scores(whole, variation[[i, *later]])
            ridges = given_ridges(fit, i, later, ridge)
            if ridges is None:
                trial, ridges = chosen_ridges(fit, i, later, reach, trial)
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
    check_range(scores, fit.granularity)
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
    check_variation(variation, fit.whole.n, fit.granularity)
    check_variation(heldout.gram.diagonal(), heldout.tokens, fit.granularity)
    for i in range(S - 1):
        later = range(i + 1, i + 2)
        band = Band.of(fit.whole, i, reach=1)
        ridges = given_ridges(fit, i, later, ridge)
        if ridges is None:
            ridges = solved_ridges(fit, i)
        maps = solved_maps(band, float(ridges[0])) or Maps.fitted(Regression.of(band), ridges)
        errors = heldout.errors(maps, i, later)
        if in_sample:
            around = variation[i : i + 2]
            sample = solved_scores(band, around) or in_sample_scores(Regression.of(band), around)
            _write_in_sample(scores, i, later, sample, ridges, n=fit.whole.n)
        scores.ridge[i, i + 1] = ridges[0]
        _write_heldout(scores, i, later, errors.sum(0), heldout.gram)
        _write_intervals(scores, i, errors[:, 0], heldout)
    check_range(scores, fit.granularity)
    return scores


def _groups(i: int, stop: int, width: int) -> Iterator[range]:
    """Yield the states behind i and before `stop` in groups whose matrices fit into memory."""
    size = max(GROUP_NUMBERS // width**2, 1)
    for start in range(i + 1, stop, size):
        yield range(start, min(start + size, stop))


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
