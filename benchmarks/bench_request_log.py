"""Ask how long a log of 200,000 requests takes to sum, to draw and to turn into two datasets.

The totals are compared to the token with an independent sum over the file, the mix of routes of
both datasets with the log's.
"""

import json
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the generator among the tests

from backend.drawings import draw_load
from backend.log_views import totals_view
from linearity.adapters.clock import utc_now
from linearity.adapters.documents import decode_documents
from linearity.adapters.log_datasets import make_sets
from linearity.adapters.logs import prepare_log, preview
from linearity.adapters.naming import name_path
from linearity.adapters.state import InputRow
from linearity.adapters.store import ArtifactStore
from linearity.contracts.logs import SIDES
from linearity.contracts.runs import InputState
from tests.log_generator import write_jsonl

REQUESTS = 200_000
DOCUMENTS = 1_000
MASKS = ["email", "phone", "card", "key"]


def main() -> None:
    """Make the log, read it, draw it, and make sets of it without and with masks."""
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore(Path(folder) / "store")
        path = write_jsonl(Path(folder) / "log.jsonl", REQUESTS)
        print(f"{REQUESTS:,} requests, {path.stat().st_size / 1e6:.1f} MB")
        figures = measure(path, store)
    from machine import surroundings  # brings torch, whose memory would count for the child

    print(json.dumps({"bench": "request_log", **figures, **surroundings()}))


def measure(path: Path, store: ArtifactStore) -> dict[str, Any]:
    """Return every figure."""
    row = a_row(path)
    seconds, seen = timed(lambda: preview(row, {}, roots=None, store=store))
    print(f"preview {seconds:.2f} s")
    row = a_row(path, {"read": seen["options"], "tokenizer": None})
    read_seconds, record = timed(
        lambda: prepare_log(row, roots=None, store=store, log=lambda _: None)
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    summary = json.loads(store.get(record.summary))
    compare(path, summary)
    print(f"read and summed {read_seconds:.2f} s, peak of the child {peak / 2**20:.0f} MiB")
    draw_seconds, drawn = timed(lambda: draw_load("pareto", totals_view(row, summary), {}))
    print(f"totals {record_size(store, record.summary):,} bytes; a figure {draw_seconds:.3f} s, "
          f"{len(drawn):,} bytes")  # fmt: skip
    sets = {name: measure_sets(row, record, store, masks) for name, masks in
            (("sets", []), ("masked_sets", MASKS))}  # fmt: skip
    return {
        "read_seconds": read_seconds,
        "child_peak_bytes": peak,
        "figure_seconds": draw_seconds,
        "figure_bytes": len(drawn),
        **sets,
    }


def measure_sets(
    row: InputRow, record: Any, store: ArtifactStore, masks: list[str]
) -> dict[str, float]:
    """Make both sets; return seconds and the largest distance of a route's share from the log's."""
    request = {
        "log": record.fingerprint, "name": row.name, "summary": record.summary,
        "options": (row.options or {})["read"], "tokenizer": None, "documents": DOCUMENTS,
        "seed": 0, "weight": "requests", "mask": masks,
    }  # fmt: skip
    seconds, made = timed(lambda: make_sets(request, store=store, log=lambda _: None))
    documents = {side: decode_documents(store.get(str(made[side]))) for side in SIDES}
    prompts = [{document.prompt for document in documents[side]} for side in SIDES]
    assert not prompts[0] & prompts[1]
    summary = json.loads(store.get(record.summary))
    total = summary["totals"]["requests"]
    counts = {side: Counter(item.category for item in documents[side]) for side in SIDES}
    distance = max(
        abs(counts[side][route["route"]] / DOCUMENTS - route["requests"] / total)
        for side in SIDES
        for route in summary["routes"]
    )
    print(f"two sets of {DOCUMENTS:,} ({len(masks)} masks) {seconds:.1f} s, share of a route off "
          f"by at most {distance:.5f}")  # fmt: skip
    return {"seconds": seconds, "largest_distance": distance}


def compare(path: Path, summary: dict[str, Any]) -> None:
    """Sum the file by itself and compare every route to the token."""
    tokens: Counter[str] = Counter()
    with path.open(encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            tokens[row["route"]] += row["prompt_tokens"] + row["response_tokens"]
    assert tokens == {route["route"]: route["tokens"] for route in summary["routes"]}
    print(f"tokens equal an independent sum: {tokens.total():,}")


def a_row(path: Path, options: dict[str, Any] | None = None) -> InputRow:
    """Return the row of a log as it would be registered."""
    named = name_path(str(path))
    state = InputState.INSPECTING
    return InputRow("log", named.id, named.name, named.source, named.reference, state, None, None,
                    utc_now(), 1, options=options)  # fmt: skip


def record_size(store: ArtifactStore, sha256: str) -> int:
    """Return the bytes of an object."""
    return store.path(sha256).stat().st_size


def timed(work: Any) -> tuple[float, Any]:
    """Return the seconds that `work` took, and what it returned."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
