"""The parameters of `speed`: complete, in one spelling, and refused with the limit."""

import pytest

from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.speed import parse_params
from linearity.errors import InvalidParameterError, InvalidPlanError, UnknownParameterError

MODEL = ModelRecord(
    id="m",
    name="m",
    source="path",
    reference="/m",
    fingerprint="0" * 64,
    family="llama",
    blocks=4,
    width=16,
    vocabulary=64,
    context=64,
    parameters=10_000,
    dtype="float32",
    size=40_000,
)


def test_what_is_left_out_has_a_default() -> None:
    params = parse_params({"plan": "1:drop"}, model=MODEL)
    assert (params.batches, params.pairs, params.warmup, params.take) == ([1, 8], 10, 2, 1)
    assert (params.prompt_tokens, params.new_tokens) == ("auto", "auto")
    assert params.fitting == "one_shot"


def test_batches_are_sorted_and_named_once() -> None:
    given: list[Json] = [8, 1, 8.0]
    assert parse_params({"plan": "1:drop", "batches": given}, model=MODEL).batches == [1, 8]
    assert parse_params({"plan": "1:drop", "batches": 4}, model=MODEL).batches == [4]


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("batches", [], "1 to 8 whole numbers from 1 to 1,024"),
        ("batches", [0], "from 1 to 1,024"),
        ("batches", "many", "1 to 8 whole numbers"),
        ("batches", list(range(1, 10)), "1 to 8 whole numbers"),
        ("pairs", 9, "from 10 to 200"),
        ("warmup", 0, "from 1 to 50"),
        ("prompt_tokens", 1, "from 2 to 62"),
        ("prompt_tokens", 63, "from 2 to 62"),
        ("new_tokens", 1, "from 2 to 63"),
    ],
)
def test_other_values_are_refused_with_the_limit(name: str, value: Json, wanted: str) -> None:
    with pytest.raises(InvalidParameterError, match=name) as refused:
        parse_params({"plan": "1:drop", name: value}, model=MODEL)
    assert wanted in refused.value.message


def test_prompt_and_answer_fit_the_context_together() -> None:
    with pytest.raises(InvalidParameterError, match="new_tokens"):
        parse_params({"plan": "1:drop", "prompt_tokens": 60, "new_tokens": 5}, model=MODEL)


def test_a_plan_is_needed_and_nothing_unknown() -> None:
    with pytest.raises(InvalidPlanError):
        parse_params({}, model=MODEL)
    with pytest.raises(UnknownParameterError):
        parse_params({"plan": "1:drop", "concurrency": 8}, model=MODEL)
