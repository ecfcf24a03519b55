"""A result read from bytes that may come from anywhere: judged, never trusted."""

import re
from collections.abc import Mapping
from typing import Any

from linearity.contracts.ablation import AblationResult
from linearity.contracts.answers import AnswersResult
from linearity.contracts.canonical import strict_loads
from linearity.contracts.kinds import current_version
from linearity.contracts.linearity import LinearityResult
from linearity.contracts.plan import PlanResult
from linearity.contracts.runs import KINDS, RunRequest, RunResult
from linearity.contracts.shapes import check_shape, misfit
from linearity.errors import InvalidResultError, MalformedJSONError, OtherVersionError

RESULTS: Mapping[str, type[RunResult]] = {
    "linearity": LinearityResult,
    "ablation": AblationResult,
    "plan": PlanResult,
    "answers": AnswersResult,
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
    """Raise unless the parts of a `linearity` result have as many numbers as its model has blocks.

    Raises
    ------
    InvalidResultError
    """
    if result["kind"] != "linearity":
        return
    blocks = result["model"].get("blocks")
    if type(blocks) is not int or not 1 <= blocks <= MOST_BLOCKS:
        raise misfit("model.blocks", f"a whole number up to {MOST_BLOCKS}", blocks)
    states = blocks + 1
    if result["states"] != [str(state) for state in range(states)]:
        raise misfit("states", f"0 to {blocks}", result["states"])
    for name, matrix in result["pairs"].items():
        if matrix is not None and [len(row) for row in matrix] != [states] * states:
            raise misfit(f"pairs.{name}", f"{states} x {states} numbers", matrix)
    for part in ("profile", "kept"):
        lengths = {name: len(v) for name, v in result[part].items() if isinstance(v, list)}
        if wrong := next((n for n, length in lengths.items() if length not in (blocks, states)), 0):
            raise misfit(f"{part}.{wrong}", f"{blocks} or {states} values", result[part][wrong])


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
