"""Quality numbers against numpy and scipy in float64, and the coverage of the paired interval."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, rel_entr
from scipy.stats import t as student
from torch import Tensor

from linearity.contracts.common import Quality
from linearity.errors import NonFiniteStatesError
from linearity.evaluate.quality import (
    Reference,
    TokenQuality,
    by_document,
    dense_reference,
    paired_interval,
    summarise,
    token_losses,
    token_quality,
)

Array = NDArray[np.float64]
V, D = 90, 16
N = 589  # logits are made in chunks of 256 rows, so the last is not full
DOCUMENTS = [4] * 200 + [9] * 3 + [2] * 150 + [30] * 76 + [7] * 90 + [11] * 70
ROUNDING = 5e-5  # of a sum over the vocabulary in float32, with logits up to 20
ROOMS = [1e9, 0.0]


def some_rows(seed: int) -> Tensor:
    return torch.randn(N, D, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def head() -> Callable[[Tensor], Tensor]:
    """A head with peaked and flat distributions."""
    weight = torch.randn(D, V, generator=torch.Generator().manual_seed(1))

    def logits(rows: Tensor) -> Tensor:
        return rows @ weight

    return logits


@pytest.fixture
def targets() -> Tensor:
    return torch.randint(0, V, (N,), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def documents() -> Tensor:
    return torch.tensor(DOCUMENTS)


@pytest.fixture
def dense() -> Tensor:
    return some_rows(3)


@pytest.fixture
def changed(dense: Tensor) -> Tensor:
    """States that are off a little, and on some tokens a lot."""
    scale = torch.full((N, 1), 0.3)
    scale[::7] = 2.0
    return dense + scale * some_rows(4)


@pytest.fixture(params=ROOMS, ids=["kept", "made again"])
def reference(
    request: pytest.FixtureRequest,
    head: Callable[[Tensor], Tensor],
    dense: Tensor,
    targets: Tensor,
    documents: Tensor,
) -> Reference:
    """The dense model's side, with its probabilities kept and not kept."""
    reference = dense_reference(head, dense, targets, documents, room_bytes=request.param)
    assert (reference.probabilities is None) == (request.param == 0.0)
    return reference


def log_probabilities(head: Callable[[Tensor], Tensor], rows: Tensor) -> Array:
    return np.asarray(log_softmax(head(rows).double().numpy(), axis=1))


def losses(head: Callable[[Tensor], Tensor], rows: Tensor, targets: Tensor) -> Array:
    return np.asarray(-log_probabilities(head, rows)[np.arange(N), targets.numpy()])


def best_five(head: Callable[[Tensor], Tensor], rows: Tensor) -> NDArray[np.int64]:
    return np.argsort(-log_probabilities(head, rows), axis=1)[:, :5]


def test_the_reference_is_the_dense_model(
    reference: Reference, head: Callable[[Tensor], Tensor], dense: Tensor, targets: Tensor
) -> None:
    p = np.exp(log_probabilities(head, dense))

    np.testing.assert_allclose(reference.nll, losses(head, dense, targets), atol=1e-5)
    np.testing.assert_allclose(reference.negentropy, (p * np.log(p)).sum(1), atol=ROUNDING)
    assert reference.top.tolist() == best_five(head, dense).tolist()


def test_every_token_equals_scipy(
    reference: Reference,
    head: Callable[[Tensor], Tensor],
    dense: Tensor,
    changed: Tensor,
    targets: Tensor,
) -> None:
    p, q = (np.exp(log_probabilities(head, rows)) for rows in (dense, changed))
    fives = list(zip(best_five(head, dense), best_five(head, changed), strict=True))
    measured = token_quality(head, changed, reference)

    np.testing.assert_allclose(measured.nll, losses(head, changed, targets), atol=1e-5)
    np.testing.assert_allclose(measured.kl, rel_entr(p, q).sum(1), atol=ROUNDING)
    assert measured.top1.tolist() == [float(one[0] == other[0]) for one, other in fives]
    assert measured.likeliest.tolist() == [int(other[0]) for _, other in fives]
    np.testing.assert_allclose(
        measured.top5, [len(set(one) & set(other)) / 5 for one, other in fives], atol=1e-12
    )
    assert 0.05 < float(measured.top1.mean()) < 0.95  # the case is not trivial
    assert torch.equal(token_losses(head, changed, targets), measured.nll)


def test_a_summary_holds_means_over_tokens(
    reference: Reference,
    head: Callable[[Tensor], Tensor],
    dense: Tensor,
    changed: Tensor,
    targets: Tensor,
) -> None:
    tokens = token_quality(head, changed, reference)
    before, after = losses(head, dense, targets), losses(head, changed, targets)
    p, q = (np.exp(log_probabilities(head, rows)) for rows in (dense, changed))
    found = summarise(tokens, reference)

    assert found.nll == pytest.approx(after.mean(), abs=1e-6)
    assert found.ppl == pytest.approx(np.exp(after.mean()), rel=1e-6)
    assert found.nll_diff == pytest.approx(after.mean() - before.mean(), abs=1e-6)
    assert found.kl == pytest.approx(rel_entr(p, q).sum(1).mean(), abs=2e-6)
    assert found.top1 == float(tokens.top1.mean())
    assert found.top5 == float(tokens.top5.mean())
    assert found.ci95 == pytest.approx(leave_one_out(after - before, DOCUMENTS), abs=1e-6)


