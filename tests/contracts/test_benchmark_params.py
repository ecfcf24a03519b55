"""What a benchmark may be asked: its defaults, its limits, and names that are no paths."""

from dataclasses import replace

import pytest

from linearity.contracts.benchmark import ANSWER_ENDING, check_questions, parse_params
from linearity.contracts.canonical import Json
from linearity.contracts.kinds import make_request
from linearity.errors import InvalidParameterError, UnknownParameterError
from tests.backend.builders import a_dataset, a_model

QUESTIONS = "ab" * 32
MODEL = a_model()
DATASET = a_dataset()
GOOD: dict[str, Json] = {"plan": "1:drop", "questions": QUESTIONS}


def test_defaults() -> None:
    params = parse_params(GOOD, model=MODEL)

    assert (params.few_shot, params.limit, params.chat, params.healed) == (0, 0, False, "")
    assert (params.questions, params.tasks, params.ending) == (QUESTIONS, [], ANSWER_ENDING)


def test_without_own_questions_there_is_no_ending() -> None:
    params = parse_params({"plan": "1:drop", "tasks": ["piqa"]}, model=MODEL)

    assert (params.questions, params.ending) == ("", "")


@pytest.mark.parametrize(
    "tasks", [["piqa", "arc_easy"], "arc_easy, piqa", ["arc_easy", "piqa", ""]]
)
def test_tasks_are_names_in_one_order(tasks: Json) -> None:
    assert parse_params({**GOOD, "tasks": tasks}, model=MODEL).tasks == ["arc_easy", "piqa"]


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"questions": ""}, "questions"),
        ({"questions": "my questions"}, "questions"),
        ({"questions": 7}, "questions"),
        ({"tasks": ["../../task.yaml"]}, "tasks"),
        ({"tasks": ["/etc/passwd"]}, "tasks"),
        ({"tasks": ["task.yaml"]}, "tasks"),
        ({"tasks": ["own_questions"]}, "tasks"),
        ({"tasks": [{"task": "x"}]}, "tasks"),
        ({"tasks": 3}, "tasks"),
        ({"tasks": ["t"] * 21}, "tasks"),
        ({"few_shot": 65}, "few_shot"),
        ({"limit": -1}, "limit"),
        ({"ending": "x" * 201}, "ending"),
        ({"chat": "yes"}, "chat"),
    ],
)
def test_what_is_refused(params: dict[str, Json], parameter: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_params({**GOOD, **params}, model=MODEL)

    assert caught.value.data["parameter"] == parameter


def test_a_template_of_an_upload_is_not_run() -> None:
    with pytest.raises(InvalidParameterError, match="administrator"):
        parse_params({**GOOD, "chat": True}, model=replace(MODEL, source="upload"))


def test_other_names_are_unknown() -> None:
    with pytest.raises(UnknownParameterError):
        parse_params({**GOOD, "prompts": 3}, model=MODEL)


def test_the_run_is_named_by_its_questions() -> None:
    other = {**GOOD, "questions": "cd" * 32}
    requests = [
        make_request("benchmark", params, model=MODEL, dataset=DATASET) for params in (GOOD, other)
    ]

    assert requests[0].run_id != requests[1].run_id


def test_a_dataset_of_texts_holds_no_questions() -> None:
    with pytest.raises(InvalidParameterError, match="multiple-choice") as caught:
        check_questions(DATASET)

    assert '"choices"' in caught.value.next_step
    check_questions(replace(DATASET, questions=3))
