"""What `vllm bench serve --save-result` wrote, judged before it is believed.

A file holds one run, or one a line (``--append-result``). With ``--save-detailed`` it has every
request's own times; else means and percentiles, in milliseconds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linearity.contracts.canonical import sha256_hex, strict_loads
from linearity.contracts.imported import BenchRun
from linearity.contracts.timings import THROUGHPUT, Requests, Spread
from linearity.errors import InvalidParameterError, MalformedJSONError
from linearity.measure.speedups import spread

MOST_BYTES = 256 << 20
MOST_COUNT = 1 << 40
MOST_SECONDS = 1e9
NAMES = {"first_token": "ttft", "next_token": "tpot", "gap": "itl", "request": "e2el"}
"""Our metrics, and how the file calls them."""

Value = Mapping[str, Any]


def read_bench(parameter: str, name: str) -> tuple[str, list[BenchRun]]:
    """Return the sha256 of a file and the runs it holds.

    Raises
    ------
    InvalidParameterError
        Names the parameter and what is wrong with its file; never repeats what it holds.
    """
    path = Path(name).expanduser()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _wrong(parameter, f"a file of more than {MOST_BYTES >> 20} MiB")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise _wrong(parameter, "a file that cannot be read") from error
    return sha256_hex(data), [_run(parameter, value) for value in _objects(parameter, data)]


def _wrong(parameter: str, got: str) -> InvalidParameterError:
    return InvalidParameterError(
        parameter,
        wanted="a file that `vllm bench serve --save-result` wrote",
        got=got,
        next_step="Measure both servers with the same `vllm bench serve` command and "
        "--save-result, and name the two files.",
    )


def _objects(parameter: str, data: bytes) -> list[Value]:
    try:
        values: list[Any] = [strict_loads(data)]
    except MalformedJSONError:
        lines = [line for line in data.split(b"\n") if line.strip()]
        try:
            values = [strict_loads(line) for line in lines]
        except MalformedJSONError as error:
            raise _wrong(parameter, "a file that is no JSON") from error
    if not values or not all(isinstance(value, Mapping) for value in values):
        raise _wrong(parameter, "JSON that is no result of it")
    return values


def _run(parameter: str, value: Value) -> BenchRun:
    try:
        return _Reader(value).run()
    except _MisfitError as error:
        raise _wrong(parameter, f"a result whose {error} cannot be used") from None


class _MisfitError(Exception):
    """A field that is missing or is not what its name says."""


class _Reader:
    """Takes one run apart."""

    def __init__(self, value: Value) -> None:
        self._value = value
        self._completed = self._count("completed")
        if self._completed < 1:
            raise _MisfitError("completed (no request was answered)")

    def run(self) -> BenchRun:
        prompts = self._count("num_prompts", 0)
        failed = self._count("failed", max(prompts - self._completed, 0))
        sent = self._completed + failed
        rate = self._rate()
        values = self._values()
        spreads = {metric: spread(found) for metric, found in values.items() if found}
        spreads = {**self._summaries(), **spreads}
        throughput = self._number("output_throughput")
        return BenchRun(
            model=self._text("model_id"),
            backend=self._text("backend") or self._text("endpoint_type"),
            load=self._load(sent, rate),
            rate=rate,
            burstiness=self._number("burstiness", 1.0),
            requests=Requests(
                sent=sent,
                completed=self._completed,
                failed={"untold": failed} if failed else {},
                prompt_tokens=self._count("total_input_tokens"),
                output_tokens=self._count("total_output_tokens"),
            ),
            spreads=spreads | {THROUGHPUT: Spread(1, throughput, throughput, None, None)},
            values=values | {THROUGHPUT: [throughput]},
        )

    def _load(self, sent: int, rate: float | None) -> int:
        if self._value.get("max_concurrency") is not None:
            return max(self._count("max_concurrency"), 1)
        # Without a limit all are sent at once, unless they come at a rate.
        return max(self._count("max_concurrent_requests", sent), 1) if rate is not None else sent

    def _rate(self) -> float | None:
        given = self._value.get("request_rate", "inf")
        return None if given in ("inf", None) else self._number("request_rate")

    def _summaries(self) -> dict[str, Spread]:
        found = {}
        for metric, name in NAMES.items():
            if f"mean_{name}_ms" in self._value:
                found[metric] = Spread(
                    self._completed,
                    self._milliseconds(f"mean_{name}_ms"),
                    *(self._percentile(share, name) for share in (50, 95, 99)),
                )
        return found

    def _percentile(self, share: int, name: str) -> float | None:
        keys = [f"p{share}_{name}_ms", *([f"median_{name}_ms"] if share == 50 else [])]
        return next((self._milliseconds(key) for key in keys if key in self._value), None)

    def _milliseconds(self, key: str) -> float:
        return self._number(key) / 1000.0

    def _values(self) -> dict[str, list[float]]:
        """Return every answered request's own times, where the file has them."""
        firsts, gaps, lengths = (self._list(name) for name in ("ttfts", "itls", "output_lens"))
        if not firsts or not len(firsts) == len(gaps) == len(lengths):
            return {}
        errors = self._list("errors") or [""] * len(firsts)
        found: dict[str, list[float]] = {metric: [] for metric in NAMES}
        for first, between, length, error in zip(firsts, gaps, lengths, errors, strict=False):
            if not error and length:
                _add(found, _seconds(first), [_seconds(gap) for gap in between], int(length))
        return found if len(found["request"]) == self._completed else {}

    def _list(self, name: str) -> Sequence[Any]:
        found = self._value.get(name)
        return found if isinstance(found, list) else []

    def _text(self, name: str) -> str:
        found = self._value.get(name)
        usable = isinstance(found, str) and found.isprintable() and len(found) <= 200
        return str(found) if usable else ""

    def _count(self, name: str, default: int | None = None) -> int:
        found = self._value.get(name, default)
        if type(found) is not int or not 0 <= found < MOST_COUNT:
            raise _MisfitError(name)
        return found

    def _number(self, name: str, default: float | None = None) -> float:
        return _seconds(self._value.get(name, default), name)


def _add(found: dict[str, list[float]], first: float, gaps: list[float], tokens: int) -> None:
    whole = first + sum(gaps)
    found["first_token"].append(first)
    found["gap"] += gaps
    found["request"].append(whole)
    if tokens > 1:
        found["next_token"].append((whole - first) / (tokens - 1))


def _seconds(value: Any, name: str = "times") -> float:  # Any: whatever a file holds
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _MisfitError(name)
    if not 0.0 <= float(value) < MOST_SECONDS:
        raise _MisfitError(name)
    return float(value)