def test_an_unchanged_model_does_no_damage_at_all(
    reference: Reference, head: Callable[[Tensor], Tensor], dense: Tensor
) -> None:
    found = summarise(token_quality(head, dense, reference), reference)

    assert found.nll_diff == 0.0
    assert found.ci95 == [0.0, 0.0]
    assert found.kl == 0.0
    assert found.top1 == found.top5 == 1.0


def test_no_number_depends_on_whether_there_was_room_for_the_probabilities(
    head: Callable[[Tensor], Tensor],
    dense: Tensor,
    changed: Tensor,
    targets: Tensor,
    documents: Tensor,
) -> None:
    kept, again = (
        token_quality(
            head, changed, dense_reference(head, dense, targets, documents, room_bytes=room)
        )
        for room in ROOMS
    )

    assert torch.equal(kept.kl, again.kl)
    assert torch.equal(kept.nll, again.nll)


def test_means_of_every_document_and_its_tokens(documents: Tensor) -> None:
    values = torch.randn(N, generator=torch.Generator().manual_seed(8)).double()
    found = by_document([values, values.square()], documents)

    assert list(found) == sorted(set(DOCUMENTS))
    for document, (mean, square, tokens) in found.items():
        own = values.numpy()[np.array(DOCUMENTS) == document]
        assert mean == pytest.approx(own.mean(), abs=1e-12)
        assert square == pytest.approx((own**2).mean(), abs=1e-12)
        assert tokens == len(own)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_likelihood_that_is_no_number_is_an_error(
    value: float,
    reference: Reference,
    head: Callable[[Tensor], Tensor],
    changed: Tensor,
    targets: Tensor,
) -> None:
    changed[300, 0] = value

    with pytest.raises(NonFiniteStatesError):
        token_quality(head, changed, reference)
    with pytest.raises(NonFiniteStatesError):
        token_losses(head, changed, targets)
    with pytest.raises(NonFiniteStatesError):
        dense_reference(head, changed, targets, reference.documents, room_bytes=0.0)


def leave_one_out(difference: Array, documents: list[int]) -> list[float]:
    """The delete-one jackknife over documents, written as a plain loop."""
    ids = np.array(documents)
    names = sorted(set(documents))
    without = np.array([difference[ids != name].mean() for name in names])
    K = len(names)
    error = np.sqrt((K - 1) / K * sum((value - without.mean()) ** 2 for value in without))
    half = student.ppf(0.975, K - 1) * error
    return [float(difference.mean() - half), float(difference.mean() + half)]


def test_the_interval_leaves_out_one_document_at_a_time() -> None:
    rng = np.random.default_rng(5)
    for K in (5, 6, 19):
        documents = [int(k) for k in range(K) for _ in range(rng.integers(1, 60))]
        effect = rng.normal(size=K)
        difference = effect[documents] + rng.normal(size=len(documents))

        found = paired_interval(torch.from_numpy(difference), torch.tensor(documents))

        assert found == pytest.approx(leave_one_out(difference, documents), abs=1e-12)


def test_four_documents_give_no_interval() -> None:
    documents = torch.tensor([0, 1, 2, 3] * 50)
    difference = torch.linspace(0, 1, 200, dtype=torch.float64)

    assert paired_interval(difference, documents) is None
    assert damage_alone(difference, documents).ci95 is None


def damage_alone(difference: Tensor, documents: Tensor) -> Quality:
    """Return the summary where the dense model's loss is 0 everywhere."""
    zeros = torch.zeros_like(difference)
    reference = Reference(
        documents, documents, zeros, zeros, torch.zeros(len(zeros), 5), None, zeros[:, None]
    )
    return summarise(TokenQuality(difference, zeros, zeros, zeros, documents), reference)


@pytest.mark.parametrize("K", [10, 20])
def test_the_interval_covers_the_true_damage_as_often_as_it_says(K: int) -> None:
    """Documents of log-normal length, each with an effect of its own: 400 repetitions."""
    rng = np.random.default_rng(K)
    true, covered, repetitions = 0.1, 0, 400
    for _ in range(repetitions):
        lengths = np.maximum(rng.lognormal(4.0, 0.7, K).astype(int), 2)
        effect = true + 0.05 * rng.normal(size=K)
        documents = np.repeat(np.arange(K), lengths)
        difference = effect[documents] + 0.5 * rng.normal(size=len(documents))
        found = paired_interval(torch.from_numpy(difference), torch.from_numpy(documents))
        assert found is not None
        covered += found[0] <= true <= found[1]

    assert 0.92 <= covered / repetitions <= 0.99
