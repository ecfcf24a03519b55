"""Events as servers send them: cut anywhere, of completions and of chats."""

import json

import pytest

from linearity.adapters.serving.server import Manner
from linearity.adapters.serving.stream import LONGEST_LINE, AnswerStream, StreamError
from linearity.contracts.exchanges import Ask
from linearity.contracts.inputs import Message
from tests.scripted_server import event


def chat(delta: dict[str, object], reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return event({"model": "m", "choices": [choice]})


WHOLE = (
    ": a comment\n\n"
    + chat({"role": "assistant", "content": ""})
    + chat({"reasoning_content": "Well"})
    + "event: message\nid: 7\n"
    + chat({"content": " 日本"})
    + chat({"content": None}, "stop")
    + event({"model": "m", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
    + event("[DONE]")
).encode()


@pytest.mark.parametrize("size", [1, 7, 64, len(WHOLE)])
def test_an_answer_is_the_same_however_it_is_cut(size: int) -> None:
    stream = AnswerStream("m")

    pieces = [stream.feed(WHOLE[at : at + size]) for at in range(0, len(WHOLE), size)]

    assert (sum(pieces), "".join(stream.text)) == (2, "Well 日本")
    assert (stream.prompt_tokens, stream.output_tokens, stream.named) == (5, 2, "m")
    assert (stream.finished, stream.is_over) == (True, True)


def test_lines_may_end_as_the_standard_allows() -> None:
    stream = AnswerStream(None)

    assert stream.feed(WHOLE.replace(b"\n", b"\r\n")) == 2


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        ("<html>\n", "not_openai"),
        ("data: {\n", "not_openai"),
        ("data: [1]\n", "not_openai"),
        ('data: {"detail": "Not Found"}\n', "not_openai"),
        ('data: {"choices": {}}\n', "not_openai"),
        ('data: {"choices": [3]}\n', "not_openai"),
        ("data: " + "[" * 100_000 + "\n", "not_openai"),
        ("x" * (LONGEST_LINE + 1), "not_openai"),
        ('data: {"error": {"message": "a prompt"}}\n', "server_error"),
        ('data: {"model": "other", "choices": []}\n', "other_model"),
    ],
)
def test_what_is_no_answer_has_a_name_and_nothing_else(data: str, failure: str) -> None:
    with pytest.raises(StreamError) as refused:
        AnswerStream("m").feed(data.encode())
    assert (refused.value.failure, str(refused.value)) == (failure, failure)


@pytest.mark.parametrize("count", [-1, 1.5, True, "7", None, 1 << 60])
def test_counts_that_are_none_are_passed_over(count: object) -> None:
    stream = AnswerStream(None)

    stream.feed(event({"choices": [], "usage": {"completion_tokens": count}}).encode())

    assert stream.output_tokens is None


def test_a_chat_is_asked_as_a_chat() -> None:
    said = (Message("system", "Be short."), Message("user", "Why?"))

    body = json.loads(Manner("chat", "m").body(Ask("Be short.\nWhy?", said, 9)))

    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Why?"},
        ],
        "max_tokens": 9,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "ignore_eos": True,
    }
