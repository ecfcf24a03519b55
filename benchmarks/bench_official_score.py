"""Ask how much faster than the official function our scores are, and how exact.

Both scores (with and without the residual) of neighbouring states and of all pairs: ours from
moments, the official function in float32 as its notebook calls it, on the same states, in the
same run. Of the official function some neighbouring pairs are timed and multiplied. Errors are
against the official function in float64.

``--device cuda:0 --tokens 16384 --width 4096 --blocks 32`` is the shape of a 7B model.
"""

import argparse
import json
import time
from collections.abc import Callable

import llm_microscope
import torch
from machine import surroundings

from linearity.measure.maps import Regression, in_sample_scores
from linearity.measure.moments import (
    Band,
    Moments,
    RecomputedMoments,
    Split,
    accumulation_dtype,
)
from linearity.measure.solved import solved_scores

REPEATS = 3
CHUNK = 2048


def main() -> None:
    """Time both on the same states and compare with float64."""
    given = _arguments()
    states = some_states(given)
    blocks, pairs = given.blocks, given.blocks * (given.blocks + 1) // 2
    timed = min(given.official_pairs, blocks)
    compared = min(given.reference_pairs, timed)
    exact = official(states[:, : compared + 1].double(), compared)
    official(states, 1)  # warm
    their_seconds, theirs = timed_call(lambda: official(states, timed))
    adjacent_seconds, adjacent = median(lambda: ours(states, reach=1))
    all_seconds, every = median(lambda: ours(states, reach=blocks))
    a_pair = their_seconds / timed
    figures = {
        "official_seconds_a_pair": a_pair,
        "official_pairs_timed": timed,
        "our_seconds_adjacent": adjacent_seconds,
        "our_seconds_all_pairs": all_seconds,
        "ratio_adjacent": a_pair * blocks / adjacent_seconds,
        "ratio_all_pairs": a_pair * pairs / all_seconds,
        "official_error": largest_difference(theirs[: 2 * compared], exact),
        "our_error_adjacent": largest_difference(adjacent[: 2 * compared], exact),
        "our_error_all_pairs": largest_difference(every[: 2 * compared], exact),
    }
    for name, value in figures.items():
        print(f"{name:<24} {value:.4g}")
    print(json.dumps({"bench": "official_score", **vars(given), **figures, **surroundings()}))


def official(states: torch.Tensor, blocks: int) -> list[float]:
    """Return both scores of the first transitions, by the official function."""
    scores = []
    for block in range(blocks):
        X, Y = states[:, block], states[:, block + 1]
        scores.append(float(llm_microscope.procrustes_similarity(X, Y)))
        scores.append(float(llm_microscope.procrustes_similarity(X, Y - X)))
    return scores


def ours(states: torch.Tensor, *, reach: int) -> list[float]:
    """Return both scores of every transition, from moments; with more reach, of all pairs."""
    S, d = states.shape[1:]
    dtype = accumulation_dtype(d) if states.is_cuda else torch.float64
    wide = states.is_cuda and reach > 1  # sums of all pairs would not fit beside the states
    kind = RecomputedMoments if wide else Moments
    moments = kind(states[:CHUNK].to(dtype).mean(0), reach=reach, dtype=dtype)
    for chunk in torch.split(states, CHUNK):
        moments.add(chunk)
    split = Split([moments], states[:0].double())
    variation = split.variation()
    scores = []
    for block in range(S - 1):
        band = Band.of(split, block, reach=reach)
        around = variation[block : min(block + reach, S - 1) + 1]
        solved = solved_scores(band, around) if reach == 1 else None
        sample = solved or in_sample_scores(Regression.of(band), around)
        scores += [float(sample.r2_fit[0]), float(sample.update_r2_fit[0])]
    return scores


def largest_difference(one: list[float], two: list[float]) -> float:
    """Return the largest absolute difference."""
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


def some_states(given: argparse.Namespace) -> torch.Tensor:
    """Return (N, S, d) float32 states with a spread of scales, as a residual stream has."""
    N, d = given.tokens, given.width
    generator = torch.Generator(device=given.device).manual_seed(0)

    def normal(rows: int) -> torch.Tensor:
        return torch.randn(rows, d, generator=generator, device=given.device)

    stream = torch.empty(N, given.blocks + 1, d, device=given.device)
    X = normal(N) * torch.logspace(-1.5, 1, d, device=given.device)
    stream[:, 0] = X
    for block in range(given.blocks):
        mixed = X @ (normal(d) / d**0.5)
        # A norm keeps the stream from growing without end over many blocks.
        update = 0.3 * mixed / mixed.square().mean().sqrt() * X.square().mean().sqrt()
        X = X + update + 0.2 * torch.tanh(X)
        stream[:, block + 1] = X
    return stream


def median(call: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """Return the median seconds of some calls after a warm-up, and the answer."""
    answer = call()
    times = [timed_call(call)[0] for _ in range(REPEATS)]
    return sorted(times)[REPEATS // 2], answer


def timed_call(call: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """Return the seconds of a call, and its answer; numbers of Python wait for the device."""
    started = time.perf_counter()
    answer = call()
    return time.perf_counter() - started, answer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tokens", type=int, default=14_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--official-pairs", type=int, default=32, help="timed, then multiplied")
    parser.add_argument("--reference-pairs", type=int, default=4, help="also in float64")
    return parser.parse_args()


if __name__ == "__main__":
    main()
