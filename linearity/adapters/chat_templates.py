"""Chat templates of models, rendered in a limited child: texts go in, texts come out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from linearity.adapters.limited import Limits, call_limited
from linearity.contracts.canonical import Json
from linearity.contracts.scripts import Script, Stretch
from linearity.errors import RejectedInputError
from linearity.models.loaded import Conversation

LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=30, wall_seconds=60.0, file_bytes=1 << 20)
MOST_CONVERSATIONS, MOST_CHARACTERS = 4096, 4 << 20
"""Of one batch; one long conversation is a batch of its own."""
BROKEN = ("over_limit", "reader_broke")


class SandboxedTemplate:
    """A chat template that is never rendered in this process.

    Parameters
    ----------
    name : str
        Of the model, for messages.
    template : str
    special : mapping
        What the template may call by name: ``bos_token``, ``eos_token`` and so on.
    """

    def __init__(self, name: str, template: str, special: Mapping[str, Any]) -> None:
        self._name, self._template, self._special = name, template, dict(special)

    def asked(self, conversations: Sequence[Conversation]) -> list[str | None]:
        """Return what the model reads before it answers each conversation."""
        rendered = self._rendered(conversations, asks=True)
        return [None if text is None else str(text) for text in rendered]

    def scripts(self, conversations: Sequence[Conversation]) -> list[Script | None]:
        """Return each conversation as the model reads it, with the answers scored."""
        rendered = self._rendered(conversations, asks=False)
        return [None if value is None else _script(value) for value in rendered]

    def _rendered(self, conversations: Sequence[Conversation], *, asks: bool) -> list[Json]:
        return [
            value for batch in _batches(conversations) for value in self._render(batch, asks=asks)
        ]

    def _render(self, batch: list[list[Json]], *, asks: bool) -> list[Json]:
        argument: Json = {
            "template": self._template,
            "special": self._special,
            "conversations": batch,
            "asks": asks,
        }
        target = "linearity.adapters.template_rendering:render_here"
        try:
            values = call_limited(target, argument, limits=LIMITS)
        except RejectedInputError as error:
            raise self._refused(error) from error
        assert isinstance(values, list)
        return values

    def _refused(self, error: RejectedInputError) -> RejectedInputError:
        if error.data.get("reason") not in BROKEN:
            return error
        limited, limit = error.data.get("limited"), error.data.get("limit")
        words = {
            "memory_bytes": f"needs more than {LIMITS.memory_bytes >> 30} GiB of memory",
            "cpu_seconds": f"needs more than {LIMITS.cpu_seconds} s of processor time",
            "wall_seconds": f"needs more than {LIMITS.wall_seconds:g} s",
        }.get(str(limited), "cannot be rendered")
        return RejectedInputError(
            f"the chat template of {self._name} {words}",
            reason="bad_template",
            next_step="Use template=none.",
            **({} if limited is None else {"limited": limited, "limit": limit}),
        )


def _batches(conversations: Sequence[Conversation]) -> Iterator[list[list[Json]]]:
    batch: list[list[Json]] = []
    characters = 0
    for conversation in conversations:
        turns: list[Json] = [[message.role, message.content] for message in conversation]
        length = sum(len(message.content) for message in conversation)
        if batch and (len(batch) == MOST_CONVERSATIONS or characters + length > MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(turns)
        characters += length
    if batch:
        yield batch


def _script(value: Json) -> Script:
    assert isinstance(value, list)
    return Script(tuple(Stretch(text, scored) for text, scored in value), rendered=True)
