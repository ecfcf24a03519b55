"""Files in the shape that `vllm bench serve --save-result` writes, as one result of `speed`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.bundles import check_can_be_shown
from linearity.adapters.serving.bench_files import read_bench
from linearity.adapters.serving.run import run_imported
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.results import read_result
from linearity.contracts.timings import Spread
from linearity.errors import InvalidParameterError, InvalidResultError
from linearity.studies.imported import import_runs
from linearity.verifying import check_question
from tests.contracts.test_served_params import a_model

Write = Callable[..., str]


def bench(
    seed: int = 0, *, detailed: bool = False, prompts: int = 20, **more: Any
) -> dict[str, Any]:
    """What the tool makes of some requests, one of which failed; times in the units it uses."""
    noise = np.random.default_rng(seed)
    lengths = [0] + [int(n) for n in noise.integers(2, 30, prompts - 1)]
    firsts = [0.0, *noise.uniform(0.05, 0.2, prompts - 1).tolist()]
    gaps = [noise.uniform(0.01, 0.03, max(n - 1, 0)).tolist() for n in lengths]
    told = [(f, g) for f, g, n in zip(firsts, gaps, lengths, strict=True) if n]
    metrics = {
        "ttft": [f for f, _ in told],
        "tpot": [sum(g) / len(g) for _, g in told],
        "itl": [gap for _, g in told for gap in g],
    }
    value: dict[str, Any] = {
        "date": "20261125-120000", "endpoint_type": "vllm", "backend": "vllm", "label": None,
        "model_id": "dense", "tokenizer_id": "dense", "num_prompts": prompts,
        "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 8, "duration": 12.5,
        "completed": prompts - 1, "failed": 1, "total_input_tokens": 1900,
        "total_output_tokens": sum(lengths), "request_throughput": 1.5, "request_goodput": None,
        "output_throughput": sum(lengths) / 12.5, "total_token_throughput": 500.0,
    }  # fmt: skip
    for name, values in metrics.items():
        value[f"mean_{name}_ms"] = 1000 * float(np.mean(values))
        value[f"median_{name}_ms"] = 1000 * float(np.median(values))
        value[f"std_{name}_ms"] = 1000 * float(np.std(values))
        value[f"p99_{name}_ms"] = 1000 * float(np.percentile(values, 99))
    if detailed:
        errors = ["gone"] + [""] * (prompts - 1)
        value |= {"output_lens": lengths, "ttfts": firsts, "itls": gaps, "errors": errors}
        value |= {"input_lens": [100] * prompts, "generated_texts": ["a text"] * prompts}
    return value | more


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a file and returns its name."""

    def written(*values: Any, name: str = "bench.json") -> str:
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, values)))
        return str(path)

    return written


def some_text() -> DatasetRecord:
    return DatasetRecord(
        id="d", name="d", source="path", reference="d", fingerprint="b" * 64, documents=1,
        characters=1, size=1,
    )  # fmt: skip


def imported(params: dict[str, Any]) -> dict[str, Any]:
    result = run_imported(params, model=a_model(), dataset=some_text())
    return read_result(json.dumps(result).encode())


def test_two_files_are_one_result(write: Write) -> None:
    dense, changed = bench(1), bench(2, model_id="changed")
    files = {
        "dense_file": write(dense, name="a.json"),
        "changed_file": write(changed, name="b.json"),
    }

    result = imported({**files, "plan": "1:drop", "software": "vllm 0.15.0", "dtype": "bfloat16"})

    assert result["engine"]["name"] == "imported"
    assert result["engine"]["software"] == "vllm 0.15.0"
    assert result["model"]["dtype"] == "bfloat16"
    assert result["ceiling"] == 4 / 3
    (point,) = result["points"]
    assert point["load"] == 8
    timings = {timing["metric"]: timing for timing in point["timings"]}
    assert timings.keys() == {"first_token", "next_token", "gap", "tokens_per_s"}
    first = timings["first_token"]
    assert first["dense"]["mean"] == pytest.approx(dense["mean_ttft_ms"] / 1000)
    assert first["dense"]["p50"] == pytest.approx(dense["median_ttft_ms"] / 1000)
    assert (first["dense"]["p95"], first["dense"]["count"]) == (None, 19)
    assert first["speedup"] == {
        "value": pytest.approx(dense["median_ttft_ms"] / changed["median_ttft_ms"]),
        "ci95": None,
        "pairs": 1,
    }
    speed = timings["tokens_per_s"]["speedup"]["value"]
    assert speed == pytest.approx(changed["output_throughput"] / dense["output_throughput"])
    assert point["requests"]["dense"]["failed"] == {"untold": 1}
    assert {w["code"] for w in result["warnings"]} >= {"imported", "failed_in_files"}
    check_can_be_shown(result)


