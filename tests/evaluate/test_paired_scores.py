"""Paired scores against scipy and numpy, over all kinds of splits."""

import numpy as np
import pytest
from scipy.stats import binomtest, sem, t, ttest_rel

from linearity.evaluate.paired_scores import exact_mcnemar, paired_score


def answers(seed: int, count: int = 300) -> tuple[list[float], list[float]]:
    """Return right answers of two models that mostly agree."""
    noise = np.random.default_rng(seed)
    dense = (noise.random(count) < 0.6).astype(float)
    moved = noise.random(count) < 0.15
    changed = np.where(moved, (noise.random(count) < 0.3).astype(float), dense)
    return dense.tolist(), changed.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_means_and_errors_are_those_of_scipy(seed: int) -> None:
    dense, changed = answers(seed)
    score = paired_score("acc", dense, changed)
    differences = np.subtract(changed, dense)
    half = t.ppf(0.975, len(dense) - 1) * sem(differences)

    assert score.dense == pytest.approx(np.mean(dense), abs=1e-12)
    assert score.dense_se == pytest.approx(sem(dense), abs=1e-12)
    assert score.changed_se == pytest.approx(sem(changed), abs=1e-12)
    assert score.diff_se == pytest.approx(sem(differences), abs=1e-12)
    assert score.ci95 == pytest.approx(
        [differences.mean() - half, differences.mean() + half], abs=1e-9
    )
    assert score.diff / (score.diff_se or 1.0) == pytest.approx(
        ttest_rel(changed, dense).statistic, abs=1e-9
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_standard_error_is_mcnemars(seed: int) -> None:
    dense, changed = answers(seed)
    score = paired_score("acc", dense, changed)
    n, b, c = len(dense), score.lost, score.gained

    assert score.diff == pytest.approx((c - b) / n, abs=1e-12)
    assert score.diff_se == pytest.approx(
        np.sqrt((b + c - (b - c) ** 2 / n) / (n * (n - 1))), abs=1e-12
    )


@pytest.mark.parametrize(
    ("lost", "gained"), [(0, 0), (1, 0), (3, 3), (12, 4), (40, 90), (700, 640)]
)
def test_the_p_value_is_the_exact_binomial_one(lost: int, gained: int) -> None:
    wanted = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0

    assert exact_mcnemar(lost, gained) == pytest.approx(wanted, rel=1e-9)


def test_a_paired_interval_is_narrower_than_two_single_ones() -> None:
    score = paired_score("acc", *answers(1))
    apart = np.hypot(score.dense_se or 0.0, score.changed_se or 0.0)

    assert score.diff_se is not None
    assert score.diff_se < 0.7 * apart


def test_equal_answers_have_no_interval() -> None:
    score = paired_score("acc", [1.0, 0.0] * 10, [1.0, 0.0] * 10)

    assert (score.diff, score.ci95, score.p_value) == (0.0, None, 1.0)


def test_one_question_has_no_error() -> None:
    score = paired_score("acc", [1.0], [0.0])

    assert (score.diff, score.diff_se, score.ci95, score.lost) == (-1.0, None, None, 1)


def test_scores_that_are_no_answers_have_no_p_value() -> None:
    assert paired_score("brier", [0.2, 0.4], [0.3, 0.5]).p_value is None
