"""A finished `speed` result of made-up seconds: two loads, ten pairs, a cost map."""

import random
from typing import Any

from linearity.contracts.common import SplitFacts
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.speed import CostMap, PartCost, SideSize, SpeedResult
from linearity.contracts.timings import (
    SIDES,
    Engine,
    Estimate,
    Lengths,
    LoadPoint,
    SideMemory,
    Timing,
)
from linearity.measure.speedups import speedup, spread
from tests.builders import a_result

PAIRS = 10
SECONDS = {"first_token": 0.3, "next_token": 0.04, "gap": 0.04, "request": 1.6}
INNER = ("norms", "attention", "mlp", "rest")


def a_speed(*, blocks: int = 4, loads: tuple[int, ...] = (1, 8), **changes: Any) -> SpeedResult:
    noise = random.Random(7)
    around = a_result(blocks=blocks)
    values: dict[str, Any] = {
        "id": "0f1e2d3c4b5a6978" * 2,
        "created": around.created,
        "model": around.model,
        "dataset": around.dataset,
        "params": {"plan": "1:drop", "batches": [*loads], "dtype": "float32"},
        "environment": around.environment,
        "engine": Engine("in_process", "transformers 5.23.0, torch 2.13.0", "cpu", "A processor",
                         "float32", "sdpa", "none", 2, graphs=False),
        "lengths": Lengths("texts", 0, 128, 32),
        "warmup": 2,
        "points": [a_point(load, noise) for load in loads],
        "splits": {name: SplitFacts(10, 0, 0) for name in ("fit", "select", "report")},
        "steps": [MeasuredStep(1, 1, "drop", None, None)],
        "sides": {
            "dense": SideSize(blocks, 0, 852_608, 3_410_432, 3_410_432),
            "changed": SideSize(blocks - 1, 0, 672_256, 2_689_024, 2_689_024),
        },
        "ceiling": blocks / (blocks - 1),
        "costs": some_costs(blocks, noise),
        "finding": {"en": "1.25 times as many.", "ja": "1.25 倍です。"},
        "warnings": [],
    }  # fmt: skip
    return SpeedResult(**(values | changes))


def a_point(load: int, noise: random.Random) -> LoadPoint:
    timings = []
    for metric, seconds in SECONDS.items():
        dense = [seconds * load**0.7 * noise.uniform(0.97, 1.05) for _ in range(PAIRS)]
        changed = [value / noise.uniform(1.18, 1.3) for value in dense]
        of = {"first_token": "flops", "next_token": "bytes"}.get(metric)
        estimate = Estimate(of, 130.0, 100.0, 1.3) if of else None
        timings.append(_timing(metric, dense, changed, estimate))
    rates = {side: [32 * load / s for s in timings[-1].pairs[side]] for side in SIDES}
    timings.append(_timing("tokens_per_s", rates["dense"], rates["changed"], None))
    memory = {side: SideMemory(3_410_432, 260_096 * load, None) for side in SIDES}
    return LoadPoint(load, timings, memory=memory)


def _timing(
    metric: str, dense: list[float], changed: list[float], estimate: Estimate | None
) -> Timing:
    return Timing(
        metric=metric,
        dense=spread(dense),
        changed=spread(changed),
        pairs={"dense": dense, "changed": changed},
        speedup=speedup(metric, dense, changed),
        estimate=estimate,
    )


def some_costs(blocks: int, noise: random.Random) -> CostMap:
    def part(block: int | None, name: str, weights: int) -> PartCost:
        seconds = noise.uniform(1e-3, 3e-3)
        return PartCost(
            block, name, weights, 4 * weights, 20 * seconds, seconds, 200.0 * weights, 2.0 * weights
        )

    inner = [
        part(block, name, {"attention": 49_152, "mlp": 130_944, "norms": 256}.get(name, 0))
        for block in range(blocks)
        for name in INNER
    ]
    outer = [part(None, "final_norm", 128), part(None, "head", 131_072)]
    parts = [part(None, "embedding", 131_072), *inner, *outer]
    return CostMap(128, PAIRS, 0.3, 0.04, 0.05, parts)
