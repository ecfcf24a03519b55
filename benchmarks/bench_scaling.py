"""Ask how time and memory of a linearity run grow with tokens, width and blocks.

Random weights, random text, all pairs. From a middle shape one of them is halved, then doubled.
Each run has a process of its own, so that its peak of memory is its own.
"""

import argparse
import json
import multiprocessing
import resource
import time
from typing import Any

import torch
from machine import surroundings
from shapes import linearity_params, llama, number_documents

from linearity.studies.linearity import measure_linearity

DOCUMENT_TOKENS = 512
SPARE_DOCUMENTS = 40
KIB = 1024
GIB = 2**30


class Quiet:
    """Nobody looks; meets `Progress`."""

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Go on."""

    def partial(self, build: object) -> None:
        """Build nothing."""

    def log(self, message: str) -> None:
        """Say nothing."""


def main() -> None:
    """Print one row a shape, and one JSON line."""
    given = _arguments()
    middle = {"tokens": given.tokens, "width": given.width, "blocks": given.blocks}
    shapes = [middle] + [
        middle | {name: factor * middle[name] // 2} for name in middle for factor in (1, 4)
    ]
    context = multiprocessing.get_context("spawn")
    rows = []
    for shape in shapes:
        with context.Pool(1) as pool:
            rows.append(pool.apply(measured, (shape, given.device)))
        row = rows[-1]
        print(
            f"{row['tokens']:>8,} tokens {row['width']:>6,} wide {row['blocks']:>4} blocks"
            f" {row['seconds']:>8.1f} s {row['peak_gib']:>7.2f} GiB"
        )
    print(json.dumps({"bench": "scaling", "rows": rows, **surroundings()}))


def measured(shape: dict[str, int], device: str) -> dict[str, Any]:
    """Return the seconds of one run, model and warm-up aside, and the peak of memory."""
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    width = shape["width"]
    model = llama(device, width=width, blocks=shape["blocks"], inner=8 * width // 3, dtype=dtype)
    documents = number_documents(
        shape["tokens"] // DOCUMENT_TOKENS + SPARE_DOCUMENTS, DOCUMENT_TOKENS
    )
    wanted = {"pairs": "all", "dtype": str(dtype).removeprefix("torch.")}
    measure_linearity(model, documents, linearity_params(2048, **wanted), Quiet(), reach=1)
    started = time.perf_counter()
    measure_linearity(model, documents, linearity_params(shape["tokens"], **wanted), Quiet())
    seconds = time.perf_counter() - started
    peak = (
        torch.cuda.max_memory_allocated()
        if device.startswith("cuda")
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    )
    return {**shape, "seconds": round(seconds, 2), "peak_gib": round(peak / GIB, 2)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--blocks", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main()
