"""What text is a plan, the one spelling that it has, and what is refused with which words."""

import random

import pytest

from linearity.contracts.actions import ACTIONS, Plan, Step, parse_plan
from linearity.errors import InvalidPlanError

BLOCKS = 30


def spelled(text: str, blocks: int = BLOCKS) -> str:
    return parse_plan(text, blocks=blocks).text


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("12:drop", "12:drop"),
        ("13-15:linear,12:drop", "12:drop,13-15:linear"),
        ("20:merged,12:drop,13-15:linear", "12:drop,13-15:linear,20:merged"),
        (" 12 : DROP ,\t13 - 15:Linear\n", "12:drop,13-15:linear"),
        ("007:drop", "7:drop"),
        ("7-7:drop", "7:drop"),
        ("3:drop,4:drop,2:drop", "2-4:drop"),
        ("2-3:drop,4-6:drop", "2-6:drop"),
        ("2:drop,4:drop", "2:drop,4:drop"),
        ("5:merged,6:merged", "5-6:merged"),
        ("5:linear,6:linear", "5:linear,6:linear"),
        ("5-6:linear", "5-6:linear"),
        ("5-6:linear,7:linear", "5-6:linear,7:linear"),
        ("5:drop,6:linear,7:drop", "5:drop,6:linear,7:drop"),
        ("5:remove,6:drop", "5-6:drop"),
        ("5:replaceme", "5:merged"),
        ("5:RePlaceMe,6:merged", "5-6:merged"),
        ("1:merged,3:merged", "1:merged,3:merged"),
        ("1:merged,2:drop,3:linear", "1:merged,2:drop,3:linear"),
        ("0:drop,29:linear", "0:drop,29:linear"),
        ("0-28:drop", "0-28:drop"),
    ],
)
def test_a_plan_has_one_spelling(text: str, spelling: str) -> None:
    assert spelled(text) == spelling


def test_a_parsed_plan_names_its_blocks() -> None:
    plan = parse_plan("12:drop,3-5:linear,20:merged", blocks=BLOCKS)

    assert plan.steps == (Step(3, 5, "linear"), Step(12, 12, "drop"), Step(20, 20, "merged"))
    assert plan.blocks == (3, 4, 5, 12, 20)
    assert plan.changed == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("30:drop", "there is no block 30: the model has blocks 0 to 29"),
        ("28-30:linear", "there is no block 30"),
        ("999999:drop", "there is no block 999999"),
        ("0-29:drop", "changes all 30 blocks"),
        ("0-14:drop,15-29:linear", "changes all 30 blocks"),
        ("3:drop,3:drop", "3:drop and 3:drop overlap: block 3 has two actions"),
        ("3-6:drop,5:linear", "3-6:drop and 5:linear overlap: block 5"),
        ("5:linear,3-6:drop", "3-6:drop and 5:linear overlap: block 5"),
        ("3-9:drop,4:linear,8:linear", "overlap: block 4"),
        ("3:linear,3-4:linear", "overlap: block 3"),
        ("１:drop", "'１:drop' is not a step of a plan"),
        ("3:heal", "unknown action 'heal'"),
        ("3:keep", "unknown action 'keep'"),
        ("3:orthogonal", "unknown action 'orthogonal'"),
        ("6-3:drop", "'6-3:drop' ends before it begins"),
        ("0:merged", "block 0 cannot be merged"),
        ("0-2:merged", "block 0 cannot be merged"),
        ("3:drop,4:merged", "4:merged needs block 3"),
        ("3:linear,4:merged", "4:merged needs block 3"),
        ("2-3:linear,4-5:merged", "4-5:merged needs block 3"),
        ("", "at least one block"),
        (" \n ", "at least one block"),
        ("," , "is not a step of a plan"),
        ("3:drop,", "'' is not a step of a plan"),
        ("3", "'3' is not a step of a plan"),
        ("drop", "is not a step of a plan"),
        ("-3:drop", "is not a step of a plan"),
        ("3-:drop", "is not a step of a plan"),
        ("3.5:drop", "is not a step of a plan"),
        ("1e3:drop", "is not a step of a plan"),
        ("3:drop;4:drop", "is not a step of a plan"),
        ("3:drop 4:drop", "is not a step of a plan"),
        ("1234567:drop", "is not a step of a plan"),
        ("3:" + "a" * 21, "is not a step of a plan"),
        ("<script>", "'<script>' is not a step of a plan"),
        ("3:drop\x00", "is not a step of a plan"),
    ],
)  # fmt: skip
def test_text_that_is_no_plan_is_refused_and_says_why(text: str, message: str) -> None:
    with pytest.raises(InvalidPlanError) as caught:
        parse_plan(text, blocks=BLOCKS)

    assert message in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("value", [None, 3, 3.0, True, ["3:drop"], {"3": "drop"}, b"3:drop"])
