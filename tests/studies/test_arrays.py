"""Scores of two arrays against scikit-learn on the same sides, whatever library they come from."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from linearity.errors import (
    DegenerateStatesError,
    InvalidParameterError,
    NonFiniteStatesError,
    TooFewTokensError,
)
from linearity.studies.arrays import _labels, _sides, score_arrays

N, D = 600, 12


def arrays(seed: int = 0) -> tuple[Any, Any, Any]:
    """Return X, Y = X + small linear part + noise, and 30 documents."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(N, D)) * 3 + 100
    Y = X + X @ random.normal(size=(D, D)) * 0.2 + random.normal(size=(N, D))
    return X, Y, np.repeat(np.arange(30), N // 30)


def weighted(true: Any, predicted: Any) -> float:
    return float(r2_score(true, predicted, multioutput="variance_weighted"))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_scores_are_those_of_scikit_learn(ridge: float) -> None:
    X, Y, groups = arrays()
    sides = _sides(_labels(groups, N), N, 0.25, 0)
    fit, held = sides.fit.numpy(), sides.heldout.numpy()

    found = score_arrays(X, Y, groups=groups, shrinkage=ridge)

    ols = LinearRegression().fit(X[fit], Y[fit])
    r2 = weighted(Y[fit], ols.predict(X[fit]))
    assert found.r2_fit == pytest.approx(r2, abs=1e-10)
    assert found.r2_adjusted == pytest.approx(
        1 - (1 - r2) * (len(fit) - 1) / (len(fit) - D - 1), abs=1e-10
    )
    U = Y - X
    assert found.update_r2_fit == pytest.approx(
        weighted(U[fit], LinearRegression().fit(X[fit], U[fit]).predict(X[fit])), abs=1e-10
    )
    centred = X[fit] - X[fit].mean(0)
    penalty = ridge * float((centred**2).sum()) / D
    shrunk = Ridge(alpha=penalty).fit(X[fit], U[fit]) if ridge else ols
    predicted = shrunk.predict(X[held]) + (X[held] if ridge else 0)
    assert found.r2_heldout == pytest.approx(weighted(Y[held], predicted), abs=1e-9)
    assert found.update_r2_heldout == pytest.approx(
        weighted(U[held], predicted - X[held]), abs=1e-9
    )
    assert found.ridge == ridge
    assert (found.fit, found.heldout, found.width) == (len(fit), len(held), D)
    assert found.r2_heldout is not None
    assert found.r2_heldout_ci95 is not None
    assert found.r2_heldout_ci95[0] < found.r2_heldout < found.r2_heldout_ci95[1]


def test_groups_stand_on_one_side_and_the_seed_decides_which() -> None:
    _, _, groups = arrays()
    labels = _labels(groups, N)

    sides, other = (_sides(labels, N, 0.25, seed) for seed in (0, 1))

    fit, held = set(groups[sides.fit]), set(groups[sides.heldout])
    assert not fit & held
    assert fit | held == set(range(30))
    assert len(sides.heldout) == pytest.approx(0.25 * N, abs=N // 30)
    assert len(sides.train) + len(sides.validation) == len(sides.fit)
    assert sides.heldout.tolist() != other.heldout.tolist()


@pytest.mark.parametrize("origin", ["numpy", "torch", "float32", "lists", "dlpack", "fortran"])
def test_arrays_come_from_anywhere(origin: str) -> None:
    X, Y, _ = arrays()
    makes: dict[str, Any] = {
        "numpy": np.asarray,
        "torch": torch.from_numpy,
        "float32": lambda values: torch.from_numpy(values).float(),
        "lists": lambda values: values.tolist(),
        "dlpack": OnlyDLPack,
        "fortran": np.asfortranarray,
    }
    make = makes[origin]
    expected = score_arrays(X, Y)

    found = score_arrays(make(X), make(Y))

    assert found.r2_heldout == pytest.approx(expected.r2_heldout, abs=1e-5)
    assert "no_interval" in {warning.code for warning in found.warnings}


class OnlyDLPack:
    """An array of some other library."""

    def __init__(self, values: Any) -> None:
        self._tensor = torch.from_numpy(values)

    def __dlpack__(self, **options: Any) -> Any:
        return self._tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._tensor.__dlpack_device__()


def test_unrelated_arrays_score_in_sample_what_the_warning_says() -> None:
    random = np.random.default_rng(1)
    X, Y = random.normal(size=(400, 60)), random.normal(size=(400, 60))

    found = score_arrays(X, Y)

    warning = next(item for item in found.warnings if item.code == "few_tokens")
    assert found.r2_fit == pytest.approx(warning.data["null_score"], abs=0.03)
    assert found.r2_adjusted == pytest.approx(0.0, abs=0.03)
    assert found.r2_heldout is not None
    assert found.r2_heldout < 0.02


def test_an_exact_rank_32_map_of_wide_states_scores_one() -> None:
    random = np.random.default_rng(2)
    X = random.normal(size=(500, 32)) @ random.normal(size=(32, 200)) + 1000.0
    Y = X @ random.normal(size=(200, 200)) * 0.1

    assert score_arrays(X, Y, shrinkage=0.0).r2_fit == pytest.approx(1.0, abs=1e-9)


def test_an_array_that_equals_the_other_has_no_update() -> None:
    X, _, _ = arrays()

    found = score_arrays(X, X)

    assert found.update_r2_heldout is None
    assert found.r2_heldout == pytest.approx(1.0)
    assert "zero_update" in {warning.code for warning in found.warnings}


def bad(**changes: Any) -> dict[str, Any]:
    X, Y, groups = arrays()
    return {"X": X, "Y": Y, "groups": groups} | changes


NAN = np.full((N, D), np.nan)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (bad(Y=np.zeros((N, D + 1))), InvalidParameterError, "an array like X"),
        (bad(X=np.zeros(N)), InvalidParameterError, "rows, columns"),
        (bad(X="text"), InvalidParameterError, "numbers"),
        (bad(X=[["a"] * D] * N), InvalidParameterError, "numbers"),
        (bad(X=np.zeros((N, D), complex) + 1j), InvalidParameterError, "numbers"),
        (bad(X=NAN), NonFiniteStatesError, "NaN"),
        (bad(X=np.ones((N, D))), DegenerateStatesError, "the same"),
        (bad(X=np.ones((5, D)), Y=np.ones((5, D))), TooFewTokensError, "at least 20"),
        (bad(groups=[1, 2]), InvalidParameterError, "one label a row"),
        (bad(groups=[1] * N), InvalidParameterError, "at least 2 groups"),
        (bad(heldout=0.9), InvalidParameterError, "heldout"),
        (bad(shrinkage=-1), InvalidParameterError, "ridge"),
    ],
)
def test_what_has_no_scores_is_refused(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        score_arrays(given.pop("X"), given.pop("Y"), **given)
