"""Where careless arithmetic fails: states of low rank, and half-precision states that are large."""

import math

import llm_microscope
import numpy as np
import pytest
import torch
from torch import Tensor

from linearity.measure.maps import InSample, Regression, in_sample_scores
from linearity.measure.moments import Band, Moments, Split, accumulation_dtype
from linearity.measure.tokens import cosines

RANK, WIDTH, TOKENS = 32, 256, 2048


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def scored(states: Tensor, dtype: torch.dtype | None = None) -> tuple[Regression, InSample]:
    """Score neighbours as a run does: sums in the type of its width, in the states' own order."""
    summed = dtype or accumulation_dtype(states.shape[-1])
    moments = Moments(states[:256].to(summed).mean(0), reach=1, dtype=summed)
    moments.add(states)
    split = Split([moments], states[:0].double())
    regression = Regression.of(Band.of(split, 0, reach=1))
    return regression, in_sample_scores(regression, split.variation())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.0, 1e-6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exactly_linear_states_of_rank_32_score_1(
    seed: int, noise: float, dtype: torch.dtype
) -> None:
    X = normal(TOKENS, RANK, seed=seed) @ normal(RANK, WIDTH, seed=seed + 10)
    Y = X @ normal(WIDTH, WIDTH, seed=seed + 20) / math.sqrt(WIDTH)
    X = X + noise * normal(TOKENS, WIDTH, seed=seed + 30)
    states = torch.stack([X, Y], dim=1).float()

    regression, sample = scored(states, dtype)

    assert float(sample.r2_fit[0]) == pytest.approx(1.0, abs=1e-6)
    if dtype == torch.float32:
        assert regression.rank == RANK


def test_the_published_function_does_not_in_float32() -> None:
    X = normal(TOKENS, RANK, seed=0) @ normal(RANK, WIDTH, seed=10)
    Y = X @ normal(WIDTH, WIDTH, seed=20) / math.sqrt(WIDTH)

    official = float(llm_microscope.procrustes_similarity(X.float(), Y.float()))

    assert not official > 0.95  # 0.1 to 0.8 by machine, or no number at all


def test_the_condition_number_is_that_of_the_centred_states() -> None:
    states = normal(900, 2, 24, seed=1) * torch.logspace(0, -3, 24, dtype=torch.float64) + 7.0
    centred = (states[:, 0] - states[:, 0].mean(0)).numpy()
    values = np.linalg.svd(centred, compute_uv=False)

    regression, _ = scored(states)

    assert regression.rank == 24
    assert regression.condition == pytest.approx(values[0] / values[-1], rel=1e-6)


@pytest.mark.parametrize("width", [128, 320])
def test_half_precision_states_of_magnitude_2500_do_not_overflow(width: int) -> None:
    states = normal(3000, 2, width, seed=2)
    states[:, 1] = states[:, 0] + 0.3 * states[:, 1]
    states[:, :, 5] = 2500.0 * (1.0 + 0.1 * states[:, :, 5])  # a massive activation everywhere
    half = states.half()
    assert not torch.isfinite(half.square()).all()

    regression, sample = scored(half)
    _, exact = scored(half.double(), torch.float64)

    assert regression.rank == width
    assert float(sample.r2_fit[0]) == pytest.approx(float(exact.r2_fit[0]), abs=1e-5)
    assert float(sample.update_r2_fit[0]) == pytest.approx(float(exact.update_r2_fit[0]), abs=1e-5)
    assert torch.isfinite(cosines(half.to(accumulation_dtype(width)))).all()