def test_a_value_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidPlanError):
        parse_plan(value, blocks=BLOCKS)


def test_a_plan_of_more_than_ten_thousand_characters_is_refused() -> None:
    longest = "3:drop".ljust(10_000)

    assert spelled(longest) == "3:drop"
    with pytest.raises(InvalidPlanError, match="at most 10,000 characters"):
        parse_plan(longest + " ", blocks=BLOCKS)


def test_what_is_said_of_long_garbage_is_short() -> None:
    with pytest.raises(InvalidPlanError) as caught:
        parse_plan("x" * 9_000, blocks=BLOCKS)

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("blocks", "action", "text"),
    [
        ([], "drop", ""),
        ([7], "drop", "7:drop"),
        ([9, 3, 8], "drop", "3:drop,8-9:drop"),
        ([9, 3, 8], "linear", "3:linear,8:linear,9:linear"),
        ([9, 3, 8, 10], "merged", "3:merged,8-10:merged"),
    ],
)
def test_a_plan_of_some_blocks_gives_each_the_same_action(
    blocks: list[int], action: str, text: str
) -> None:
    plan = Plan.of(blocks, action)

    assert plan.text == text
    assert plan.blocks == tuple(sorted(blocks))


def random_plan(rng: random.Random) -> list[Step]:
    """Steps that do not overlap, in any order; merges only behind a kept block."""
    steps: list[Step] = []
    block, kept_before = 0, False
    while block < BLOCKS - 1:
        last = min(block + rng.choice([0, 0, 0, 1, 3]), BLOCKS - 2)
        choices = ["keep", "keep", "drop", "linear", *(["merged"] if kept_before else [])]
        action = rng.choice(choices)
        if action != "keep":
            steps.append(Step(block, last, action))
        kept_before = action == "keep"
        block = last + 1
    rng.shuffle(steps)
    return steps


@pytest.mark.parametrize("seed", range(200))
def test_the_spelling_of_any_plan_parses_to_the_same_plan(seed: int) -> None:
    steps = random_plan(random.Random(seed)) or [Step(1, 2, "drop")]

    plan = parse_plan(",".join(step.text for step in steps), blocks=BLOCKS)

    assert parse_plan(plan.text, blocks=BLOCKS) == plan
    action_of = {block: step.action for step in steps for block in step.blocks}
    assert {block: step.action for step in plan.steps for block in step.blocks} == action_of
    linear = sorted(step for step in steps if step.action == "linear")
    assert [step for step in plan.steps if step.action == "linear"] == linear


@pytest.mark.parametrize("seed", range(50))
def test_a_plan_of_random_blocks_parses_to_itself(seed: int) -> None:
    rng = random.Random(seed)
    action = rng.choice(ACTIONS)
    blocks = rng.sample(range(1, BLOCKS), rng.randint(1, BLOCKS - 1))

    plan = Plan.of(blocks, action)

    assert parse_plan(plan.text, blocks=BLOCKS) == plan
