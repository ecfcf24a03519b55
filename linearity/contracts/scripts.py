"""What a model reads of one record, and which of it is scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from linearity.contracts.inputs import Document, Message

SCORES = ("answer", "all")
ASSISTANT = "assistant"


@dataclass(frozen=True)
class Stretch:
    """A part of a text that is tokenised by itself, so that its ends are ends of tokens.

    Parameters
    ----------
    text : str
    scored : bool
        Whether its tokens are scored; the others are only context.
    """

    text: str
    scored: bool


@dataclass(frozen=True)
class Script:
    """What a model reads of one record.

    Parameters
    ----------
    stretches : tuple of Stretch
        One after the other.
    rendered : bool
        Whether the model's chat template stands around them.
    """

    stretches: tuple[Stretch, ...]
    rendered: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(stretch.text for stretch in self.stretches)

    @property
    def has_context(self) -> bool:
        """Whether anything of it is not scored."""
        return not all(stretch.scored for stretch in self.stretches)

    @classmethod
    def whole(cls, text: str) -> Self:
        """Return the script of a text that is scored from its beginning to its end."""
        return cls((Stretch(text, True),))

    @classmethod
    def plain(cls, document: Document) -> Self:
        """Return a record as it is read without a template; together it is the record's text.

        Of a prompt and its answer the answer is scored, of a conversation what the assistant
        says, and everything of a record without an answer. The space before an answer belongs to
        its first token, as in any running text.
        """
        if not has_answer(document):
            return cls.whole(document.text)
        if document.messages is None:
            assert document.response is not None
            asked = document.text[: len(document.text) - len(document.response)]
            return cls((Stretch(asked, False), Stretch(document.response, True)))
        stretches: list[Stretch] = []
        for index, message in enumerate(document.messages):
            stretches.append(Stretch(("\n" if index else "") + f"{message.role}:", False))
            stretches.append(Stretch(f" {message.content}", is_answer(message)))
        return cls(joined(stretches))

    def scored_whole(self) -> Self:
        """Return the same text in one piece with all of it scored."""
        return type(self)((Stretch(self.text, True),), self.rendered)

    def cut(self, parts: int) -> list[Self]:
        """Return contiguous parts of about equal length, at most `parts` of them."""
        size = -(-len(self.text) // parts) or 1
        return [self._between(at, at + size) for at in range(0, len(self.text), size)]

    def _between(self, start: int, stop: int) -> Self:
        found, at = [], 0
        for stretch in self.stretches:
            text = stretch.text[max(start - at, 0) : max(stop - at, 0)]
            if text:
                found.append(Stretch(text, stretch.scored))
            at += len(stretch.text)
        return type(self)(tuple(found), self.rendered)


def joined(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return stretches with empty ones left out and neighbours of one kind put together."""
    found: list[Stretch] = []
    for stretch in stretches:
        if found and found[-1].scored == stretch.scored:
            found[-1] = Stretch(found[-1].text + stretch.text, stretch.scored)
        elif stretch.text:
            found.append(stretch)
    return tuple(found)


def has_answer(document: Document) -> bool:
    """Return whether a record holds an answer, so that only this is scored."""
    if document.messages is not None:
        return any(map(is_answer, document.messages))
    return document.prompt is not None and bool(document.response and document.response.strip())


def is_answer(message: Message) -> bool:
    """Return whether a message is something that the assistant says."""
    return message.role == ASSISTANT and bool(message.content.strip())


def conversation_of(document: Document) -> tuple[Message, ...]:
    """Return a prompt and its answer, or a conversation, as the messages of a chat."""
    if document.messages is not None:
        return document.messages
    asked = (Message("user", document.prompt),) if document.prompt is not None else ()
    said = (Message(ASSISTANT, document.response),) if document.response is not None else ()
    return (*asked, *said)


def question_of(document: Document) -> tuple[Message, ...]:
    """Return the messages up to the user's last one: what an answer is asked for."""
    messages = conversation_of(document)
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
    return messages[: last + 1]
