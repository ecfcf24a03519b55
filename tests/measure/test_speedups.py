"""Medians of pairs and their interval, against scipy and plain sorting."""

from statistics import median

import numpy as np
import pytest
from scipy.stats import bootstrap

from linearity.measure.speedups import speedup, spread


def test_a_time_that_halves_is_twice_as_fast() -> None:
    found = speedup("request", [2.0, 2.0, 4.0], [1.0, 1.0, 2.0])
    assert found is not None
    assert (found.value, found.ci95, found.pairs) == (2.0, None, 3)


def test_a_throughput_that_doubles_is_twice_as_fast() -> None:
    found = speedup("tokens_per_s", [100.0], [200.0])
    assert found is not None
    assert found.value == 2.0


def test_without_a_pair_there_is_no_number() -> None:
    assert speedup("request", [], []) is None


def test_the_interval_is_the_percentile_bootstrap_of_the_median_of_ratios() -> None:
    noise = np.random.default_rng(3)
    dense, changed = noise.uniform(1.0, 2.0, 25), noise.uniform(0.8, 1.4, 25)
    found = speedup("request", dense.tolist(), changed.tolist())
    assert found is not None
    assert found.ci95 is not None
    assert found.value == pytest.approx(median(dense / changed))
    expected = bootstrap(
        (dense / changed,), np.median, n_resamples=20_000, method="percentile", rng=7
    ).confidence_interval
    assert found.ci95 == pytest.approx([expected.low, expected.high], abs=0.03)
    assert found.ci95[0] <= found.value <= found.ci95[1]


def test_the_same_pairs_have_the_same_interval() -> None:
    pairs = [1.0 + 0.1 * k for k in range(12)], [1.0] * 12
    assert speedup("gap", *pairs) == speedup("gap", *pairs)


def test_a_spread_interpolates_between_its_values() -> None:
    found = spread([3.0, 1.0, 2.0, 10.0])
    assert (found.count, found.mean, found.p50) == (4, 4.0, 2.5)
    assert found.p95 == pytest.approx(3.0 + 0.85 * 7.0)
    assert found.p99 == pytest.approx(3.0 + 0.97 * 7.0)
