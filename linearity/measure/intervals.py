"""Confidence intervals of held-out scores: tokens of one document are not independent.

The score is one minus a ratio of sums over documents, so its standard error is the clustered
(linearised) one of a ratio estimator. A percentile bootstrap over so few, so unequal documents
covers far too little (docs/science.md, section 2).
"""

from typing import Final

import torch
from scipy.special import stdtrit
from torch import Tensor

FEWEST_DOCUMENTS: Final = 5
"""Below this many held-out documents no interval is given."""


def score_interval(rss: Tensor, tss: Tensor) -> tuple[float, float] | None:
    """Return the 95 % interval of ``1 - sum(rss) / sum(tss)`` over documents.

    Parameters
    ----------
    rss, tss : (K,) float64
        Residual and total sums of squares of each held-out document, in the same unit.

    Returns
    -------
    (low, high) or None
        None below five documents.

    Notes
    -----
    ``r = sum RSS / sum TSS``, ``SE^2 = K / (K - 1) sum (RSS_k - r TSS_k)^2 / (sum TSS)^2``, and
    ``1 - r -+ t(K - 1, 0.975) SE``: Cochran, Sampling Techniques, 1977, section 6.
    The target is the fitted map's score on new documents, not the best map's.
    """
    K = len(rss)
    if K < FEWEST_DOCUMENTS:
        return None
    total = tss.sum()
    ratio = rss.sum() / total
    error = torch.sqrt(K / (K - 1) * (rss - ratio * tss).square().sum()) / total
    half = float(stdtrit(K - 1, 0.975)) * float(error)
    score = 1.0 - float(ratio)
    return score - half, score + half
