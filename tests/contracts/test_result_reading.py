"""A result read from bytes that anybody may have written."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from linearity.contracts.results import RESULTS, check_sizes, read_result
from linearity.contracts.runs import KINDS
from linearity.errors import InvalidResultError, OtherVersionError
from tests.builders import a_result
from tests.figures.ablation_results import a_plan, an_ablation, some_answers
from tests.figures.benchmark_results import a_benchmark
from tests.figures.export_results import an_export
from tests.figures.heal_results import a_healing
from tests.figures.passages import a_passage
from tests.figures.speeds import a_speed

GOOD: dict[str, Any] = {
    "linearity": a_result().as_json(),
    "ablation": an_ablation().as_json(),
    "plan": a_plan().as_json(),
    "answers": some_answers().as_json(),
    "passage": a_passage().as_json(),
    "export": an_export().as_json(),
    "heal": a_healing(sweep=True, text=True).as_json(),
    "speed": a_speed().as_json(),
    "benchmark": a_benchmark().as_json(),
}


def spelled(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_every_kind_can_be_read() -> None:
    assert set(GOOD) == set(RESULTS) == set(KINDS)


@pytest.mark.parametrize("kind", GOOD)
def test_a_result_as_it_was_written_is_read(kind: str) -> None:
    assert read_result(spelled(GOOD[kind]))["kind"] == kind


def test_a_result_of_before_an_optional_field_is_read() -> None:
    older = {key: value for key, value in GOOD["linearity"].items() if key != "sample_sizes"}

    assert "sample_sizes" not in read_result(spelled(older))


def change(path: str, value: Any) -> Callable[[Any], None]:
    def apply(result: Any) -> None:
        *way, last = path.split(".")
        for part in way:
            result = result[int(part) if part.isdigit() else part]
        result[int(last) if last.isdigit() else last] = value

    return apply


BAD: dict[str, tuple[Callable[[Any], None], str]] = {
    "kind": (change("kind", "train"), "kind"),
    "schema": (change("schema", "2"), "schema"),
    "id": (change("id", "../../etc"), "id"),
    "fingerprint": (change("model.fingerprint", "A" * 64), "model.fingerprint"),
    "text for a number": (change("profile.r2_fit.1", "0.9"), "profile.r2_fit[1]"),
    "true for a number": (change("profile.r2_fit.1", True), "profile.r2_fit[1]"),
    "number for a list": (change("pairs.cosine", 1), "pairs.cosine"),
    "list for an object": (change("tokens", []), "tokens"),
    "a field too many": (change("profile.code", "x"), "profile.code"),
    "nothing": (change("kept", None), "kept"),
    "warnings": (change("warnings", [{"code": 1}]), "warnings[0].code"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_by_its_place(name: str) -> None:
    spoil, place = BAD[name]
    result = copy.deepcopy(GOOD["linearity"])
    spoil(result)

    with pytest.raises(InvalidResultError) as refused:
        read_result(spelled(result))

    assert str(refused.value).startswith(place)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{}", b"PK\x03\x04", b"\x80\x04.", b'{"kind": NaN}', b"[" * 100],
)
def test_what_is_no_result_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidResultError):
        read_result(data)


def test_a_missing_field_is_refused() -> None:
    result = {key: value for key, value in GOOD["linearity"].items() if key != "profile"}

    with pytest.raises(InvalidResultError, match="profile"):
        read_result(spelled(result))


def test_another_schema_is_told_as_such() -> None:
    with pytest.raises(OtherVersionError, match="schema 1"):
        read_result(spelled(GOOD["linearity"] | {"schema": 1}))


SIZES: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "a token too many": ("passage", change("error", [[0.1] * 4]), "error"),
    "a block too few": ("passage", change("error.3", [0.1] * 3), "error"),
    "a short reference": ("passage", change("reference.p95", [0.1]), "reference.p95"),
    "an unknown class": ("passage", change("passage.0.token_class", "x"), "passage.token_class"),
    "an unknown metric": (
        "speed",
        change("points.0.timings.0.metric", "x"),
        "points.timings.metric",
    ),
    "loads in no order": ("speed", change("points.0.load", 9), "points.load"),
    "a load of nothing": ("speed", change("points.0.load", 0), "points.load"),
    "an unknown side": ("speed", change("sides", {"dense": {}}), "sides"),
    "pairs of one side": (
        "speed",
        change("points.0.timings.0.pairs", {"dense": [1.0]}),
        "points.timings.pairs",
    ),
    "an unknown part": ("speed", change("costs.parts.0.part", "x"), "costs.parts.part"),
    "no token": ("passage", change("passage", []), "passage"),
    "other edges": ("linearity", change("token_errors.edges", [1.0, 2.0]), "token_errors.edges"),
    "a bin too few": ("linearity", change("token_errors.counts.0", [1]), "token_errors.counts"),
    "a short quantile": ("linearity", change("token_errors.p99", []), "token_errors.p99"),
}


@pytest.mark.parametrize("name", SIZES)
def test_what_has_another_size_than_the_model_is_refused(name: str) -> None:
    kind, spoil, place = SIZES[name]
    result = copy.deepcopy(GOOD[kind])
    check_sizes(result)
    spoil(result)

    with pytest.raises(InvalidResultError) as refused:
        check_sizes(result)

    assert str(refused.value).startswith(place)
