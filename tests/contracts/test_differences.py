"""Two results compared: numbers with tolerance, sentences with rounded digits, the rest exactly."""

from typing import Any

import pytest

from linearity.contracts.differences import Comparison, compare_results
from linearity.contracts.tolerances import Conditions
from tests.builders import a_result

CPU = Conditions("float32", same_device=True)
OTHER_HALF = Conditions("bfloat16", same_device=False)


def compared(stored: Any, computed: Any, conditions: Conditions = CPU) -> Comparison:
    return compare_results(stored, computed, conditions)


def changed(**paths: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a result, and one with other values at paths like ``profile__r2_heldout__2``."""
    stored: Any = a_result().as_json()
    computed: Any = a_result().as_json()
    for path, value in paths.items():
        *way, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        inner = stored
        for part in way:
            inner = inner[part]
        inner[last] = value(inner[last]) if callable(value) else value
    return stored, computed


def test_a_result_agrees_with_itself_whatever_the_moment_and_the_machine() -> None:
    found = compared(*changed(created="2020-01-01T00:00:00Z", environment={"torch": "1"}))

    assert found.agrees
    assert {field.largest for field in found.fields} == {0.0}
    assert not any(field.field.startswith("environment") for field in found.fields)


@pytest.mark.parametrize(("by", "agrees"), [(9e-6, True), (1.1e-5, False)])
def test_a_number_may_differ_by_its_tolerance_and_no_more(by: float, agrees: bool) -> None:
    found = compared(*changed(profile__r2_heldout__2=lambda score: score + by))

    worst = found.fields[0]
    assert found.agrees is agrees
    assert (worst.field, worst.place) == ("profile.r2_heldout", "profile.r2_heldout[2]")
    assert worst.largest == pytest.approx(by)
    assert worst.values == 4 + 1  # and how many there are


def test_differences_are_relative_above_one_and_absolute_below() -> None:
    large = compared(*changed(profile__state_norm__1=lambda norm: norm * (1 + 5e-6)))
    count = compared(*changed(tokens__fit=lambda tokens: tokens + 1))

    assert large.agrees
    assert not count.agrees
    assert count.fields[0].tolerance == 0.0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("profile__r2_heldout__1", None),
        ("profile__r2_heldout_ci95__1", None),
        ("pairs__cosine__0__1", "0.9"),
        ("params__exclude", "first"),
        ("model__fingerprint", "c" * 64),
        ("states", ["0", "1"]),
        ("profile__ridge", lambda values: values[:-1]),
        ("finding__en", "Everything is linear."),
        ("tokens__added", 1),
    ],
)
def test_anything_else_that_was_changed_is_named(path: str, value: Any) -> None:
    found = compared(*changed(**{path: value}))

    wrong = [field.field for field in found.fields if not field.agrees]
    assert wrong == [".".join(part for part in path.split("__") if not part.isdigit())]


def test_fields_of_later_versions_are_told_and_not_compared() -> None:
    found = compared(*changed(sample_sizes=None, pairs__cka=None))

    assert found.agrees
    assert found.absent == ["pairs.cka", "sample_sizes"]


@pytest.mark.parametrize(
    ("sentence", "agrees"),
    [
        ("From block 1 on, a linear map explains 90-96 % of the next state.", True),
        ("From block 1 on, a linear map explains 89-96 % of the next state.", True),
        ("From block 1 on, a linear map explains 80-96 % of the next state.", False),
        ("From block 1 on, a linear map explains 90-96.0 % of the next state.", False),
        ("From block 1 on, a linear map explains 90-96 % of the last state.", False),
    ],
)
def test_a_sentence_may_differ_by_one_in_a_last_digit(sentence: str, agrees: bool) -> None:
    assert compared(*changed(finding__en=sentence)).agrees is agrees


@pytest.mark.parametrize(
    ("conditions", "by", "agrees"),
    [
        (CPU, 2e-5, False),
        (Conditions("float32", same_device=False), 2e-5, True),
        (Conditions("float32", same_device=False), 6e-5, False),
        (Conditions("bfloat16", same_device=True), 1.5e-3, True),
        (Conditions("float16", same_device=False), 3e-3, False),
    ],
)
def test_another_device_or_type_rounds_otherwise(
    conditions: Conditions, by: float, agrees: bool
) -> None:
    found = compared(*changed(profile__r2_heldout__2=lambda score: score + by), conditions)

    assert found.agrees is agrees


@pytest.mark.parametrize(("more", "agrees"), [(1, True), (2, False)])
def test_a_token_beside_an_edge_may_change_its_bin(more: int, agrees: bool) -> None:
    path = "token_errors__counts__1__3"

    assert compared(*changed(**{path: lambda count: count + more})).agrees is agrees


def test_half_precision_on_another_device_compares_scores_and_no_sentences() -> None:
    both = changed(profile__r2_heldout__2=lambda s: s + 1.9e-3, finding__en="Something else.")

    assert compared(*both, OTHER_HALF).agrees
    assert not compared(*both, Conditions("bfloat16", same_device=True)).agrees
    assert not compared(*both).agrees
