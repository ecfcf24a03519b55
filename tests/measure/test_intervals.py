import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import t as student_t

from linearity.measure.intervals import DocumentSums, score_interval

Array = NDArray[np.float64]


class Population:
    """Documents of log-normal length, each with a topic (a shift) and noise of its own."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.truth = self.generator.normal(size=(3, 3))

    def some_map(self) -> Array:
        return self.truth + 0.3 * self.generator.normal(size=(3, 3))

    def draw(self, documents: int) -> tuple[NDArray[np.int64], Array, Array]:
        lengths = np.ceil(self.generator.lognormal(4.0, 0.8, size=documents)).astype(int)
        document = np.repeat(np.arange(documents), lengths)
        topic = 0.5 * self.generator.normal(size=(documents, 3))[document]
        loudness = self.generator.lognormal(0.0, 0.3, size=documents)[document, None]
        X = topic + self.generator.normal(size=(len(document), 3))
        return document, X, X @ self.truth + loudness * self.generator.normal(size=X.shape)


def r2(X: Array, Y: Array, fitted: Array) -> float:
    return float(1 - ((Y - X @ fitted) ** 2).sum() / ((Y - Y.mean(0)) ** 2).sum())


def interval_of(
    document: NDArray[np.int64], X: Array, Y: Array, fitted: Array
) -> tuple[float, float] | None:
    errors = ((Y - X @ fitted) ** 2).sum(1)
    return score_interval(DocumentSums.of(*map(torch.from_numpy, (document, errors, Y))))


def test_no_interval_below_five_documents() -> None:
    population = Population(0)

    assert interval_of(*population.draw(4), population.some_map()) is None


def test_the_interval_leaves_out_one_document_at_a_time() -> None:
    population = Population(1)
    fitted = population.some_map()
    document, X, Y = population.draw(7)
    without = np.array([r2(X[document != k], Y[document != k], fitted) for k in range(7)])
    error = np.sqrt(6 / 7 * ((without - without.mean()) ** 2).sum())
    half = student_t.ppf(0.975, 6) * error

    interval = interval_of(document, X, Y, fitted)

    assert interval == pytest.approx((r2(X, Y, fitted) - half, r2(X, Y, fitted) + half), rel=1e-9)


def test_the_interval_does_not_depend_on_the_centre_of_the_sums() -> None:
    population = Population(2)
    fitted = population.some_map()
    document, X, Y = population.draw(12)
    errors = torch.from_numpy(((Y - X @ fitted) ** 2).sum(1))
    documents = torch.from_numpy(document)

    near = score_interval(DocumentSums.of(documents, errors, torch.from_numpy(Y)))
    far = score_interval(DocumentSums.of(documents, errors, torch.from_numpy(Y + 100.0)))

    assert near is not None
    assert far == pytest.approx(near, rel=1e-6)


@pytest.mark.parametrize("documents", [10, 20])
def test_intervals_cover_the_score_of_the_fitted_map_on_a_million_new_tokens(
    documents: int,
) -> None:
    population = Population(documents)
    _, X, Y = population.draw(14_000)
    assert len(X) > 1_000_000
    X, Y = X[:1_000_000], Y[:1_000_000]
    # The score of any map on these tokens, from their second moments.
    XX, XY, YY = X.T @ X, X.T @ Y, (Y**2).sum()
    spread = ((Y - Y.mean(0)) ** 2).sum()
    covered, repetitions = 0, 200
    for _ in range(repetitions):
        fitted = population.some_map()
        rss = YY - 2 * (fitted * XY).sum() + (fitted * (XX @ fitted)).sum()
        interval = interval_of(*population.draw(documents), fitted)
        assert interval is not None
        covered += interval[0] <= 1 - rss / spread <= interval[1]

    assert 0.90 <= covered / repetitions <= 0.99
