"""Bursts against real sockets: what is counted, and that nothing can hang."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from linearity.adapters.serving.address import Address
from linearity.adapters.serving.server import Manner, RunningServer
from linearity.contracts.exchanges import Ask, Burst
from linearity.errors import RunCancelledError
from tests.scripted_server import MODEL, Handler, Script, event, good, scripted

MANNER = Manner("completions", MODEL, answers_as=MODEL)
SOON = 20.0
"""Far more than any of these takes, far less than what hangs."""


def burst(
    answer: Callable[[Handler, dict[str, Any]], None],
    *,
    requests: int = 4,
    concurrency: int = 2,
    seconds: float = 10.0,
    check: Callable[[int], None] = lambda done: None,
) -> Burst:
    script = Script(answer)
    with scripted(script) as url:
        server = RunningServer(Address.of("dense", url, {}), MANNER, seconds)
        try:
            return server.burst([Ask("abc", (), 3)] * requests, concurrency, check)
        finally:
            script.stop.set()
            server.close()


def failures(found: Burst) -> set[str]:
    return {exchange.failure for exchange in found.exchanges}


def test_a_whole_answer_is_timed_and_counted_by_the_server() -> None:
    def slow(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(0.05)
        good(handler, body)

    found = burst(slow)

    assert failures(found) == {""}
    assert [(e.prompt_tokens, e.output_tokens) for e in found.exchanges] == [(3, 3)] * 4
    for exchange in found.exchanges:
        assert len(exchange.pieces) == 3
        assert 0.05 <= exchange.first_token <= exchange.whole <= found.seconds
    assert found.broken == ""


def test_a_connection_is_kept_for_the_next_request() -> None:
    ports = set()

    def note(handler: Handler, body: dict[str, Any]) -> None:
        ports.add(handler.client_address[1])
        good(handler, body)

    burst(note, requests=6, concurrency=2)

    assert len(ports) == 2


def test_a_server_that_ends_kept_connections_is_asked_again() -> None:
    def once(handler: Handler, body: dict[str, Any]) -> None:
        good(handler, body)
        handler.close_connection = True

    assert failures(burst(once, requests=6, concurrency=1)) == {""}


def test_what_the_server_does_not_count_is_kept_as_text() -> None:
    def silent(handler: Handler, body: dict[str, Any]) -> None:
        handler.begin()
        handler.token("one")
        handler.token(" two", reason="stop")
        handler.send(event("[DONE]"))
        handler.end()

    (exchange, *_) = burst(silent).exchanges
    assert (exchange.output_tokens, exchange.text) == (None, "one two")


def never(handler: Handler, body: dict[str, Any]) -> None:
    handler.script.stop.wait(60)


def stalls(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.token()
    handler.script.stop.wait(60)


def drips(handler: Handler, body: dict[str, Any]) -> None:
    """Send a header byte by byte, so that no single read is ever late."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.script.stop.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def stays_open(handler: Handler, body: dict[str, Any]) -> None:
    """Say that the answer is whole, and never end the stream."""
    handler.begin()
    handler.token(reason="stop")
    handler.send(event("[DONE]"))
    handler.script.stop.wait(60)


@pytest.mark.parametrize("answer", [never, stalls, drips])
def test_a_server_that_stops_answering_fails_in_time(
    answer: Callable[[Handler, dict[str, Any]], None],
) -> None:
    started = time.monotonic()

    found = burst(answer, requests=50, concurrency=2, seconds=0.5)

    assert failures(found) == {"timeout"}
    assert found.broken == "timeout"
    assert len(found.exchanges) < 50
    assert time.monotonic() - started < SOON


def test_an_answer_is_whole_when_the_server_says_so() -> None:
    found = burst(stays_open, requests=2, concurrency=2)

    assert failures(found) == {""}
    assert found.seconds < SOON


def status(code: int) -> Callable[[Handler, dict[str, Any]], None]:
    return lambda handler, body: handler.reply(code, {"error": {"message": body["prompt"]}})


def page(handler: Handler, body: dict[str, Any]) -> None:
    handler.reply(200, "<html>\n<p>hello</p>\n</html>", "text/html")


def unstreamed(handler: Handler, body: dict[str, Any]) -> None:
    handler.reply(200, {"choices": [{"text": "all at once"}]})


def other(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.token(model="another")
    handler.end()


def cut(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.token()
    handler.wfile.flush()
    handler.connection.close()
    handler.close_connection = True


def ends_early(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.token()
    handler.end()


def says_so(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.send(event({"error": {"message": "out of memory"}}))
    handler.end()


def wordless(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.token("", reason="stop")
    handler.send(event("[DONE]"))
    handler.end()


def endless_line(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    for _ in range(3):
        handler.send("x" * (1 << 19))
    handler.end()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (status(429), "status_429"),
        (status(500), "status_500"),
        (status(404), "status_404"),
        (page, "not_openai"),
        (unstreamed, "not_openai"),
        (endless_line, "not_openai"),
        (other, "other_model"),
        (cut, "disconnected"),
        (ends_early, "disconnected"),
        (says_so, "server_error"),
        (wordless, "empty"),
    ],
)
def test_every_fault_has_its_name(
    answer: Callable[[Handler, dict[str, Any]], None], failure: str
) -> None:
    found = burst(answer, requests=2, concurrency=2)

    assert failures(found) == {failure}
    assert all(exchange.text == "" for exchange in found.exchanges)


def test_a_server_at_its_limit_answers_the_rest() -> None:
    turns = iter([429, 200, 200, 429, 200, 200])

    def limited(handler: Handler, body: dict[str, Any]) -> None:
        if next(turns) == 429:
            handler.reply(429, {})
        else:
            good(handler, body)

    found = burst(limited, requests=6, concurrency=1)

    assert [exchange.failure for exchange in found.exchanges].count("status_429") == 2
    assert found.broken == ""


def test_a_server_that_is_gone_is_given_up() -> None:
    with scripted(Script(good)) as url:
        address = Address.of("dense", url, {})
    server = RunningServer(address, MANNER, 5.0)

    found = server.burst([Ask("abc", (), 3)] * 1000, 1, lambda done: None)

    assert (found.broken, len(found.exchanges)) == ("unreachable", 3)


def test_cancelling_ends_what_waits() -> None:
    started = time.monotonic()

    def cancelled(done: int) -> None:
        if time.monotonic() - started > 0.3:
            raise RunCancelledError("stop")

    with pytest.raises(RunCancelledError):
        burst(never, seconds=60.0, check=cancelled)
    assert time.monotonic() - started < SOON
