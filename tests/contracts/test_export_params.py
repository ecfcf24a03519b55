import pytest

from linearity.contracts.export import USUAL_SHARD_BYTES, parse_params
from linearity.contracts.inputs import ModelRecord
from linearity.errors import InvalidParameterError, InvalidPlanError, UnknownParameterError

MODEL = ModelRecord(
    id="tiny", name="tiny", source="path", reference="", fingerprint="0" * 64, family="llama",
    blocks=4, width=32, vocabulary=64, context=64, parameters=1000, dtype="bfloat16", size=2000,
)  # fmt: skip


def test_a_plan_is_all_that_is_needed() -> None:
    params = parse_params({"plan": ["2:merged"]}, model=MODEL)

    assert params.plan == "2:merged"
    assert params.max_shard_bytes == USUAL_SHARD_BYTES
    assert params.dtype == "bfloat16"
    assert params.as_json()["plan"] == "2:merged"


def test_two_spellings_of_a_plan_that_only_drops_are_one_question() -> None:
    given = parse_params({"plan": "1:remove, 2:drop", "fitting": "sequential"}, model=MODEL)

    assert given == parse_params({"plan": "1-2:drop"}, model=MODEL)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, InvalidPlanError),
        ({"plan": "9:drop"}, InvalidPlanError),
        ({"plan": "1:drop", "max_shard_bytes": 10}, InvalidParameterError),
        ({"plan": "1:drop", "destination": "/tmp/x"}, UnknownParameterError),
    ],
)
def test_what_is_wrong_is_named(params: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_params(params, model=MODEL)  # type: ignore[arg-type]
