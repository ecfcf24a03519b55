"""A result read from bytes that may come from anywhere: judged, never trusted."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from linearity.contracts.ablation import AblationResult
from linearity.contracts.answers import AnswersResult
from linearity.contracts.benchmark import BenchmarkResult
from linearity.contracts.canonical import strict_loads
from linearity.contracts.export import ExportResult
from linearity.contracts.granularity import BLOCK, GRANULARITIES, state_names
from linearity.contracts.heal import HealResult
from linearity.contracts.kinds import current_version
from linearity.contracts.linearity import TOKEN_CLASSES, LinearityResult
from linearity.contracts.passage import MOST_TOKENS, PassageResult
from linearity.contracts.plan import PlanResult
from linearity.contracts.runs import KINDS, RunRequest, RunResult
from linearity.contracts.shapes import check_shape, misfit
from linearity.contracts.speed import PARTS, SpeedResult
from linearity.contracts.timings import METRICS, SIDES
from linearity.contracts.token_errors import ERROR_EDGES
from linearity.errors import InvalidResultError, MalformedJSONError, OtherVersionError

RESULTS: Mapping[str, type[RunResult]] = {
    "linearity": LinearityResult,
    "ablation": AblationResult,
    "plan": PlanResult,
    "answers": AnswersResult,
    "passage": PassageResult,
    "export": ExportResult,
    "heal": HealResult,
    "speed": SpeedResult,
    "benchmark": BenchmarkResult,
}

MOST_BYTES = 64 << 20
MOST_BLOCKS = 10_000
LONGEST_NAME = 300
_HEX = {"id": re.compile(r"[0-9a-f]{32}"), "fingerprint": re.compile(r"[0-9a-f]{64}")}


def read_result(data: bytes) -> dict[str, Any]:
    """Return the result of any kind that `data` spells.

    Raises
    ------
    InvalidResultError
        If it is none; names what does not fit.
    OtherVersionError
        If its shape is that of another version.
    """
    if len(data) > MOST_BYTES:
        raise InvalidResultError(
            f"the result has {len(data):,} bytes, the limit is {MOST_BYTES:,}", limit=MOST_BYTES
        )
    try:
        value = strict_loads(data)
    except MalformedJSONError as error:
        raise InvalidResultError(
            f"this is no result: {error.message}",
            next_step="Name the file that `linearscope run --out` or a download wrote.",
        ) from error
    if not isinstance(value, dict):
        raise misfit("the result", "an object", value)
    _check_kind(value)
    check_shape(RESULTS[value["kind"]], value)
    _check_names(value)
    return value


def request_of(result: Mapping[str, Any]) -> RunRequest:
    """Return the question that a result answers, as the result itself tells it."""
    return RunRequest(
        kind=result["kind"],
        schema=result["schema"],
        method=result["method"],
        model=result["model"]["fingerprint"],
        dataset=result["dataset"]["fingerprint"],
        params=result["params"],
    )


def check_sizes(result: Mapping[str, Any]) -> None:
    """Raise unless the parts of a result have as many numbers as its model has blocks.

    Raises
    ------
    InvalidResultError
    """
    if check := _SIZES.get(result["kind"]):
        check(result)


def _check_states(result: Mapping[str, Any]) -> int:
    blocks = result["model"].get("blocks")
    if type(blocks) is not int or not 1 <= blocks <= MOST_BLOCKS:
        raise misfit("model.blocks", f"a whole number up to {MOST_BLOCKS}", blocks)
    granularity = result["params"].get("granularity", BLOCK)
    if granularity not in GRANULARITIES:
        raise misfit("params.granularity", " or ".join(GRANULARITIES), granularity)
    names = state_names(blocks, granularity)
    if result["states"] != names:
        raise misfit("states", f"{names[0]} to {names[-1]}", result["states"])
    return len(names) - 1


def _check_linearity(result: Mapping[str, Any]) -> None:
    blocks = _check_states(result)
    states = blocks + 1
    for name, matrix in result["pairs"].items():
        if matrix is not None and [len(row) for row in matrix] != [states] * states:
            raise misfit(f"pairs.{name}", f"{states} x {states} numbers", matrix)
    for part in ("profile", "kept"):
        lengths = {name: len(v) for name, v in result[part].items() if isinstance(v, list)}
        if wrong := next((n for n, length in lengths.items() if length not in (blocks, states)), 0):
            raise misfit(f"{part}.{wrong}", f"{blocks} or {states} values", result[part][wrong])
    if errors := result.get("token_errors"):
        _check_token_errors(errors, blocks)


def _check_token_errors(errors: Mapping[str, Any], blocks: int) -> None:
    if errors.get("edges", [*ERROR_EDGES]) != [*ERROR_EDGES]:
        raise misfit("token_errors.edges", f"the {len(ERROR_EDGES)} edges", errors["edges"])
    bins = len(ERROR_EDGES) + 1
    if [len(row) for row in errors["counts"]] != [bins] * blocks:
        raise misfit("token_errors.counts", f"{blocks} x {bins} numbers", errors["counts"])
    for name in ("p50", "p95", "p99"):
        if len(errors[name]) != blocks:
            raise misfit(f"token_errors.{name}", f"{blocks} numbers", errors[name])


def _check_passage(result: Mapping[str, Any]) -> None:
    blocks, tokens = _check_states(result), len(result["passage"])
    if not 1 <= tokens <= MOST_TOKENS:
        raise misfit("passage", f"1 to {MOST_TOKENS} tokens", result["passage"])
    if [len(row) for row in result["error"]] != [blocks] * tokens:
        raise misfit("error", f"{tokens} x {blocks} numbers", result["error"])
    for name in ("mean", "p50", "p95", "p99"):
        if len(result["reference"][name]) != blocks:
            raise misfit(f"reference.{name}", f"{blocks} numbers", result["reference"][name])
    for token in result["passage"]:
        if token["token_class"] not in TOKEN_CLASSES:
            raise misfit("passage.token_class", "a class of tokens", token["token_class"])


def _check_speed(result: Mapping[str, Any]) -> None:
    loads = [point["load"] for point in result["points"]]
    if not all(low < high for low, high in pairwise([0, *loads])):
        raise misfit("points.load", "loads from 1 up, in order", loads)
    _check_sides("sides", result["sides"])
    for point in result["points"]:
        _check_metrics(point)
        for name in ("requests", "memory"):
            _check_sides(f"points.{name}", point.get(name))
    costs = result["costs"]
    if costs and (odd := {part["part"] for part in costs["parts"]} - set(PARTS)):
        raise misfit("costs.parts.part", f"one of {', '.join(PARTS)}", odd)


def _check_sides(place: str, found: Mapping[str, Any] | None) -> None:
    if found is not None and set(found) != set(SIDES):
        raise misfit(place, " and ".join(SIDES), found)


def _check_metrics(point: Mapping[str, Any]) -> None:
    metrics = [timing["metric"] for timing in point["timings"]]
    if len(set(metrics)) != len(metrics) or not set(metrics) <= set(METRICS):
        raise misfit("points.timings.metric", f"each once of {', '.join(METRICS)}", metrics)
    for timing in point["timings"]:
        if timing["estimate"] and timing["estimate"]["of"] not in ("bytes", "flops"):
            raise misfit("points.timings.estimate.of", "bytes or flops", timing["estimate"]["of"])
        _check_sides("points.timings.pairs", timing["pairs"])


_SIZES = {"linearity": _check_linearity, "passage": _check_passage, "speed": _check_speed}


def _check_kind(value: Mapping[str, Any]) -> None:
    kind = value.get("kind")
    if kind not in KINDS:
        raise misfit("kind", f"one of {', '.join(KINDS)}", kind)
    schema, _ = current_version(kind)
    given = value.get("schema")
    if type(given) is not int or type(value.get("method")) is not int:
        raise misfit("schema and method", "whole numbers", given)
    if given != schema:
        raise OtherVersionError(
            f"the result has schema {given}, and this version reads schema {schema} of {kind}",
            next_step="Read it with the version that wrote it, or run the same question again.",
            schema=given,
            current=schema,
        )


def _check_names(value: Mapping[str, Any]) -> None:
    if not _HEX["id"].fullmatch(value["id"]):
        raise misfit("id", "32 hexadecimal digits", value["id"])
    for name in ("model", "dataset"):
        fingerprint = value[name].get("fingerprint")
        if not isinstance(fingerprint, str) or not _HEX["fingerprint"].fullmatch(fingerprint):
            raise misfit(f"{name}.fingerprint", "64 hexadecimal digits", fingerprint)
        called = value[name].get("name")
        if not isinstance(called, str) or len(called) > LONGEST_NAME:
            raise misfit(f"{name}.name", f"a text of at most {LONGEST_NAME} characters", called)
    if not isinstance(value["model"].get("dtype"), str):
        raise misfit("model.dtype", "a text", value["model"].get("dtype"))
