"""How many times as fast: medians of paired measurements, with a bootstrap interval."""

from collections.abc import Sequence

import numpy as np

from linearity.contracts.timings import FEWEST_PAIRS, THROUGHPUT, Speedup, Spread

RESAMPLES = 10_000
_SEED = 0  # the same pairs have the same interval, everywhere


def spread(values: Sequence[float]) -> Spread:
    """Return mean and percentiles of some values.

    Parameters
    ----------
    values : sequence of float
        At least one.

    Notes
    -----
    Percentiles by linear interpolation between order statistics (Hyndman and Fan, 1996, type 7).
    """
    p50, p95, p99 = np.percentile(np.asarray(values, np.float64), [50, 95, 99])
    return Spread(len(values), float(np.mean(values)), float(p50), float(p95), float(p99))


def speedup(metric: str, dense: Sequence[float], changed: Sequence[float]) -> Speedup | None:
    """Return how many times as fast the changed model is, None where there is no pair.

    Parameters
    ----------
    metric : one of `METRICS`
    dense, changed : sequences of float
        One value a pair, above 0.

    Notes
    -----
    The median over pairs of dense / changed, of a throughput changed / dense. Its interval is the
    percentile bootstrap over pairs with 10,000 resamples (Efron and Tibshirani, 1993, chapter 13).
    """
    if not dense:
        return None
    before, after = np.asarray(dense, np.float64), np.asarray(changed, np.float64)
    ratios = after / before if metric == THROUGHPUT else before / after
    interval = None
    if len(ratios) >= FEWEST_PAIRS:
        drawn = np.random.default_rng(_SEED).integers(len(ratios), size=(RESAMPLES, len(ratios)))
        low, high = np.percentile(np.median(ratios[drawn], axis=1), [2.5, 97.5])
        interval = [float(low), float(high)]
    return Speedup(float(np.median(ratios)), interval, len(ratios))
