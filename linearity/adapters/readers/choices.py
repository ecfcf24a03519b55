"""The choices of a multiple-choice question as people write them, and which of them is right.

Choices come as a list of texts, as an object of letters and texts, or as the hub's own shape of two
lists, ``{"text": [...], "label": [...]}``. The right one is named by its place (from 0), by its
label, by a letter, or by its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from linearity.contracts.canonical import Json

MOST_CHOICES = 100
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class ChoiceError(Exception):
    """What is wrong with choices or with the right one; never holds what they say."""


@dataclass(frozen=True)
class Choices:
    """What is chosen from: texts, with the labels that they were given, if any."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()


def read_choices(value: Json) -> Choices:
    """Return the choices of one question.

    Raises
    ------
    ChoiceError
        If they are no list of 2 to 100 texts.
    """
    texts, labels = _lists(value)
    if not isinstance(texts, list) or not 2 <= len(texts) <= MOST_CHOICES:
        raise ChoiceError(f"is no list of 2 to {MOST_CHOICES} texts")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ChoiceError("holds a choice that is no text, or an empty one")
    if labels and len(labels) != len(texts):
        raise ChoiceError("has not as many labels as texts")
    return Choices(tuple(map(str, texts)), tuple(map(str, labels)))


def _lists(value: Json) -> tuple[Json, Sequence[Json]]:
    """Return the texts and the labels that a value holds, whichever shape it has."""
    if not isinstance(value, Mapping):
        return value, ()
    texts, labels = value.get("text"), value.get("label")
    if isinstance(texts, list) and isinstance(labels, list):
        return texts, labels
    return list(value.values()), list(value)


def read_gold(value: Json, choices: Choices) -> int:
    """Return the place of the right choice, from 0.

    Raises
    ------
    ChoiceError
        If `value` names none of the choices.
    """
    count = len(choices.texts)
    if isinstance(value, str):
        return _named(value.strip(), choices)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise ChoiceError(
            f"names none of the {count} choices: give its place from 0 to {count - 1}"
        )
    return value


def _named(text: str, choices: Choices) -> int:
    places = [
        *(k for k, label in enumerate(choices.labels) if label == text),
        *(k for k, choice in enumerate(choices.texts) if choice.strip() == text),
    ]
    if places:
        return places[0]
    place = _LETTERS.find(text.upper()) if len(text) == 1 and text.isalpha() else -1
    if text.isdecimal() and text.isascii():
        place = int(text[:4])
    if not 0 <= place < len(choices.texts):
        raise ChoiceError(
            f"names none of the {len(choices.texts)} choices: give its place from 0, its letter or "
            "its text"
        )
    return place
