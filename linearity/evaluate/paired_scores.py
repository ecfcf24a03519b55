"""Two models' scores on the same questions: means, and the paired difference with its error.

Science: docs/science.md, section 5. Nothing here runs a model.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import torch

from linearity.contracts.benchmark import PairedScore
from linearity.evaluate.quality import paired_interval


def paired_score(metric: str, dense: Sequence[float], changed: Sequence[float]) -> PairedScore:
    """Return both means and their difference, question by question.

    Parameters
    ----------
    metric : str
    dense, changed : sequences of float, (n,) with n >= 1
        What each model scored on question k.

    Notes
    -----
    With ``d_k = changed_k - dense_k`` and standard deviation ``s`` of the ``d_k`` (n - 1), the
    standard error is ``s / sqrt(n)``: for scores of 0 and 1 McNemar's, ``sqrt((b + c - (b - c)^2 /
    n) / (n (n - 1)))`` with b lost and c gained. It is much smaller than that of two independent
    samples, because both models fail at the same questions. The interval takes Student's t.
    """
    differences = [after - before for before, after in zip(dense, changed, strict=True)]
    is_binary = {*dense, *changed} <= {0.0, 1.0}
    lost, gained = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    interval = None
    if any(differences):
        values = torch.tensor(differences, dtype=torch.float64)
        interval = paired_interval(values, torch.arange(len(differences)))
    return PairedScore(
        metric=metric,
        dense=fmean(dense),
        dense_se=standard_error(dense),
        changed=fmean(changed),
        changed_se=standard_error(changed),
        diff=fmean(differences),
        diff_se=standard_error(differences),
        ci95=None if interval is None else list(interval),
        lost=lost,
        gained=gained,
        p_value=exact_mcnemar(lost, gained) if is_binary else None,
    )


def standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of a mean, from the sample's deviation (n - 1); None for one."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def exact_mcnemar(lost: int, gained: int) -> float:
    """Return the two-sided p-value that a question is as likely lost as gained.

    The exact binomial test of the smaller count among all that differ, at 1/2 (McNemar, 1947);
    1 where none differs.
    """
    n, k = lost + gained, min(lost, gained)
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2)
        for i in range(k + 1)
    ]
    return min(1.0, 2.0 * math.fsum(map(math.exp, logs)))
