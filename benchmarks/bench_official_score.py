"""Ask how much faster than the official function an adjacent profile is, and how exact.

Both scores (with and without the residual) of every transition of 4 blocks, N = 14,000, d = 768:
ours from streamed float64 moments, the official function in float32 as its notebook calls it, on
the same states. Errors are against the official function in float64.
"""

import json
import time
from collections.abc import Callable

import llm_microscope
import torch
from machine import surroundings

from linearity.measure.maps import Regression, in_sample_scores
from linearity.measure.moments import Band, Moments, Split

N, WIDTH, BLOCKS, REPEATS = 14_000, 768, 4, 3


def main() -> None:
    """Time both on the same states and compare with float64."""
    states = some_states()
    exact = official(states.double())
    their_seconds, theirs = median(lambda: official(states))
    our_seconds, our = median(lambda: ours(states))
    figures = {
        "official_seconds": their_seconds,
        "our_seconds": our_seconds,
        "ratio": their_seconds / our_seconds,
        "official_error": largest_difference(theirs, exact),
        "our_error": largest_difference(our, exact),
    }
    for name, value in figures.items():
        print(f"{name:<17} {value:.3g}")
    print(json.dumps({"bench": "official_score", **figures, **surroundings()}))


def official(states: torch.Tensor) -> list[float]:
    """Return both scores of every transition, by the official function."""
    scores = []
    for block in range(BLOCKS):
        X, Y = states[:, block], states[:, block + 1]
        scores.append(float(llm_microscope.procrustes_similarity(X, Y)))
        scores.append(float(llm_microscope.procrustes_similarity(X, Y - X)))
    return scores


def ours(states: torch.Tensor) -> list[float]:
    """Return both scores of every transition, from moments."""
    moments = Moments(states[:2048].mean(0), reach=1, dtype=torch.float64)
    moments.add(states)
    split = Split([moments], states[:0].double())
    variation = split.variation()
    scores = []
    for block in range(BLOCKS):
        regression = Regression.of(Band.of(split, block, reach=1))
        sample = in_sample_scores(regression, variation[block : block + 2])
        scores += [float(sample.r2_fit[0]), float(sample.update_r2_fit[0])]
    return scores


def largest_difference(one: list[float], two: list[float]) -> float:
    """Return the largest absolute difference."""
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


def some_states() -> torch.Tensor:
    """Return (N, 5, d) float32 states with a spread of scales, as a residual stream has."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(N, WIDTH, generator=generator) * torch.logspace(-1.5, 1, WIDTH)
    stream = [X]
    for _ in range(BLOCKS):
        A = torch.randn(WIDTH, WIDTH, generator=generator) / WIDTH**0.5
        X = X + 0.3 * X @ A + 0.2 * torch.tanh(X)
        stream.append(X)
    return torch.stack(stream, dim=1)


def median(call: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """Return the median seconds of some calls after a warm-up, and the answer."""
    answer = call()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return sorted(times)[REPEATS // 2], answer


if __name__ == "__main__":
    main()
