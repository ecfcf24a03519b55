"""Sums of a log against independent computations."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from linearity.adapters.log_reader import Skipped, read_log, read_requests
from linearity.business.load import (
    LENGTHS,
    MOST_ROUTES,
    Load,
    LoggedRequest,
    length_bin,
    length_range,
    measures_known,
    pareto,
    quantiles,
)
from linearity.contracts.logs import LogColumns, LogOptions
from linearity.errors import RejectedInputError
from tests.log_generator import write_jsonl

REQUESTS = 20_000
OPTIONS = LogOptions(
    format="jsonl",
    columns=LogColumns(
        timestamp="timestamp",
        route="route",
        prompt="prompt",
        response="response",
        prompt_tokens="prompt_tokens",
        response_tokens="response_tokens",
        latency="latency_ms",
        cost="cost_usd",
    ),
    latency_unit="ms",
    currency="USD",
    offset_minutes=540,
)


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jsonl(tmp_path_factory.mktemp("log") / "log.jsonl", REQUESTS)


@pytest.fixture(scope="module")
def summary(log_file: Path) -> dict[str, Any]:
    return read_log(_argument(log_file), lambda _: None)


@pytest.fixture(scope="module")
def frame(log_file: Path) -> pd.DataFrame:
    with log_file.open(encoding="utf-8") as stream:
        frame = pd.DataFrame([json.loads(line) for line in stream])
    frame["tokens"] = frame.prompt_tokens + frame.response_tokens
    frame["time"] = (frame.latency_ms * 1000).round().astype("int64")
    frame["cost"] = (frame.cost_usd.astype(float) * 1e9).round().astype("int64")
    frame["hour"] = pd.to_datetime(frame.timestamp).dt.tz_convert("Asia/Tokyo").dt.hour
    frame["length"] = np.clip(np.floor(np.log2(frame.prompt_tokens)).astype(int) - 3, 0, 11)
    return frame


SUMMED = ["prompt_tokens", "response_tokens", "tokens", "time", "cost"]


def test_sums_by_route_equal_those_of_pandas_to_the_unit(
    summary: dict[str, Any], frame: pd.DataFrame
) -> None:
    expected = frame.groupby("route")[SUMMED].sum()
    counts = frame.route.value_counts()
    found = {row["route"]: row for row in summary["routes"]}
    assert set(found) == set(expected.index)
    for route, row in found.items():
        assert row["requests"] == counts[route]
        assert [row[name] for name in SUMMED] == expected.loc[route].tolist()
    assert [summary["totals"][name] for name in SUMMED] == frame[SUMMED].sum().tolist()


@pytest.mark.parametrize(("part", "places"), [("hour", 24), ("length", LENGTHS)])
def test_sums_by_local_hour_and_by_length_equal_those_of_pandas(
    summary: dict[str, Any], frame: pd.DataFrame, part: str, places: int
) -> None:
    expected = frame.groupby(part)[SUMMED].sum().reindex(range(places), fill_value=0)
    rows = summary[f"{part}s"]
    assert [[row[name] for name in SUMMED] for row in rows] == expected.to_numpy().tolist()
    assert sum(row["requests"] for row in rows) == REQUESTS


def test_latency_quantiles_are_numpys_inverted_cdf(
    summary: dict[str, Any], frame: pd.DataFrame
) -> None:
    for row in [*summary["routes"], {"latency": summary["latency"], "route": None}]:
        own = frame.time if row["route"] is None else frame.time[frame.route == row["route"]]
        expected = np.percentile(own, [50, 90, 99], method="inverted_cdf")
        assert list(row["latency"].values()) == expected.tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 99, 100, 101])
def test_quantiles_of_few_values_occurred(n: int) -> None:
    values = list(range(10, 10 + n))
    expected = np.percentile(values, [50, 90, 99], method="inverted_cdf").tolist()
    assert list(quantiles(values).values()) == expected
    assert quantiles([]) == {"p50": None, "p90": None, "p99": None}


def test_pareto_runs_from_the_largest_to_one(summary: dict[str, Any], frame: pd.DataFrame) -> None:
    shares = pareto(summary["routes"], "tokens")
    expected = frame.groupby("route").tokens.sum().sort_values(ascending=False)
    assert [share.route for share in shares] == expected.index.tolist()
    assert [share.value for share in shares] == expected.tolist()
    running = expected.cumsum() / expected.sum()
    assert [share.cumulative for share in shares] == pytest.approx(running.tolist(), abs=1e-15)
    assert shares[-1].cumulative == 1.0


def test_the_cells_of_a_route_by_length_sum_to_the_route(summary: dict[str, Any]) -> None:
    for row in summary["routes"]:
        for name in ["requests", *SUMMED]:
            assert sum(cell[name] for cell in row["lengths"]) == row[name]


def test_bins_of_length_meet_without_gap_or_overlap() -> None:
    for number in range(LENGTHS):
        low, high = length_range(number)
        assert length_bin(low) == number
        if high is not None:
            assert length_bin(high) == number
            assert length_range(number + 1)[0] == high + 1
    assert length_bin(10**9) == LENGTHS - 1


def test_the_order_of_rows_does_not_matter(log_file: Path, summary: dict[str, Any]) -> None:
    backwards = Load()
    for item in reversed(list(read_requests(_argument(log_file), Skipped()))):
        backwards.add(item.request)
    assert backwards.summary() == {key: summary[key] for key in backwards.summary()}


def test_what_the_log_does_not_say_is_not_a_measure() -> None:
    load = Load()
    load.add(_request(latency=None, cost=None, response_tokens=0))
    assert measures_known(load.summary()) == ["requests", "tokens", "prompt_tokens"]
    load.add(_request(latency=5, cost=0))
    assert "time" in measures_known(load.summary())
    assert "cost" in measures_known(load.summary())


def test_a_column_with_too_many_values_is_no_route() -> None:
    load = Load()
    for number in range(MOST_ROUTES):
        load.add(_request(route=f"r{number}"))
    load.add(_request(route="r0"))
    with pytest.raises(RejectedInputError, match="1,000 different values") as refused:
        load.add(_request(route="one more, secret"))
    assert "secret" not in str(refused.value.as_json())


def _argument(path: Path) -> dict[str, Any]:
    return {"path": str(path), "name": "log", "options": OPTIONS.as_json(), "tokenizer": None}


def _request(**changes: Any) -> LoggedRequest:
    plain = LoggedRequest(
        route="a",
        moment=1.8e9,
        hour=3,
        prompt_tokens=10,
        response_tokens=5,
        latency=1,
        cost=1,
        estimated=False,
        has_prompt=True,
    )
    return plain._replace(**changes)
