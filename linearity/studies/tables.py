"""Tensors to the plain lists of a result; what is not a number becomes None."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from linearity.contracts.linearity import (
    TOKEN_CLASSES,
    Matrix,
    Pairs,
    Profile,
    Repeats,
    SampleSizes,
    Sink,
    TokenClasses,
    TokenCounts,
    Vector,
)
from linearity.contracts.token_errors import TokenErrors
from linearity.measure.tokens import TokenTable
from linearity.studies.collect import Collected
from linearity.studies.scores import Interval, Scores
from linearity.studies.sides import Heldout

MOST_SINKS_LISTED = 200


def pairs_of(
    scores: Scores, collected: Collected, included: Tensor, cka: Tensor | None = None
) -> Pairs:
    """Return the matrices of a result; angles and cosines over the `included` tokens."""
    cosine, angle = collected.mean_cosines(included)
    return Pairs(
        r2_fit=_matrix(scores.r2_fit),
        r2_adjusted=_matrix(scores.r2_adjusted),
        r2_heldout=_matrix(scores.r2_heldout),
        update_r2_heldout=_matrix(scores.update_r2_heldout),
        cosine=_matrix(cosine),
        angular=_matrix(angle),
        cka=None if cka is None else _matrix(cka),
        update_r2_fit=_matrix(scores.update_r2_fit),
        update_r2_adjusted=_matrix(scores.update_r2_adjusted),
    )


def profile_of(table: TokenTable, included: Tensor, scores: Scores) -> Profile:
    """Return one value a transition, from the first diagonal and the token table.

    Notes
    -----
    ``block_influence`` is ``1 - mean cosine`` (ShortGPT, arXiv:2403.03853, eq. 1);
    ``update_norm_ratio`` is ``mean ||update|| / mean ||state||`` (arXiv:2405.12250, figure 3).
    """
    norms = table.norms[included].mean(0)
    updates = table.update_norms[included].mean(0)
    return Profile(
        r2_fit=_diagonal(scores.r2_fit),
        r2_adjusted=_diagonal(scores.r2_adjusted),
        r2_heldout=_diagonal(scores.r2_heldout),
        update_r2_fit=_diagonal(scores.update_r2_fit),
        update_r2_adjusted=_diagonal(scores.update_r2_adjusted),
        update_r2_heldout=_diagonal(scores.update_r2_heldout),
        r2_heldout_ci95=_intervals(scores.intervals, len(updates)),
        update_r2_heldout_ci95=_intervals(scores.update_intervals, len(updates)),
        ridge=_diagonal(scores.ridge),
        block_influence=_vector(1.0 - table.cosine_next[included].mean(0)),
        update_norm_ratio=_vector(updates / norms[:-1]),
        state_norm=_vector(norms),
        rotation_fit=scores.rotation_fit or None,
        anisotropy=scores.anisotropy or None,
        effective_rank=scores.effective_rank or None,
        rank=scores.rank or None,
        condition=scores.condition or None,
    )


def token_counts(table: TokenTable, included: Tensor, fit: int, width: int) -> TokenCounts:
    """Count what was scored and what was left out, and list the sinks by place."""
    sinks = table.sinks() & table.scored
    return TokenCounts(
        fit=fit,
        heldout=int((included & table.heldout).sum()),
        excluded_first=int((table.first & table.scored & ~included).sum()),
        excluded_sinks=int((sinks & ~included).sum()),
        width_ratio=fit / width,
        fit_documents=len(torch.unique(table.document[~table.heldout])),
        heldout_documents=len(torch.unique(table.document[table.heldout])),
        sinks=_sinks(table, sinks),
        context=int((~table.scored).sum()),
    )


def token_classes(heldout: Heldout, scores: Scores) -> TokenClasses:
    """Return the error of every block by class of token; classes without a token are left out."""
    assert heldout.classes is not None
    sizes = heldout.classes.bincount(minlength=len(TOKEN_CLASSES))
    there = sizes.nonzero().squeeze(1)
    total = heldout.gram.diagonal()[1:, None] / heldout.tokens
    mean = torch.stack(scores.class_errors)[:, there] / sizes[there]
    return TokenClasses(
        names=[TOKEN_CLASSES[place] for place in there.tolist()],
        tokens=sizes[there].tolist(),
        error=(mean / total).tolist(),
    )


def token_errors(heldout: Heldout, scores: Scores) -> TokenErrors:
    """Return how the errors of single tokens spread at every block."""
    p50, p95, p99 = torch.stack([found.quantiles for found in scores.error_spreads]).T.tolist()
    counts = [found.counts.tolist() for found in scores.error_spreads]
    return TokenErrors(tokens=heldout.tokens, counts=counts, p50=p50, p95=p95, p99=p99)


def sample_sizes(scores: Mapping[int, Scores]) -> SampleSizes:
    """Return the profiles of the first so many tokens; those that say nothing are left out."""
    known = {n: found for n, found in sorted(scores.items()) if found.intervals}
    return SampleSizes(
        tokens=[*known],
        r2_heldout=[heldout_diagonals(found)[0] for found in known.values()],
        update_r2_heldout=[heldout_diagonals(found)[1] for found in known.values()],
    )


def heldout_diagonals(scores: Scores) -> tuple[Vector, Vector]:
    """Return the held-out scores of neighbours, of the stream and of updates."""
    return _diagonal(scores.r2_heldout), _diagonal(scores.update_r2_heldout)


def repeats_of(profiles: Mapping[int, tuple[Vector, Vector]]) -> Repeats:
    """Return the held-out scores by seed of the split."""
    stream, update = zip(*profiles.values(), strict=True)
    return Repeats(seeds=[*profiles], r2_heldout=[*stream], update_r2_heldout=[*update])


def _sinks(table: TokenTable, sinks: Tensor) -> list[Sink]:
    ratios = table.norm_ratios()[sinks]
    peaks, states = ratios.max(1)
    rows = zip(
        table.document[sinks].tolist(),
        table.position[sinks].tolist(),
        states.tolist(),
        peaks.tolist(),
        strict=True,
    )
    return [Sink(*row) for row in list(rows)[:MOST_SINKS_LISTED]]


def _matrix(values: Tensor) -> Matrix:
    """Return the upper triangle above the diagonal as nested lists, None elsewhere."""
    rows: list[list[float]] = values.tolist()
    return [
        [_number(value) if j > i else None for j, value in enumerate(row)]
        for i, row in enumerate(rows)
    ]


def _diagonal(values: Tensor) -> Vector:
    return _vector(values.diagonal(offset=1))


def _vector(values: Tensor) -> Vector:
    numbers: list[float] = values.tolist()
    return [_number(value) for value in numbers]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _intervals(intervals: list[Interval], length: int) -> list[list[float] | None]:
    known = [None if pair is None else list(pair) for pair in intervals]
    return known + [None] * (length - len(known))
