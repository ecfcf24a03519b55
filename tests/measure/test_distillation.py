"""Losses of a healing against numpy and scipy, in float64."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax
from torch import Tensor, nn

from linearity.measure import distillation
from linearity.measure.distillation import (
    divergence,
    ordinary_tokens,
    states_distance,
    text_loss,
)

B, T, D, V = 3, 7, 5, 11


def states(seed: int) -> Tensor:
    return torch.randn((B, T, D), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def mask() -> Tensor:
    lengths = torch.tensor([7, 4, 6])
    return torch.arange(T) < lengths[:, None]


@pytest.fixture
def head() -> nn.Linear:
    torch.manual_seed(5)
    return nn.Linear(D, V)


def test_the_distance_of_states_is_over_variance_and_massive_tokens_over_their_own_length(
    mask: Tensor,
) -> None:
    teacher, student = states(0), states(1)
    teacher[:, 0] *= 300.0
    teacher[1, 2] *= 500.0
    ordinary = ordinary_tokens([states(2), teacher], mask)
    got = float(states_distance(student, teacher, mask, ordinary))

    wanted_ordinary = mask.clone()
    wanted_ordinary[:, 0] = False
    wanted_ordinary[1, 2] = False
    x, y = (t.double().numpy()[mask.numpy()] for t in (teacher, student))
    usual = wanted_ordinary.numpy()[mask.numpy()]
    mean = x[usual].mean(0)
    spread = ((x - mean) ** 2).sum(1)
    variance = spread[usual].mean()
    scale = np.where(usual, variance, np.maximum(spread, variance))
    wanted = (((y - x) ** 2).sum(1) / scale).mean()
    assert torch.equal(ordinary, wanted_ordinary)
    assert got == pytest.approx(wanted, rel=1e-5)


def test_a_student_that_gives_the_mean_is_one_variance_away(mask: Tensor) -> None:
    teacher = states(0)
    ordinary = mask.clone()
    student = teacher[mask].mean(0).expand_as(teacher)

    assert float(states_distance(student, teacher, mask, ordinary)) == pytest.approx(1.0, rel=1e-5)
    assert float(states_distance(teacher, teacher, mask, ordinary)) == 0.0


def test_divergence_and_text_loss_are_those_of_scipy_in_any_chunks(
    head: nn.Linear, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, dense = states(1).reshape(-1, D), states(2).reshape(-1, D)
    targets = torch.randint(V, (len(rows),), generator=torch.Generator().manual_seed(3))
    z, p = (head(t).detach().double().numpy() for t in (rows, dense))
    wanted_kl = rel_entr(softmax(p, axis=1), softmax(z, axis=1)).sum(1).mean()
    wanted_nll = -log_softmax(z, axis=1)[np.arange(len(rows)), targets.numpy()].mean()
    for chunk in (1024, 4):
        monkeypatch.setattr(distillation, "CHUNK_ROWS", chunk)
        assert divergence(head, rows, dense).item() == pytest.approx(wanted_kl, rel=1e-5)
        assert text_loss(head, rows, targets).item() == pytest.approx(wanted_nll, rel=1e-5)


def test_gradients_pass_through_chunks_as_through_one(
    head: nn.Linear, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense, found = states(2).reshape(-1, D), []
    for chunk in (1024, 4):
        monkeypatch.setattr(distillation, "CHUNK_ROWS", chunk)
        rows = states(1).reshape(-1, D).requires_grad_()
        divergence(head, rows, dense).backward()  # type: ignore[no-untyped-call]  # torch's own
        assert rows.grad is not None
        found.append(rows.grad)

    torch.testing.assert_close(found[0], found[1])
