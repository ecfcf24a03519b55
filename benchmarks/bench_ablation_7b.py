"""Ask how long an ablation of a 7B-shaped model takes, and how near that is to the forward floor.

All seven strategies, 31 points, 32,768 tokens. May be run in pieces: with ``--seconds`` it stops
after that time, keeps what is measured in ``--checkpoints`` and goes on from there when it is
called again; the seconds of all pieces are added up.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import surroundings
from shapes import BLOCKS_7B, llama_7b, number_documents

from linearity.contracts.ablation import STRATEGIES, AblationParams
from linearity.contracts.canonical import Json
from linearity.errors import RunCancelledError
from linearity.studies.ablation import measure_ablation
from linearity.studies.material import Material
from linearity.studies.work import WorkMeter

PEAK_FLOPS = 790e12
"""Measured bfloat16 matrix products of one H200."""


class Lines:
    """Finished measurements, one a line; the seconds of earlier pieces among them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Json]:
        """Return everything that was saved."""
        if not self._path.exists():
            return {}
        return dict(map(json.loads, self._path.read_text().splitlines()))

    def save(self, name: str, value: Json) -> None:
        """Append one piece."""
        with self._path.open("a") as stream:
            stream.write(json.dumps([name, value]) + "\n")

    def load_bytes(self) -> bytes | None:
        """Return nothing: a measurement is a line."""
        return None

    def save_bytes(self, data: bytes) -> None:
        """Forget them."""


class Clock:
    """Stops the study when its time is up."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.done = ""

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Remember how far it is."""
        self.done = f"{done} of {total} {unit}"
        if time.monotonic() > self._end:
            raise RunCancelledError("time is up")

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Nobody looks."""

    def log(self, message: str) -> None:
        """Print a line."""
        print(message)


def main() -> None:
    """Print the figures and one JSON line."""
    given = _arguments()
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print(json.dumps({"measured": "not measured: no GPU here"}))
        return
    params = _params(given)
    model = llama_7b(given.device)
    lines, clock = Lines(given.checkpoints), Clock(given.seconds)
    started = time.perf_counter()
    material = Material(model, number_documents(400, 1024), params.sampling)
    work = WorkMeter(material.bench("select"))
    finished = True
    try:
        measure_ablation(material, params, clock, lines)
    except RunCancelledError:
        finished = False
    piece = time.time()
    lines.save(f"seconds:{piece}", time.perf_counter() - started)
    lines.save(f"flops:{piece}", work.until_now().forward_flops)
    _report(lines.load(), finished, clock.done)


def _report(known: dict[str, Json], finished: bool, measured: str) -> None:
    seconds = [v for k, v in known.items() if k.startswith("seconds:") and isinstance(v, float)]
    flops = sum(v for k, v in known.items() if k.startswith("flops:") and isinstance(v, float))
    figures = {
        "finished": finished,
        "measured": measured,
        "seconds": round(sum(seconds), 1),
        "pieces": len(seconds),
        "forward_petaflop": round(flops / 1e15, 1),
        "floor_seconds": round(flops / PEAK_FLOPS, 1),
        "share_of_floor": round(flops / PEAK_FLOPS / sum(seconds), 3),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1),
        "device": torch.cuda.get_device_name(),
        **surroundings(),
    }
    for key, value in figures.items():
        print(f"{key:20} {value}")
    print(json.dumps(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--checkpoints", type=Path, default=Path("ablation-7b.jsonl"))
    parser.add_argument("--tokens", type=int, default=32_768)
    parser.add_argument("--fit", type=int, default=81_920)
    parser.add_argument("--changed", type=int, default=BLOCKS_7B - 1)
    parser.add_argument("--actions", default="drop,linear")
    return parser.parse_args()


def _params(given: argparse.Namespace) -> AblationParams:
    return AblationParams(
        strategies=list(STRATEGIES),
        actions=given.actions.split(","),
        fitting=["one_shot"],
        changed=given.changed,
        interaction=8,
        random_seeds=5,
        fit_tokens=given.fit,
        select_tokens=given.tokens,
        report_tokens=4096,
        context=256,
        seed=0,
        ridge="auto",
        dtype="bfloat16",
        attention="sdpa",
    )


if __name__ == "__main__":
    main()
