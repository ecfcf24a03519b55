"""Ask how long the linearity of a 7B-shaped model takes, and where the time goes.

Random weights in bfloat16, 131,072 tokens of random numbers. All pairs need 75 GB for moments
beside model and held-out states; ``--pairs adjacent`` fits any card that holds the model.
"""

import argparse
import json
import time
from collections.abc import Callable

import torch
from machine import surroundings
from shapes import BLOCKS_7B, WIDTH_7B, linearity_params, llama_7b, number_documents

from linearity.contracts.canonical import Json
from linearity.studies.linearity import measure_linearity

PEAK_FLOPS = 790e12
"""Measured bfloat16 matrix products of one H200."""
PARAMETERS_7B = 6.74e9


class Clock:
    """Notes when the last token was read; what follows are solves and scores."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.streamed = 0.0

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Wait for the device once, at the end of the stream."""
        if done == total and not self.streamed:
            torch.cuda.synchronize()
            self.streamed = time.perf_counter() - self.started

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Nobody looks."""

    def log(self, message: str) -> None:
        """Print a line."""
        print(message)


def main() -> None:
    """Print the figures and one JSON line."""
    given = _arguments()
    if not torch.cuda.is_available():
        print(json.dumps({"measured": "not measured: no GPU here"}))
        return
    model = llama_7b("cuda:0")
    documents = number_documents(given.tokens // 1024 + 80, 1024)
    measure_linearity(
        model, documents, linearity_params(2048, pairs=given.pairs), Clock(), reach=1
    )  # warm
    torch.cuda.reset_peak_memory_stats()
    clock = Clock()
    reach = 1 if given.pairs == "adjacent" else BLOCKS_7B
    measured = measure_linearity(
        model, documents, linearity_params(given.tokens, pairs=given.pairs), clock, reach=reach
    )
    torch.cuda.synchronize()
    seconds = time.perf_counter() - clock.started
    _report(given, seconds, clock.streamed, measured.profile.r2_heldout)


def _report(
    given: argparse.Namespace, seconds: float, streamed: float, scores: list[float | None]
) -> None:
    states = BLOCKS_7B + 1
    products = states * (states + 1) / 2 if given.pairs == "all" else 2 * states - 1
    forward = 2.0 * PARAMETERS_7B * given.tokens
    moments = 2.0 * given.tokens * 0.75 * WIDTH_7B**2 * products
    figures = {
        "pairs": given.pairs,
        "tokens": given.tokens,
        "seconds": round(seconds, 1),
        "streaming_seconds": round(streamed, 1),
        "solving_seconds": round(seconds - streamed, 1),
        "forward_petaflop": round(forward / 1e15, 2),
        "moments_petaflop": round(moments / 1e15, 2),
        "floor_seconds": round((forward + moments) / PEAK_FLOPS, 2),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1),
        "scores": [round(s, 4) for s in scores[:3] if s is not None],
        "device": torch.cuda.get_device_name(),
        **surroundings(),
    }
    for key, value in figures.items():
        print(f"{key:20} {value}")
    print(json.dumps(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=131_072)
    parser.add_argument("--pairs", choices=["all", "adjacent"], default="all")
    return parser.parse_args()


if __name__ == "__main__":
    main()