def test_times_of_others_cannot_be_computed_again(write: Write) -> None:
    dense, changed = write(bench(1), name="a"), write(bench(2), name="b")

    result = imported({"dense_file": dense, "changed_file": changed})

    with pytest.raises(InvalidResultError, match="cannot be computed again"):
        check_question(result)


def test_requests_of_their_own_give_what_the_tool_itself_computes(write: Write) -> None:
    value = bench(3, detailed=True)

    _, (run,) = read_bench("dense_file", write(value))

    for metric, name in (("first_token", "ttft"), ("next_token", "tpot"), ("gap", "itl")):
        found = run.spreads[metric]
        assert found.mean == pytest.approx(value[f"mean_{name}_ms"] / 1000)
        assert found.p50 == pytest.approx(value[f"median_{name}_ms"] / 1000)
        assert found.p99 == pytest.approx(value[f"p99_{name}_ms"] / 1000)
        assert found.p95 is not None
    whole = [f + sum(g) for f, g in zip(value["ttfts"], value["itls"], strict=True)][1:]
    assert run.spreads["request"].p50 == pytest.approx(np.median(whole))


def test_ten_runs_a_side_are_pairs_with_an_interval(write: Write) -> None:
    dense = write(*(bench(seed) for seed in range(10)), name="a.jsonl")
    changed = write(*(bench(seed + 50) for seed in range(10)), name="b.jsonl")

    (point,) = imported({"dense_file": dense, "changed_file": changed})["points"]

    speed = next(t for t in point["timings"] if t["metric"] == "tokens_per_s")
    assert (speed["speedup"]["pairs"], speed["dense"]["count"]) == (10, 10)
    low, high = speed["speedup"]["ci95"]
    assert low <= speed["speedup"]["value"] <= high


def test_each_load_has_its_point(write: Write) -> None:
    loads = (1, 8)
    dense = [write(bench(k, max_concurrency=k), name=f"a{k}.json") for k in loads]
    changed = [write(bench(k + 9, max_concurrency=k), name=f"b{k}.json") for k in loads]

    points = imported({"dense_file": dense, "changed_file": changed})["points"]

    assert [point["load"] for point in points] == [1, 8]


def test_percentiles_of_parts_are_not_those_of_the_whole(write: Write) -> None:
    _, dense = read_bench("dense_file", write(bench(1), bench(2)))
    _, changed = read_bench("changed_file", write(bench(3), bench(4)))

    (point,) = import_runs({"dense": dense, "changed": changed}).points

    means = [run.spreads["first_token"].mean for run in dense]
    assert point.timings[0].dense == Spread(38, float(np.mean(means)), None, None, None)


def test_requests_at_a_rate_say_so(write: Write) -> None:
    open_loop: dict[str, Any] = {
        "request_rate": 4.0,
        "max_concurrency": None,
        "max_concurrent_requests": 13,
    }
    dense, changed = (write(bench(k, **open_loop), name=f"{k}.json") for k in (1, 2))

    result = imported({"dense_file": dense, "changed_file": changed})

    assert result["points"][0]["load"] == 13
    assert "open_loop" in {warning["code"] for warning in result["warnings"]}


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"max_concurrency": 32}, "side by side"),
        ({"num_prompts": 50, "failed": 31}, "requests"),
        ({"request_rate": 2.0}, "requests a second"),
        ({"burstiness": 0.5}, "burstiness"),
    ],
)
def test_what_was_asked_otherwise_is_refused(
    write: Write, other: dict[str, Any], named: str
) -> None:
    dense, changed = write(bench(1), name="a"), write(bench(2, **other), name="b")

    with pytest.raises(InvalidParameterError, match=named):
        imported({"dense_file": dense, "changed_file": changed})


@pytest.mark.parametrize(
    "wrong",
    [
        {"completed": 0}, {"completed": "many"}, {"output_throughput": -1.0},
        {"output_throughput": True}, {"mean_ttft_ms": None}, {"total_input_tokens": 1 << 50},
        {"max_concurrency": "all"}, {"request_rate": "fast"},
        {"ttfts": ["a"] * 20, "itls": [[]] * 20, "output_lens": [2] * 20},
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(write: Write, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match=r"dense_file: .* cannot be used"):
        read_bench("dense_file", write(bench(1) | wrong))


@pytest.mark.parametrize(
    "text", ["", "not json", "[1, 2]", '{"completed": NaN}', "{}", '{"a":1}\nx']
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InvalidParameterError, match="dense_file"):
        read_bench("dense_file", str(path))
    with pytest.raises(InvalidParameterError, match="cannot be read"):
        read_bench("dense_file", str(tmp_path / "missing.json"))
