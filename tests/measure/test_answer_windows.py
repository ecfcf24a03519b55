"""Windows of records with answers: where they end, what of them is scored, what is left out."""

from collections.abc import Sequence

import pytest

from linearity.contracts.inputs import Document, Message
from linearity.contracts.scripts import Script, Stretch
from linearity.measure.sampling import SamplingPlan, ThreeBudgets, sample_splits, sample_windows
from linearity.measure.windows import Scripts, Window

BOS = 2


def tokenize(text: str) -> list[int]:
    """One token a character; ``^`` is the BOS."""
    return [BOS if character == "^" else ord(character) for character in text]


def scripts_of(documents: Sequence[Document]) -> Scripts:
    return lambda numbers: [Script.plain(documents[k]) for k in numbers]


def sampled(documents: Sequence[Document], context: int, *, bos: int | None = None) -> list[Window]:
    plan = SamplingPlan(100_000, context, 0.5, 0, bos)
    texts = [document.text for document in documents]
    return sample_windows(texts, tokenize, plan, scripts=scripts_of(documents))


def spelled(window: Window) -> str:
    """Scored characters in capitals; ids below a space as ``^``."""
    marks = window.scored or [True] * len(window.ids)
    return "".join(
        "^" if id < 9 else chr(id).upper() if scored else chr(id)
        for id, scored in zip(window.ids, marks, strict=True)
    )


def questions(count: int = 8) -> list[Document]:
    return [Document.asked(f"question {'abcdefgh'[k]}", "answer") for k in range(count)]


def test_a_window_that_holds_a_record_scores_its_answer_only() -> None:
    windows = sampled(questions(), 64)

    assert sorted(map(spelled, windows)) == [f"question {k}\nANSWER" for k in "abcdefgh"]
    assert {window.context for window in windows} == {11}
    assert {window.passed_over for window in windows} == {0}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (8, ["a\nANSWER"]),  # as much of the question as there is room for
        (6, ["ANSWER"]),
        (4, ["SWER", "a\nAN"]),
    ],
)
def test_windows_end_where_the_answer_ends(context: int, expected: list[str]) -> None:
    windows = [window for window in sampled(questions(), context) if window.document == 0]

    read = sum(len(window.ids) for window in windows)
    assert [spelled(window) for window in windows] == expected
    assert read + windows[0].passed_over == len("question a\nanswer")


def test_what_is_far_from_any_answer_is_in_no_window_and_counted() -> None:
    long = [
        Document.conversation(
            [
                Message("user", "a" * 20),
                Message("assistant", "yes"),
                Message("user", "b" * 30 + str(k)),
                Message("assistant", "no"),
            ]
        )
        for k in range(4)
    ]
    windows = [window for window in sampled(long, 10) if window.document == 0]

    assert [spelled(window) for window in windows] == ["istant: NO", "stant: YES"]
    everything = len(tokenize(long[0].text))
    assert [window.passed_over for window in windows] == [everything - 20, 0]


def test_a_bos_stands_before_every_window_and_is_never_scored() -> None:
    windows = sampled(questions(), 4, bos=BOS)

    assert {spelled(w)[0] for w in windows} == {"^"}
    assert all(w.scored is not None and not w.scored[0] for w in windows)
    assert spelled(next(w for w in windows if w.document == 0)) == "^WER"


def test_the_bos_that_a_template_writes_is_not_read_twice() -> None:
    script = Script((Stretch("^question\n", False), Stretch("answer", True)), rendered=True)
    plan = SamplingPlan(1000, 64, 0.5, 0, BOS)
    windows = sample_windows(
        [f"text {k}" for k in range(4)],
        tokenize,
        plan,
        scripts=lambda numbers: [script] * len(numbers),
    )

    assert {spelled(window) for window in windows} == {"^question\nANSWER"}


def test_the_last_window_of_a_budget_keeps_the_end_of_the_answer() -> None:
    documents = questions()
    splits = sample_splits(
        [document.text for document in documents],
        tokenize,
        SamplingPlan(0, 64, 0.0, 0, None),
        ThreeBudgets(10, 0, 0),
        scripts=scripts_of(documents),
    )

    (window,) = splits.fit
    assert spelled(window) == f"n {chr(window.ids[2])}\nANSWER"


@pytest.mark.parametrize("bos", [None, BOS])
def test_texts_without_an_answer_are_cut_as_if_there_were_no_scripts(bos: int | None) -> None:
    documents = [Document(f"{k} " + "text " * (3 * k)) for k in range(30)]
    texts = [document.text for document in documents]
    plan = SamplingPlan(900, 20, 0.25, 1, bos)
    for some in (texts, ["".join(texts)]):
        alone = documents if len(some) > 1 else [Document(some[0])]
        with_scripts = sample_windows(some, tokenize, plan, scripts=scripts_of(alone))

        assert with_scripts == sample_windows(some, tokenize, plan)
        assert all(window.scored is None for window in with_scripts)


def test_one_conversation_alone_is_cut_into_parts_that_keep_their_marks() -> None:
    turns = [
        message
        for k in range(40)
        for message in (Message("user", f"question {k}"), Message("assistant", "ANSWER"))
    ]
    windows = sampled([Document.conversation(turns)], 64)
    marked = "".join(
        chr(id)
        for window in windows
        for id, scored in zip(window.ids, window.scored or (), strict=False)
        if scored
    )

    assert set(marked) == set(" ANSWER")
    assert len({window.document for window in windows}) == 20
