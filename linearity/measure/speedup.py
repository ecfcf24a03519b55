"""How many times as fast one model is as another, from pairs of measurements taken by turns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linearity.contracts.timings import FEWEST_PAIRS, THROUGHPUT, Speedup, Spread

RESAMPLES = 10_000
_SEED = 0


def spread_of(values: Sequence[float]) -> Spread:
    """Return mean and percentiles of some measurements, at least one; linear interpolation."""
    p50, p95, p99 = (float(value) for value in np.percentile(values, (50, 95, 99)))
    return Spread(len(values), float(np.mean(values)), p50, p95, p99)


def speedup_of(metric: str, dense: Sequence[float], changed: Sequence[float]) -> Speedup:
    """Return the median ratio over pairs, above 1 where the changed model is faster.

    Parameters
    ----------
    metric : one of `METRICS`
        Of a throughput more is faster, of a time less.
    dense, changed : sequence of float, above 0
        One value a pair, in the same order.

    Notes
    -----
    The interval is the percentile bootstrap of the median over pairs, seeded, so that the same
    measurements always have the same interval. A pair was measured within seconds, so what slows
    the machine for longer divides out.
    """
    first, second = np.asarray(dense, float), np.asarray(changed, float)
    ratios = second / first if metric == THROUGHPUT else first / second
    low_high = bootstrap_median(ratios) if len(ratios) >= FEWEST_PAIRS else None
    return Speedup(float(np.median(ratios)), low_high, len(ratios))


def bootstrap_median(values: NDArray[np.float64]) -> list[float]:
    """Return the 95 % interval [low, high] of the median by resampling `values`."""
    draws = np.random.default_rng(_SEED).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(np.median(values[draws], axis=1), (2.5, 97.5))
    return [float(low), float(high)]
