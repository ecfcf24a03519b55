"""Ask how long the first passage takes, which fits its maps, and the next ones, which find them.

python benchmarks/bench_passage.py                          smollm2, maps of 4,096 tokens
python benchmarks/bench_passage.py --tokens 16384 --device cuda:0
"""

import argparse
import json
import statistics
import time

from bench_plan import Silent
from machine import surroundings

from linearity.adapters.execute import execute
from linearity.adapters.inputs import prepare_dataset, prepare_model
from linearity.adapters.resident import Resident
from linearity.adapters.settings import read_settings
from linearity.adapters.store import ArtifactStore
from linearity.contracts.kinds import make_request

SENTENCE = "A function returns a value, and a list keeps what it was given, whatever it is. "
REPEATS = 5


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    store = ArtifactStore(read_settings({}).store)
    model = prepare_model(given.model, store=store, roots=None, log=print)
    dataset = prepare_dataset("python-docs", store=store, roots=None, log=print)
    resident = Resident()

    def seconds(text: str) -> float:
        params = {"text": text, "tokens": given.tokens}
        request = make_request("passage", params, model=model, dataset=dataset)
        started = time.perf_counter()
        execute(
            request,
            model=model,
            dataset=dataset,
            store=store,
            device=given.device,
            progress=Silent(),
            resident=resident,
        )
        return time.perf_counter() - started

    first = seconds(SENTENCE)
    short = statistics.median(seconds(f"{k}. {SENTENCE}") for k in range(REPEATS))
    long = statistics.median(seconds(f"{k}. {SENTENCE * 24}") for k in range(REPEATS))
    figures = {
        "model": given.model,
        "tokens": given.tokens,
        "device": given.device,
        "first_seconds": round(first, 2),
        "short_seconds": round(short, 3),
        "long_seconds": round(long, 3),
        **surroundings(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
