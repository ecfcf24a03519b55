"""Comparing answers, against plain loops and cases that were worked out by hand."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pytest

from linearity.contracts.answers import AnswersSummary, CanaryResult
from linearity.evaluate.answers import (
    Exchange,
    agreement,
    compare,
    contains,
    finding,
    first_difference,
    has_number,
    is_exact,
    is_json,
    judge,
    numbers_in,
    repetition,
    summarise,
)
from linearity.models.generation import Answer

Pairs = list[tuple[list[int], list[int]]]


@pytest.fixture
def pairs() -> Pairs:
    """Answers that begin alike for a while, many of them short and some of them empty."""
    noise = random.Random(0)

    def tail() -> list[int]:
        return noise.choices(range(3), k=noise.randrange(6))

    shared = [noise.choices(range(3), k=noise.randrange(8)) for _ in range(300)]
    return [(start + tail(), start + tail()) for start in shared]


def letters(tokens: Sequence[int]) -> str:
    return "".join("abc"[token] for token in tokens)


def an_exchange(
    dense: Sequence[int], changed: Sequence[int], *, reference: str | None = None
) -> Exchange:
    return Exchange(
        7, "p", Answer(tuple(dense), True), Answer(tuple(changed), False), reference, "c"
    )


def a_summary(exchanges: list[Exchange]) -> AnswersSummary:
    return summarise(exchanges, [compare(exchange, letters) for exchange in exchanges])


def test_the_first_difference_comes_after_the_common_beginning(pairs: Pairs) -> None:
    for dense, changed in pairs:
        shorter = min(len(dense), len(changed))
        alike = max(k for k in range(shorter + 1) if dense[:k] == changed[:k])

        assert first_difference(dense, changed) == (None if dense == changed else alike)


def test_an_answer_that_goes_on_differs_where_the_other_ends() -> None:
    assert first_difference([1, 2], [1, 2, 3]) == 2
    assert first_difference([], [4]) == 0
    assert first_difference([], []) is None


def test_agreement_is_the_common_beginning_of_the_longer_answer(pairs: Pairs) -> None:
    for dense, changed in pairs:
        longer = max(dense, changed, key=len)
        shorter = changed if longer is dense else dense
        alike = next(
            (k for k, token in enumerate(longer) if k >= len(shorter) or shorter[k] != token),
            len(longer),
        )

        assert agreement(dense, changed) == (alike / len(longer) if longer else 1.0)


def test_repetition_counts_four_grams_that_occurred_before(pairs: Pairs) -> None:
    for tokens, _ in pairs:
        # Overlapping matches of a look-ahead: a way to cut 4-grams without slicing.
        grams = Counter(re.findall(r"(?=(....))", letters(tokens)))
        repeated = sum(count - 1 for count in grams.values())

        assert repetition(tokens) == pytest.approx(repeated / max(grams.total(), 1))


def test_a_loop_is_almost_all_repetition() -> None:
    assert repetition([5] * 103) == pytest.approx(0.99)
    assert repetition([1, 2, 3]) == 0.0


def test_a_pair_counts_the_characters_before_the_first_difference() -> None:
    pair = compare(an_exchange([0, 1, 2, 0], [0, 1, 0]), letters)

    assert (pair.dense, pair.changed) == ("abca", "aba")
    assert (pair.first_difference, pair.dense_before, pair.changed_before) == (2, 2, 2)
    assert (pair.dense_tokens, pair.changed_tokens) == (4, 3)
    assert (pair.dense_stopped, pair.changed_stopped) == (True, False)
    assert (pair.document, pair.category, pair.agreement) == (7, "c", 0.5)


def test_half_a_character_before_the_first_difference_is_not_an_equal_character() -> None:
    pieces = [b"a", "é".encode()[:1], "é".encode()[1:], "è".encode()[1:]]

    def detokenize(tokens: Sequence[int]) -> str:
        return b"".join(pieces[token] for token in tokens).decode(errors="replace")

    pair = compare(an_exchange([0, 1, 2], [0, 1, 3]), detokenize)

    assert (pair.dense, pair.changed) == ("aé", "aè")
    assert (pair.first_difference, pair.dense_before, pair.changed_before) == (2, 1, 1)


def test_equal_answers_are_equal_to_their_last_character() -> None:
    pair = compare(an_exchange([0, 1], [0, 1]), letters)

    assert (pair.first_difference, pair.dense_before, pair.agreement) == (None, 2, 1.0)


def test_a_summary_is_what_plain_loops_count(pairs: Pairs) -> None:
    exchanges = [an_exchange(*pair) for pair in pairs]
    summary = a_summary(exchanges)
    splits = sorted(
        next(k for k in range(99) if dense[k : k + 1] != changed[k : k + 1])
        for dense, changed in pairs
        if dense != changed
    )
    middle = len(splits) // 2
    by_hand = splits[middle] if len(splits) % 2 else (splits[middle - 1] + splits[middle]) / 2

    assert summary.prompts == 300
    assert summary.identical == sum(dense == changed for dense, changed in pairs)
    assert summary.first_difference_median == by_hand
    assert summary.length_ratio == pytest.approx(
        sum(len(changed) for _, changed in pairs) / sum(len(dense) for dense, _ in pairs)
    )
    assert summary.agreement == pytest.approx(sum(agreement(*p) for p in pairs) / 300)
    assert summary.dense.mean_tokens == pytest.approx(sum(len(d) for d, _ in pairs) / 300)
    assert (summary.dense.at_limit, summary.changed.at_limit) == (0.0, 1.0)
    assert summary.changed.repetition == pytest.approx(sum(repetition(c) for _, c in pairs) / 300)


def test_without_references_nothing_is_scored() -> None:
    summary = a_summary([an_exchange([0], [1])])

    assert summary.references == 0
    assert summary.dense.exact is None
    assert summary.dense.contains is None
    assert summary.dense.number is None
    assert summary.dense.valid_json is None


def test_scores_are_shares_of_the_prompts_that_have_such_a_reference() -> None:
    summary = a_summary(
        [
            an_exchange([0, 1], [0], reference="ab"),
            an_exchange([0, 1, 2], [2], reference="B"),
            an_exchange([0], [0], reference="12"),
            an_exchange([0], [0], reference='{"a": 1}'),
            an_exchange([0], [0]),
        ]
    )

    assert summary.references == 4
    assert (summary.dense.exact, summary.changed.exact) == (0.25, 0.0)
    assert (summary.dense.contains, summary.changed.contains) == (0.5, 0.0)
    assert (summary.dense.number, summary.dense.valid_json) == (0.0, 0.0)


def test_a_dense_model_that_writes_nothing_gives_no_length_ratio() -> None:
    summary = a_summary([an_exchange([], [0])])

    assert summary.length_ratio is None
    assert summary.first_difference_median == 0.0


@pytest.mark.parametrize(
    ("answer", "reference", "exact", "held"),
    [
        ("  Paris\n", "Paris", True, True),
        ("a  b\tc", "a b c", True, True),
        ("paris", "Paris", False, True),
        ("It is PARIS, of\ncourse.", "paris, of course", False, True),
        ("STRASSE", "Straße", False, True),
        ("ＰＡＲＩＳ", "Paris", False, True),
        ("London", "Paris", False, False),
    ],
)
def test_exact_minds_case_and_contains_does_not(
    answer: str, reference: str, exact: bool, held: bool
) -> None:
    assert is_exact(answer, reference) is exact
    assert contains(answer, reference) is held


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234.5 and １２３ and ３．５", ["1234.5", "123", "3.5"]),
        ("1,2,3 and 12,345,678", ["1", "2", "3", "12345678"]),
        ("1,2345", ["1", "2345"]),
        ("-4, −5, +6, (-7)", ["-4", "-5", "6", "-7"]),
        ("3-4, GPT-4, 10%", ["3", "4", "4", "10"]),
        (".5 of 6.", ["0.5", "6"]),
        ("答えは４２です。", ["42"]),
        ("none", []),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, numbers: list[str]) -> None:
    assert numbers_in(text) == [Decimal(number) for number in numbers]


@pytest.mark.parametrize(
    ("answer", "reference", "verdict"),
    [
        ("2 + 2 is 4", "4", True),
        ("4, or perhaps 5", "4", False),
        ("It costs 1,234.50 yen.", "1234.5", True),
        ("答えは１，２３４．５", "1,234.5", True),
        ("no idea", "4", False),
        ("4", "between 3 and 4", None),
        ("4", "four", None),
    ],
)
def test_the_last_number_of_an_answer_is_its_result(
    answer: str, reference: str, verdict: bool | None
) -> None:
    assert has_number(answer, reference) is verdict


@pytest.mark.parametrize(
    ("answer", "reference", "verdict"),
    [
        ('{"b": [1, 2]}', '{"a": 1}', True),
        (" [1]\n", '{"a": 1}', True),
        ('{"a": 1', '{"a": 1}', False),
        ('{"a": NaN}', '{"a": 1}', False),
        ("1", "[1]", False),
        ("[1]", "1", None),
        ("[1]", "a text", None),
    ],
)
def test_json_is_asked_for_only_where_the_reference_is_some(
    answer: str, reference: str, verdict: bool | None
) -> None:
    assert is_json(answer, reference) is verdict


def a_canary(*, dense: str, changed: str) -> CanaryResult:
    return judge(
        {"prompt": "Who?", "must_say": ["Dr. Who", "ＴＡＲＤＩＳ"], "must_not_say": ["Dalek"]},
        {"dense": dense, "changed": changed},
    )


def test_a_canary_names_what_is_missing_and_what_is_forbidden() -> None:
    canary = a_canary(dense="dr. who has a Tardis", changed="A ｄａｌｅｋ in a TARDIS")

    assert canary.passed == {"dense": True, "changed": False}
    assert canary.missing == {"dense": [], "changed": ["Dr. Who"]}
    assert canary.forbidden == {"dense": [], "changed": ["Dalek"]}
    assert (canary.prompt, canary.changed) == ("Who?", "A ｄａｌｅｋ in a TARDIS")


def test_the_finding_says_how_many_answers_changed_and_how_soon() -> None:
    exchanges = [an_exchange([0, 1, 2], [0, 1, 2]), an_exchange([0, 1], [0, 2])]
    said = finding(a_summary(exchanges * 600), [], plan="1:drop")

    assert said["en"] == (
        "With the plan 1:drop (blocks count from 0), 600 of 1,200 greedy answers differ from the "
        "dense model's, the first difference coming after 1 equal token (median). "
        "No plan is called harmless: read the answers side by side."
    )
    assert said["ja"] == (
        "プラン「1:drop」(ブロック番号は0から)を適用し、貪欲法で生成した回答1,200件のうち、"
        "600件が元のモデルの回答と異なりました。"
        "最初の違いが現れるまでに一致したのは、中央値で1トークンです。"
        "どのプランも無害とはみなしません。両方の回答を見比べてください。"
    )


def test_equal_answers_are_no_harmless_plan_either() -> None:
    said = finding(a_summary([an_exchange([0], [0])]), [], plan="1:drop")

    assert said["en"].startswith(
        "With the plan 1:drop (blocks count from 0), none of 1 greedy answers differs from the "
        "dense model's. No plan is called harmless"
    )
    assert "すべて元のモデルの回答と一致しました。どのプランも無害とはみなしません。" in said["ja"]


def test_the_finding_counts_the_users_own_checks() -> None:
    canaries = [
        a_canary(dense="Dr. Who, Tardis", changed="Dr. Who, Tardis"),
        a_canary(dense="Dr. Who, Tardis", changed="Dalek"),
    ]
    said = finding(a_summary([an_exchange([0], [1])]), canaries, plan="1:drop")

    assert "Of your own 2 checks, the dense model passes 2, the changed model 1." in said["en"]
    assert "確認項目2件のうち、元のモデルは2件、変更後のモデルは1件に合格しました。" in said["ja"]


def test_a_plan_of_many_steps_is_cut_in_the_finding() -> None:
    plan = ",".join(f"{block}:linear" for block in range(40))
    said = finding(a_summary([an_exchange([0], [1])]), [], plan=plan)

    assert f"With the plan {plan[:80]}… (blocks" in said["en"]
