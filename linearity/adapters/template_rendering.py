"""Rendering a chat template: what the limited child runs. Never call this in another process.

The sandbox of the library (jinja2's ``ImmutableSandboxedEnvironment``) keeps a template from
reaching Python; the limits of the child keep it from taking all time and memory.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from linearity.contracts.canonical import Json
from linearity.contracts.inputs import Message
from linearity.contracts.scripts import Stretch, is_answer, joined
from linearity.errors import RejectedInputError

SPARE_CHARACTERS = 1 << 16
"""So much longer than twice what was said may a rendered conversation be."""

Render = Callable[..., str]


class _OneDay(datetime):
    """What templates that ask for today's date are told: the same question, the same numbers."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_OneDay":
        return cls(2024, 7, 26, tzinfo=tz)


class _RefusedError(Exception):
    """A conversation that this template does not take."""


def render_here(argument: Json, _: Callable[[str], None]) -> Json:
    """Render some conversations; None for one that the template does not take.

    Parameters
    ----------
    argument : {"template", "special", "conversations", "asks"}
        Conversations are lists of [role, content]. With ``asks`` each becomes the text up to where
        the answer begins, else a list of [text, whether it is an answer].

    Raises
    ------
    RejectedInputError
        If the template cannot be compiled.
    """
    assert isinstance(argument, dict)
    render = _compiled(str(argument["template"]), argument["special"])
    conversations = [
        [Message(role, content) for role, content in turns] for turns in argument["conversations"]
    ]
    one = _asked if argument["asks"] else _script
    return [_tried(partial(one, render, messages)) for messages in conversations]


def _compiled(template: str, special: Mapping[str, Any]) -> Render:
    from jinja2 import TemplateSyntaxError
    from transformers.utils import chat_template_utils

    vars(chat_template_utils)["datetime"] = _OneDay

    def render(messages: Sequence[Message], *, asks: bool = False) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        rendered, _ = chat_template_utils.render_jinja_template(
            [turns], chat_template=template, add_generation_prompt=asks, **special
        )
        text = str(rendered[0])
        said = sum(len(message.content) for message in messages)
        if len(text) > 2 * said + SPARE_CHARACTERS:
            raise _RefusedError
        text.encode()  # half a character could not be tokenised
        return text

    try:
        render([])
    except TemplateSyntaxError as error:
        raise RejectedInputError(
            f"the chat template cannot be read ({str(error.message)[:80]}, line {error.lineno})",
            reason="bad_template",
            next_step="Use template=none.",
        ) from error
    except Exception:  # noqa: BLE001  # most templates do not take an empty conversation
        pass
    return render


def _tried(one: Callable[[], Json]) -> Json:
    try:
        return one()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # a template raises whatever it likes
        return None


def _asked(render: Render, messages: Sequence[Message]) -> Json:
    text = render(messages, asks=True)
    # What leaves out the question does not ask it.
    if messages and messages[-1].content.strip() not in text:
        raise _RefusedError
    return text


def _script(render: Render, messages: Sequence[Message]) -> Json:
    """Return a rendered conversation in stretches: what the assistant says, and the rest.

    An answer is looked for behind the text that the model reads before it writes it, so that the
    same words said by somebody else are not taken for it. Templates may trim what is said.
    """
    text = render(messages)
    stretches: list[Stretch] = []
    end = 0
    for index, message in enumerate(messages):
        if not is_answer(message):
            continue
        said = message.content.strip()
        before = _shared(text, render(messages[:index], asks=True))
        start = text.find(said, max(before, end))
        if start < 0:
            raise _RefusedError
        stretches += [Stretch(text[end:start], False), Stretch(said, True)]
        end = start + len(said)
    stretches.append(Stretch(text[end:], False))
    return [[stretch.text, stretch.scored] for stretch in joined(stretches)]


def _shared(text: str, beginning: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    if text.startswith(beginning):
        return len(beginning)
    return next(k for k, (a, b) in enumerate(zip(text + "\0", beginning, strict=False)) if a != b)
