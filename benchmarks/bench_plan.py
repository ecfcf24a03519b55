"""Ask how long a what-if plan takes on a warm worker: model, dense states and maps resident.

python benchmarks/bench_plan.py                             smollm2, 2,048 tokens
python benchmarks/bench_plan.py --shape 7b --tokens 16384 --device cuda:0
"""

import argparse
import json
import statistics
import time

import torch
from bench_greedy import material_of
from machine import surroundings

from linearity.contracts.plan import PlanParams
from linearity.studies.material import Material
from linearity.studies.plan import measure_plan

PLANS = ("12:drop", "14:linear", "12:drop,14:linear", "12-13:drop,14:linear,17:linear", "14:merged")
NEW = ("18:linear", "19:merged")
"""The first of their kind: a map has to be fitted, and for a linear block a rule chosen."""
WARM = ("12:linear", "14:linear", "17:linear", "14:merged")


class Silent:
    """A progress that nobody watches."""

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Go on."""

    def partial(self, build: object) -> None:
        """Nobody looks."""

    def log(self, message: str) -> None:
        """Nobody reads."""


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--shape", choices=("7b",))
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--fit", type=int)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    material = material_of(given)
    first = _seconds(material, WARM[0])
    for plan in WARM[1:]:
        _seconds(material, plan)
    new = {plan: _seconds(material, plan) for plan in NEW}
    times = {plan: _seconds(material, plan) for plan in PLANS}
    for plan, seconds in times.items():
        print(f"{plan:36} {seconds:6.2f} s")
    figures = {
        "model": given.shape or given.model,
        "tokens": given.tokens,
        "first_seconds": round(first, 2),
        "new_map_seconds": [round(seconds, 2) for seconds in new.values()],
        "slowest_seconds": round(max(times.values()), 2),
        "median_seconds": round(statistics.median(times.values()), 2),
        **surroundings(),
    }
    print(json.dumps(figures))


def _seconds(material: Material, plan: str) -> float:
    sampling = material.sampling
    params = PlanParams(
        plan=plan, fitting="one_shot", split="select", fidelity="full", **vars(sampling)
    )
    material.bench("select").passages.forget()
    if material.model.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    measure_plan(material, params, Silent())
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
