"""A real uvicorn around the application, for what a test client cannot show: streams."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from fastapi import FastAPI

WAIT_SECONDS = 20.0


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve `app` on a free port of the loopback, in a thread; yield its address."""
    # Only with the protocol named does the event loop switch off Nagle's delay.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(WAIT_SECONDS)


@dataclass
class Heard:
    """One event as a browser would see it."""

    event: str = "message"
    data: str = ""
    id: str | None = None


@dataclass
class Stream:
    """An open event stream, read piece by piece."""

    lines: Iterator[str]
    status: int
    comments: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    def next(self) -> Heard:
        """Return the next event; comments and `retry` are noted on the way."""
        heard = Heard()
        for line in self.lines:
            name, _, value = line.partition(": ")
            if not line and heard.data:
                return heard
            if line.startswith(":"):
                self.comments.append(value or line)
            elif name in ("event", "data", "id"):
                setattr(heard, name, value)
            elif name:
                self.fields[name] = value
        raise EOFError("the stream ended")

    def until(self, event: str, contains: str = "") -> Heard:
        """Return the next event of that name whose data contains a text."""
        while True:
            heard = self.next()
            if heard.event == event and contains in heard.data:
                return heard


@contextmanager
def listening(address: str, runs: str, last_event_id: str | None = None) -> Iterator[Stream]:
    """Open an event stream as a browser would."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with (
        httpx.Client(timeout=WAIT_SECONDS) as client,
        client.stream(
            "GET", f"{address}/api/v1/events", params={"runs": runs}, headers=headers
        ) as answer,
    ):
        yield Stream(answer.iter_lines(), answer.status_code)
