"""The stream of server-sent events that an OpenAI-compatible server answers with."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_LINE = 1 << 20
DONE = b"[DONE]"
NO_STREAM = "not_openai"


class StreamError(Exception):
    """A stream that is no whole answer.

    Parameters
    ----------
    failure : str
        ``not_openai``, ``other_model``, or ``server_error`` where the server itself says so.
    """

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


class AnswerStream:
    """Reads the events of one answer as they come.

    Parameters
    ----------
    model : str or None
        Whose answer it has to be; None takes any.

    Attributes
    ----------
    named : str
        Whose answer it says it is.
    text : list of str
        The answer, piece by piece.
    prompt_tokens, output_tokens : int or None
        As the server counted them.
    finished : bool
        Whether the server said that the answer is whole.
    """

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._rest = b""
        self.named = ""
        self.text: list[str] = []
        self.prompt_tokens: int | None = None
        self.output_tokens: int | None = None
        self.finished = False
        self.is_over = False

    def feed(self, data: bytes) -> int:
        """Take in some bytes; return how many pieces of text came with them.

        Raises
        ------
        StreamError
        """
        return sum(self._event(line) for line in self._lines(data))

    def _lines(self, data: bytes) -> Iterator[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise StreamError(NO_STREAM)
        for line in lines:
            yield line.rstrip(b"\r")

    def _event(self, line: bytes) -> int:
        if not line.startswith(b"data:"):
            return self._beside(line)
        data = line[len(b"data:") :].strip()
        if data == DONE:
            self.finished = self.is_over = True
            return 0
        value = _object(data)
        if value.get("error") is not None:
            raise StreamError("server_error")
        if not value.keys() & {"choices", "usage"}:
            raise StreamError(NO_STREAM)
        self._name(value.get("model"))
        self._count(value.get("usage"))
        return self._choice(value.get("choices", []))

    def _beside(self, line: bytes) -> int:
        """Pass over empty lines, comments and the other fields of an event."""
        field = line.partition(b":")[0]
        if line and field not in (b"", b"event", b"id", b"retry"):
            raise StreamError(NO_STREAM)
        return 0

    def _name(self, named: object) -> None:
        if isinstance(named, str) and named:
            self.named = named
            if self._model is not None and named != self._model:
                raise StreamError("other_model")

    def _count(self, usage: object) -> None:
        if isinstance(usage, Mapping):
            self.prompt_tokens = _count_of(usage, "prompt_tokens", self.prompt_tokens)
            self.output_tokens = _count_of(usage, "completion_tokens", self.output_tokens)

    def _choice(self, choices: object) -> int:
        if not isinstance(choices, list):
            raise StreamError(NO_STREAM)
        if not choices:  # the event that only counts
            return 0
        choice = choices[0]
        if not isinstance(choice, Mapping):
            raise StreamError(NO_STREAM)
        self.finished = self.finished or choice.get("finish_reason") is not None
        text = _text_of(choice)
        if text:
            self.text.append(text)
        return int(bool(text))


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StreamError(NO_STREAM) from error
    if not isinstance(value, dict):
        raise StreamError(NO_STREAM)
    return value


def _count_of(usage: Mapping[str, Any], name: str, known: int | None) -> int | None:
    value = usage.get(name)
    return value if type(value) is int and 0 <= value < 1 << 40 else known


def _text_of(choice: Mapping[str, Any]) -> str:
    """Return the text of a piece: of a completion, or of a chat with its reasoning."""
    delta = choice.get("delta")
    said = [choice.get("text")]
    if isinstance(delta, Mapping):
        said += [delta.get(name) for name in ("reasoning_content", "reasoning", "content")]
    return "".join(part for part in said if isinstance(part, str))
