"""Ask how long the demo run takes from the command line, and how much memory at its peak.

`linearity` of smollm2 on python-docs, 16,384 tokens, all pairs; the model already converted.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import surroundings


def main() -> None:
    """Run once to convert the model, then once for the figure."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.environ.get("LINEARSCOPE_DATA", folder)
        run(data, tokens=1024)
        seconds, result = run(data, tokens=16_384)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"whole process {seconds:.1f} s, run {result['environment']['seconds']:.1f} s")
    print(f"peak memory {peak / 2**30:.2f} GiB")
    figures = {"process_seconds": seconds, "run_seconds": result["environment"]["seconds"]}
    print(json.dumps({"bench": "demo_run", **figures, "peak_bytes": peak, **surroundings()}))


def run(data: str, *, tokens: int) -> tuple[float, dict[str, dict[str, float]]]:
    """Return the seconds of the whole process and its result."""
    out = Path(data) / "bench.json"
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "linearity", "run", "linearity", "--model", "smollm2",
         "--dataset", "python-docs", "--set", f"tokens={tokens}", "--out", str(out)],
        env=os.environ | {"LINEARSCOPE_DATA": data}, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    return seconds, json.loads(out.read_bytes())


if __name__ == "__main__":
    main()
