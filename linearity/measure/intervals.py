"""Confidence intervals of held-out scores: tokens of one document are not independent.

Whole documents are left out, one at a time. Each time the score is computed again, the held-out
mean included; how much these scores differ says how far the score may be off. This form covered
90-96 % in simulation for 5 to 20 documents of very unequal length, where the linearised ratio
covered 87-94 % and the percentile bootstrap less (docs/decisions/0005).
"""

from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor

FEWEST_DOCUMENTS = 5
"""Below this many held-out documents no interval is given."""


@dataclass(frozen=True)
class DocumentSums:
    """Sums over the tokens of each of K held-out documents.

    Parameters
    ----------
    tokens : (K,) float64
    rss : (K,) float64
        Squared residuals of the fitted map.
    sums : (K, d) float64
        Of the targets, about any one centre.
    squares : (K,) float64
        Squared lengths of the targets, about the same centre.
    """

    tokens: Tensor
    rss: Tensor
    sums: Tensor
    squares: Tensor

    @classmethod
    def of(cls, documents: Tensor, errors: Tensor, targets: Tensor) -> "DocumentSums":
        """Add up tokens by document.

        Parameters
        ----------
        documents : (n,) int64
            Numbered from 0 without gaps.
        errors : (n,) float64
        targets : (n, d) float64
        """
        K = int(documents.max()) + 1
        order, lengths = documents.argsort(stable=True), documents.bincount(minlength=K)

        def add_up(values: Tensor) -> Tensor:
            if values.is_cuda:  # where rows go into few sums, adding them in place waits in line
                return torch.segment_reduce(values[order], "sum", lengths=lengths)
            return values.new_zeros((K, *values.shape[1:])).index_add_(0, documents, values)

        return cls(
            add_up(torch.ones_like(errors)),
            add_up(errors),
            add_up(targets),
            add_up(targets.square().sum(1)),
        )


def score_interval(documents: DocumentSums) -> tuple[float, float] | None:
    """Return the 95 % interval of ``1 - RSS / TSS``, TSS about the held-out mean.

    Parameters
    ----------
    documents : DocumentSums

    Returns
    -------
    (low, high) or None
        None below five documents, or when leaving one out leaves no variation.

    Notes
    -----
    With ``s_(k)`` the score without document k, ``SE^2 = (K - 1) / K sum (s_(k) - mean)^2`` and
    the interval is ``s -+ t(K - 1, 0.975) SE``: the delete-one jackknife over clusters (Efron and
    Tibshirani, 1993, chapter 11). Its target is the fitted map's score on new documents, not the
    best map's.
    """
    K = len(documents.rss)
    if K < FEWEST_DOCUMENTS:
        return None
    total = [x.sum(0) for x in (documents.tokens, documents.rss, documents.sums, documents.squares)]
    n, rss, sums, squares = total
    score = 1.0 - rss / (squares - sums.square().sum() / n)
    left_sums = sums - documents.sums
    left_tss = squares - documents.squares - left_sums.square().sum(1) / (n - documents.tokens)
    if (left_tss <= 0.0).any():
        return None
    without = 1.0 - (rss - documents.rss) / left_tss
    error = torch.sqrt((K - 1) / K * (without - without.mean()).square().sum())
    half = float(stdtrit(K - 1, 0.975)) * float(error)
    return float(score) - half, float(score) + half
