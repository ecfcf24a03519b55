"""Ask how fast a changed model is behind a server: two small local servers, asked by turns.

python benchmarks/bench_servers.py                          smollm2 without blocks 20 to 25
python benchmarks/bench_servers.py --device cuda:0 --dtype bfloat16 --concurrency 1,4

The servers are those of the tests (one sequence at a time, transformers' own `generate`), so the
numbers say what the client and the pairing are worth, not what vLLM would make of the plan.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from machine import surroundings

from linearity.adapters.inputs import prepare_dataset, prepare_model
from linearity.adapters.serving.run import run_served
from linearity.adapters.settings import read_settings
from linearity.adapters.store import ArtifactStore
from linearity.progress_bar import ProgressBar, say

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dataset", default="python-docs")
    parser.add_argument("--plan", default="20-25:drop")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--concurrency", default="1,2")
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=16)
    given = parser.parse_args()
    store = ArtifactStore(read_settings(os.environ).store)
    model = prepare_model(given.model, store=store, roots=None, log=say)
    dataset = prepare_dataset(given.dataset, store=store, roots=None, log=say)
    shared = ["--model", given.model, "--device", given.device, "--dtype", given.dtype]
    with ExitStack() as stack:
        params = {
            "dense_url": stack.enter_context(_serving(store, *shared)),
            "changed_url": stack.enter_context(_serving(store, *shared, "--plan", given.plan)),
            "concurrency": [int(load) for load in given.concurrency.split(",")],
            "requests": given.requests,
            "prompt_tokens": given.prompt_tokens,
            "new_tokens": given.new_tokens,
            "plan": given.plan,
            "dtype": given.dtype,
            "device_name": given.device,
        }
        progress = ProgressBar()
        result = run_served(params, model=model, dataset=dataset, store=store, progress=progress)
        progress.close()
    print(json.dumps({"plan": given.plan, "points": _points(result), **surroundings()}))


@contextmanager
def _serving(store: ArtifactStore, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.openai_server", "--store", str(store.root), *arguments]
    # It ends when its standard input does.
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.stdin.close()


def _points(result: dict[str, Any]) -> list[dict[str, Any]]:
    points = []
    for point in result["points"]:
        for timing in point["timings"]:
            speedup = timing["speedup"]
            low, high = speedup["ci95"]
            print(
                f"{point['load']:>3} at once  {timing['metric']:<13}"
                f"{timing['dense']['p50']:10.4f} {timing['changed']['p50']:10.4f}"
                f"   x {speedup['value']:.3f}  [{low:.3f}, {high:.3f}]"
            )
            points.append({"load": point["load"], "metric": timing["metric"], **speedup})
    return points


if __name__ == "__main__":
    main()
