"""Ask how the measured speed of a changed model lies beside what bytes and operations expect.

python benchmarks/bench_speed.py                            smollm2, six blocks dropped
python benchmarks/bench_speed.py --shape 7b --drop 8 --batches 1 8 64 --device cuda:0

The decoding of a large model on a GPU is bound by the bytes that a step reads; that of a small one
by how fast its kernels are launched, where the ratio follows the number of blocks.
"""

import argparse
import json

from bench_greedy import material_of
from bench_plan import Silent
from machine import surroundings

from linearity.adapters.engine import engine_here
from linearity.contracts.inputs import Document
from linearity.contracts.speed import SpeedParams
from linearity.contracts.timings import LoadPoint
from linearity.studies.material import Material
from linearity.studies.speed import measure_speed


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--shape", choices=("7b",))
    parser.add_argument("--drop", type=int, default=6)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--new", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--fit", type=int)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    material = material_of(given)
    first = (material.blocks - given.drop) // 2
    params = SpeedParams(
        plan=f"{first}-{first + given.drop - 1}:drop",
        fitting="one_shot",
        batches=sorted(given.batches),
        prompt_tokens=given.prompt,
        new_tokens=given.new,
        pairs=given.pairs,
        warmup=2,
        take=1,
        **vars(material.sampling),
    )
    sampling = material.sampling
    found = measure_speed(
        material,
        params,
        _records(material),
        Silent(),
        engine=engine_here(given.device, dtype=sampling.dtype, attention=sampling.attention),
    )
    for point in found.points:
        _print(point)
    figures = {
        "model": given.shape or given.model,
        "plan": params.plan,
        "ceiling": found.ceiling,
        "points": [_short(point) for point in found.points],
        "device": found.engine.device_name,
        "warnings": [warning.code for warning in found.warnings],
        **surroundings(),
    }
    print(json.dumps(figures))


def _records(material: Material) -> list[Document]:
    return [Document(part) for part in material.parts]


def _short(point: LoadPoint) -> dict[str, object]:
    return {
        "load": point.load,
        **{
            timing.metric: {
                "dense": timing.dense.p50,
                "changed": timing.changed.p50,
                "speedup": timing.speedup and timing.speedup.value,
                "ci95": timing.speedup and timing.speedup.ci95,
                "expected": timing.estimate and timing.estimate.speedup,
            }
            for timing in point.timings
        },
    }


def _print(point: LoadPoint) -> None:
    for timing in point.timings:
        speedup, estimate = timing.speedup, timing.estimate
        assert speedup is not None
        low, high = speedup.ci95 or (float("nan"), float("nan"))
        expected = "" if estimate is None else f"  {estimate.of} {estimate.speedup:.3f}"
        print(
            f"{point.load:5} {timing.metric:13} {timing.dense.p50:12.5g} {timing.changed.p50:12.5g}"
            f"  x {speedup.value:.3f} [{low:.3f}, {high:.3f}]{expected}"
        )


if __name__ == "__main__":
    main()
