"""What of a record is scored: its answer, what an assistant says, or all of a text without one."""

import pytest

from linearity.contracts.inputs import Document, Message
from linearity.contracts.scripts import Script, Stretch, has_answer, question_of

SYSTEM, USER = Message("system", "Be brief."), Message("user", "Two and two?")
ANSWER, NEXT = Message("assistant", "Four."), Message("user", "And three?")
LAST = Message("assistant", "Seven.")


def scored(document: Document) -> list[str]:
    return [stretch.text for stretch in Script.plain(document).stretches if stretch.scored]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (Document("A text."), ["A text."]),
        (Document.asked("Two and two?"), ["Two and two?"]),
        (Document.asked("Two and two?", ""), ["Two and two?\n"]),
        (Document.asked("Two and two?", " \n"), ["Two and two?\n \n"]),
        (Document.asked("Two and two?", "Four."), ["Four."]),
        (Document.asked("four", "four"), ["four"]),
        (Document.conversation([USER]), ["user: Two and two?"]),
        (Document.conversation([SYSTEM, USER, ANSWER]), [" Four."]),
        (Document.conversation([USER, ANSWER, NEXT, LAST]), [" Four.", " Seven."]),
        (Document.conversation([USER, ANSWER, NEXT]), [" Four."]),
        (
            Document.conversation([USER, Message("assistant", " ")]),
            ["user: Two and two?\nassistant:  "],
        ),
    ],
)
def test_only_answers_are_scored_and_everything_of_a_text_without_one(
    document: Document, expected: list[str]
) -> None:
    assert scored(document) == expected
    assert Script.plain(document).text == document.text
    assert has_answer(document) == (expected != [document.text])


def test_neighbours_of_one_kind_are_one_stretch() -> None:
    script = Script.plain(Document.conversation([SYSTEM, USER, ANSWER, NEXT]))

    assert script.stretches == (
        Stretch("system: Be brief.\nuser: Two and two?\nassistant:", False),
        Stretch(" Four.", True),
        Stretch("\nuser: And three?", False),
    )


def test_parts_of_a_script_keep_their_places_and_their_marks() -> None:
    script = Script((Stretch("0123456789", False), Stretch("abcde", True)), rendered=True)
    parts = script.cut(4)

    assert [part.text for part in parts] == ["0123", "4567", "89ab", "cde"]
    assert parts[2].stretches == (Stretch("89", False), Stretch("ab", True))
    assert all(part.rendered for part in parts)
    assert [part.has_context for part in parts] == [True, True, True, False]


def test_what_an_answer_is_asked_for_ends_with_the_last_word_of_the_user() -> None:
    whole = Document.conversation([SYSTEM, USER, ANSWER, NEXT, LAST])

    assert question_of(whole) == (SYSTEM, USER, ANSWER, NEXT)
    assert question_of(Document.asked("Two and two?", "Four.")) == (USER,)
