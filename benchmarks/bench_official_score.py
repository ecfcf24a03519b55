"""Ask how much faster than the official function one adjacent pair is, and how exact.

Both scores (with and without the residual) of one pair, N = 14,000, d = 768: ours from streamed
float64 moments, the official function in float32 as its notebook calls it, on the same states.
"""

import json
import time
from collections.abc import Callable

import llm_microscope
import torch
from machine import surroundings

from linearity.measure.maps import Regression, in_sample_scores
from linearity.measure.moments import Band, Moments, Split

N, WIDTH, REPEATS = 14_000, 768, 5


def main() -> None:
    """Time both on the same states and compare with float64."""
    states = some_states()
    X, Y = states[:, 0], states[:, 1]

    def official() -> tuple[float, float]:
        return (
            float(llm_microscope.procrustes_similarity(X, Y)),
            float(llm_microscope.procrustes_similarity(X, Y - X)),
        )

    def ours() -> tuple[float, float]:
        moments = Moments(states[:2048].mean(0), reach=1, dtype=torch.float64)
        moments.add(states)
        split = Split([moments], states[:0].double())
        sample = in_sample_scores(Regression.of(Band.of(split, 0, reach=1)), split.variation())
        return float(sample.r2_fit[0]), float(sample.update_r2_fit[0])

    exact = float(llm_microscope.procrustes_similarity(X.double(), Y.double()))
    theirs_seconds, theirs = median(official)
    our_seconds, our = median(ours)
    print(f"official {theirs_seconds:.2f} s, error {abs(theirs[0] - exact):.1e}")
    print(f"ours     {our_seconds:.2f} s, error {abs(our[0] - exact):.1e}")
    print(f"ratio    {theirs_seconds / our_seconds:.1f}")
    print(
        json.dumps(
            {
                "bench": "official_score",
                "official_seconds": theirs_seconds,
                "our_seconds": our_seconds,
                "ratio": theirs_seconds / our_seconds,
                "official_error": abs(theirs[0] - exact),
                "our_error": abs(our[0] - exact),
                **surroundings(),
            }
        )
    )


def some_states() -> torch.Tensor:
    """Return (N, 2, d) float32 states with a spread of scales, as a residual stream has."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(N, WIDTH, generator=generator) * torch.logspace(-1.5, 1, WIDTH)
    A = torch.randn(WIDTH, WIDTH, generator=generator) / WIDTH**0.5
    return torch.stack([X, X + 0.3 * X @ A + 0.2 * torch.tanh(X)], dim=1)


def median(call: Callable[[], tuple[float, float]]) -> tuple[float, tuple[float, float]]:
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
