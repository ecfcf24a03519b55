"""Parameters of runs against servers, and of files of another tool."""

from typing import Any

import pytest

from linearity.contracts.imported import file_names, parse_import
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.served import parse_served, parse_url, refuse_outside
from linearity.contracts.speed import parse_params
from linearity.errors import InvalidParameterError, InvalidPlanError, UnknownParameterError

URLS = {"dense_url": "http://127.0.0.1:8000/v1", "changed_url": "https://host.example/api/"}


def a_model() -> ModelRecord:
    return ModelRecord(
        id="m", name="m", source="path", reference="m", fingerprint="a" * 64, family="llama",
        blocks=4, width=64, vocabulary=100, context=512, parameters=1, dtype="float32", size=1,
    )  # fmt: skip


def test_what_is_left_out_has_its_default() -> None:
    found = parse_served(URLS, model=a_model())

    assert found.as_json() == {
        "dense_url": "http://127.0.0.1:8000/v1", "changed_url": "https://host.example/api",
        "concurrency": [1], "requests": "auto",
        "pairs": 10, "warmup": 1, "prompt_tokens": "auto", "new_tokens": "auto",
        "endpoint": "auto", "timeout": 120.0, "seed": 0, "take": 1,
    }  # fmt: skip


def test_loads_are_ascending_and_each_has_requests_enough() -> None:
    found = parse_served({**URLS, "concurrency": [32, 1, 8, 8]}, model=a_model())

    assert found.concurrency == [1, 8, 32]
    assert [found.requests_at(load) for load in found.concurrency] == [10, 16, 64]


@pytest.mark.parametrize(
    "url",
    [
        None, "", "host:8000", "ftp://host", "http://", "http://user:secret@host", "http://h:99999",
        "http://h/?key=secret", "http://h/#x", "http://h/a b", "http://日本", 7,
        "http://h:0", "http://" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused_without_repeating_it(url: Any) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        parse_url("dense_url", url)
    assert "secret" not in f"{refused.value.message} {refused.value.data}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0}, {"concurrency": []}, {"concurrency": [1] * 3 + list(range(1, 10))},
        {"concurrency": "8"}, {"requests": 0}, {"pairs": 9}, {"warmup": 0}, {"timeout": 0},
        {"new_tokens": 1}, {"endpoint": "responses"}, {"dense_model": "a\x00"}, {"take": 0},
        {"dtype": ["float32"]},
    ],
)  # fmt: skip
def test_a_value_outside_its_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        parse_served({**URLS, **wrong}, model=a_model())


def test_parameters_of_this_process_are_unknown_there() -> None:
    with pytest.raises(UnknownParameterError, match="batches"):
        parse_served({**URLS, "batches": [1]}, model=a_model())


def test_a_plan_that_is_told_must_fit_the_model() -> None:
    assert parse_served({**URLS, "plan": "2:remove"}, model=a_model()).plan == "2:drop"
    with pytest.raises(InvalidPlanError):
        parse_served({**URLS, "plan": "7:drop"}, model=a_model())


@pytest.mark.parametrize("name", ["dense_url", "changed_url", "dense_file", "changed_file"])
def test_a_server_opens_nothing_for_others_and_says_why(name: str) -> None:
    for judge in (refuse_outside, lambda params: parse_params(params, model=a_model())):
        with pytest.raises(InvalidParameterError, match="could be sent anywhere") as refused:
            judge({"plan": "1:drop", name: "http://169.254.169.254/"})
        assert "linearscope run speed" in refused.value.next_step
        assert "169.254" not in f"{refused.value.message}{refused.value.data}"


def test_files_are_named_by_their_content() -> None:
    digests = {"dense_file": ["a" * 64], "changed_file": ["b" * 64]}
    names = {"dense_file": "one.json", "changed_file": ["two.json"], "software": "vllm 0.15"}

    assert file_names("dense_file", names) == ["one.json"]
    found = parse_import(names, digests, model=a_model()).as_json()
    assert found["dense_file"] == ["a" * 64]
    assert "one.json" not in str(found)


def test_the_same_file_on_both_sides_is_refused() -> None:
    same = {"dense_file": ["a" * 64], "changed_file": ["a" * 64]}
    with pytest.raises(InvalidParameterError, match="changed_file"):
        parse_import({}, same, model=a_model())


@pytest.mark.parametrize("value", [None, "", [], ["a", 3], ["a"] * 300])
def test_files_have_to_be_named(value: Any) -> None:
    with pytest.raises(InvalidParameterError, match="dense_file"):
        file_names("dense_file", {"dense_file": value})
