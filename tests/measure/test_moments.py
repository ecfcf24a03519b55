import numpy as np
import pytest
import torch
from torch import Tensor

from linearity.measure.maps import Regression, in_sample_scores
from linearity.measure.moments import (
    Band,
    Moments,
    RecomputedMoments,
    Split,
    accumulation_dtype,
)

STATES, WIDTH = 4, 6


def some_states(n: int = 500, *, seed: int = 0, mean: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, STATES, WIDTH, generator=generator, dtype=torch.float64)
    return X.cumsum(1) + mean


def moments_of(
    states: Tensor, *, reach: int = STATES - 1, reference: Tensor | None = None
) -> Moments:
    about = states[:50].mean(0) if reference is None else reference
    moments = Moments(about, reach=reach, dtype=torch.float64)
    moments.add(states)
    return moments


def split_of(*shards: Moments, apart: Tensor | None = None) -> Split:
    nothing = torch.zeros((0, STATES, WIDTH), dtype=torch.float64)
    return Split(list(shards), nothing if apart is None else apart)


def centred(states: Tensor, i: int, j: int) -> np.ndarray:
    X, Y = states[:, i].numpy(), states[:, j].numpy()
    product: np.ndarray = (X - X.mean(0)).T @ (Y - Y.mean(0))
    return product


def test_centred_moments_equal_those_of_numpy() -> None:
    states = some_states()

    band = Band.of(split_of(moments_of(states)), 1, reach=2)

    assert band.C.shape == (3, WIDTH, WIDTH)
    for k in range(3):
        assert np.allclose(band.C[k].numpy(), centred(states, 1, 1 + k), rtol=1e-10)


def test_some_later_states_alone_have_the_moments_that_they_have_among_all() -> None:
    split = split_of(moments_of(some_states()), apart=some_states(7, seed=3))
    every = Band.of(split, 0, reach=3)

    some = Band.of(split, 0, reach=3, later=range(2, 4))

    assert torch.allclose(some.C, every.C[[0, 2, 3]], rtol=1e-12)
    assert torch.equal(some.means, every.means[[0, 2, 3]])


def recomputed_of(states: Tensor, reference: Tensor) -> RecomputedMoments:
    moments = RecomputedMoments(reference, reach=STATES - 1, dtype=torch.float64)
    moments.add(states)
    return moments


def test_moments_made_from_kept_states_equal_the_streamed_ones() -> None:
    states = some_states(1000)
    streamed = moments_of(states, reference=states[:50].mean(0))
    kept = recomputed_of(states[:300], states[:50].mean(0))
    kept.merge(recomputed_of(states[300:], states[:50].mean(0)))

    assert kept.n == streamed.n
    assert torch.allclose(kept.traces(), streamed.traces(), rtol=1e-12)
    for i in range(STATES):
        for reach in (1, STATES - 1):
            one, two = (Band.of(split_of(m), i, reach=reach) for m in (kept, streamed))
            assert torch.allclose(one.C, two.C, rtol=1e-12, atol=1e-9)


def test_what_is_asked_for_twice_follows_what_was_added_meanwhile() -> None:
    states = some_states(600)
    kept = recomputed_of(states[:300], states[:50].mean(0))
    before = kept.row(0, 2).clone()
    kept.add(states[300:])

    assert not torch.allclose(kept.row(0, 2), before)
    assert torch.allclose(kept.row(0, 2), moments_of(states).row(0, 2), rtol=1e-10)
    assert torch.allclose(kept.traces(), moments_of(states).traces(), rtol=1e-10)


def test_kept_states_merge_about_one_reference_only() -> None:
    states = some_states()
    kept = recomputed_of(states, states[:50].mean(0))
    for other in (recomputed_of(states, states.mean(0)), moments_of(states)):
        with pytest.raises(ValueError, match="same reference"):
            kept.merge(other)


def test_any_sharding_merges_to_the_same_moments() -> None:
    states = some_states(1000)
    whole = split_of(moments_of(states))
    for sizes in ([500, 500], [1, 999], [300, 300, 400], [10] * 100):
        shards = [moments_of(part) for part in torch.split(states, sizes)]  # own references
        merged = shards[-1]
        for shard in shards[:-1]:
            merged.merge(shard)
        for i in range(STATES):
            one, two = Band.of(whole, i, reach=3).C, Band.of(split_of(merged), i, reach=3).C

            assert ((one - two).norm() / one.norm()).item() < 1e-12


def test_tokens_held_apart_count_like_streamed_ones() -> None:
    states = some_states(400)
    reference = states.mean(0)
    streamed = moments_of(states[:380], reference=reference)
    both = Band.of(split_of(streamed, apart=states[380:]), 0, reach=3)

    everything = Band.of(split_of(moments_of(states)), 0, reach=3)

    assert torch.allclose(both.C, everything.C, rtol=1e-10)
    assert both.n == everything.n == 400


def test_variation_is_the_summed_squared_distance_from_the_mean_or_a_centre() -> None:
    states = some_states(300)
    split = split_of(moments_of(states[:290], reference=states.mean(0)), apart=states[290:])
    centre = torch.full((STATES, WIDTH), 2.5, dtype=torch.float64)

    about_mean = (states - states.mean(0)).square().sum((0, 2))
    about_centre = (states - centre).square().sum((0, 2))

    assert torch.allclose(split.variation(), about_mean, rtol=1e-10)
    assert torch.allclose(split.variation(centre), about_centre, rtol=1e-10)


def test_adjacent_moments_are_those_of_all_pairs() -> None:
    states = some_states()
    adjacent = Band.of(split_of(moments_of(states, reach=1)), 2, reach=1)

    every = Band.of(split_of(moments_of(states)), 2, reach=1)

    assert torch.equal(adjacent.C, every.C)


def test_float32_sums_keep_the_score_on_data_with_a_mean_of_300_deviations() -> None:
    generator = torch.Generator().manual_seed(1)
    N, d = 16_384, 320
    X = torch.randn(N, d, generator=generator, dtype=torch.float64) * torch.linspace(0.1, 3, d)
    mixing = torch.randn(d, d, generator=generator, dtype=torch.float64) / d**0.5
    Y = X @ mixing + 0.3 * torch.randn(N, d, generator=generator, dtype=torch.float64)
    states = torch.stack([X + 300 * 1.7, Y + 300 * 1.7], dim=1)
    assert accumulation_dtype(d) == torch.float32

    def score(dtype: torch.dtype) -> float:
        moments = Moments(states[:2048].mean(0), reach=1, dtype=dtype)
        for batch in torch.split(states.to(torch.float32), 2048):
            moments.add(batch.to(dtype))
        split = Split([moments], states[:0])
        regression = Regression.of(Band.of(split, 0, reach=1))
        return float(in_sample_scores(regression, split.variation()).r2_fit[0])

    assert score(torch.float32) == pytest.approx(score(torch.float64), abs=1e-5)


def test_a_reach_beyond_the_last_state_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted 1 to 3, got 4"):
        Moments(torch.zeros(STATES, WIDTH), reach=4, dtype=torch.float64)
