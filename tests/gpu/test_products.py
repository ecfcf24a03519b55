"""Moments on tensor cores against float64: digits of the sums, and of the score."""

import sys

import pytest
import torch
from torch import Tensor

from linearity.measure.maps import Maps, Regression, in_sample_scores
from linearity.measure.moments import Band, Moments, RecomputedMoments, Split
from linearity.measure.solved import solved_maps

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
N, WIDTH = 16_384, 1024


def states_of(offset: float) -> Tensor:
    """Return (N, 2, d) float64 states whose mean lies `offset` deviations from zero."""
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(N, WIDTH, generator=generator, dtype=torch.float64)
    X *= torch.logspace(-2, 1, WIDTH, dtype=torch.float64)
    mixing = torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64) / WIDTH**0.5
    Y = X @ mixing + 0.3 * torch.randn(N, WIDTH, generator=generator, dtype=torch.float64)
    return (torch.stack([X, Y], dim=1) + offset).cuda()


def moments_of(states: Tensor, dtype: torch.dtype) -> Moments:
    moments = Moments(states[:2048].mean(0), reach=1, dtype=dtype)
    for batch in torch.split(states.to(dtype), 2048):
        moments.add(batch)
    return moments


@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_sums_and_score_keep_their_digits(offset: float) -> None:
    states = states_of(offset)
    # What float32 makes of the states themselves is no matter of the sums.
    states = states.float().double()
    exact, fast = (moments_of(states, dtype) for dtype in (torch.float64, torch.float32))

    worst = max(
        float((one.double() - two).norm() / two.norm())
        for one, two in zip(fast.rows, exact.rows, strict=True)
    )
    scores = []
    for moments in (fast, exact):
        split = Split([moments], states[:0])
        sample = in_sample_scores(Regression.of(Band.of(split, 0, reach=1)), split.variation())
        scores.append([float(sample.r2_fit[0]), float(sample.update_r2_fit[0])])
    error = max(abs(a - b) for a, b in zip(*scores, strict=True))

    sys.stdout.write(f"offset {offset:g}: sums {worst:.1e}, score {error:.1e}\n")
    assert worst < 5e-6
    assert error < 1e-5


@pytest.mark.parametrize(
    ("dtype", "offset"),
    # Of numbers around 300 float16 keeps no deviations of 0.01: what it leaves is another question.
    [(torch.bfloat16, 0.0), (torch.bfloat16, 300.0), (torch.float16, 0.0), (torch.float16, 3.0)],
)
def test_states_of_half_precision_keep_the_digits_of_the_score(
    dtype: torch.dtype, offset: float
) -> None:
    states = states_of(offset).to(dtype)
    reference = states[:2048].float().mean(0).to(dtype).float()
    scores = []
    for kind, sums in (
        (Moments, torch.float32),
        (RecomputedMoments, torch.float32),
        (Moments, torch.float64),
    ):
        moments = kind(reference, reach=1, dtype=sums)
        moments.add(states.double() if sums == torch.float64 else states)
        split = Split([moments], states[:0].double())
        sample = in_sample_scores(Regression.of(Band.of(split, 0, reach=1)), split.variation())
        scores.append([float(sample.r2_fit[0]), float(sample.update_r2_fit[0])])
    streamed, kept, exact = scores

    error = max(abs(a - b) for a, b in zip(streamed + kept, exact + exact, strict=True))
    sys.stdout.write(f"{dtype} offset {offset:g}: score {error:.1e}\n")
    assert error < 1e-5


def test_residuals_on_tensor_cores_are_those_of_float64() -> None:
    # What float32 makes of the states themselves is no matter of the residuals.
    states = states_of(300.0).float().double()
    split = Split([moments_of(states, torch.float64)], states[:0])
    band = Band.of(split, 0, reach=1)
    ridges = torch.full((1,), 1e-6, dtype=torch.float64, device="cuda")
    exact = Maps.fitted(Regression.of(band), ridges)
    solved = solved_maps(band, 1e-6)
    assert solved is not None
    truth, spread = exact.squared_errors(states).sum(), split.variation()[1]
    for maps in (exact, solved):
        error = float((maps.squared_errors(states.float()).sum() - truth).abs() / spread)
        sys.stdout.write(f"residuals: score {error:.1e}\n")
        assert error < 1e-6


def test_what_is_not_finite_shows() -> None:
    states = states_of(0.0).float()
    states[5, 1, 7] = torch.inf

    assert not torch.isfinite(moments_of(states.double(), torch.float32).rows[0]).all()
