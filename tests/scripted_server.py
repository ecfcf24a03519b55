"""A server that speaks the protocol of OpenAI as a script says, faults included; real sockets."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "scripted"


@dataclass
class Script:
    """What a server does.

    Parameters
    ----------
    answer : callable
        Writes the answer to one request: handler, body of the request.
    models : list of str, or None
        What it serves; None cannot tell.
    key : str
        The key it wants, empty for none.
    asked : list
        Bodies of the requests so far.
    headers : list
        Their headers.
    """

    answer: Callable[["Handler", dict[str, Any]], None]
    models: list[str] | None = field(default_factory=lambda: [MODEL])
    key: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # the name that the library calls
        if self._is_refused():
            return
        if self.path == "/v1/models" and self.script.models is None:
            self.reply(500, "Internal Server Error", "text/plain")
        elif self.path == "/v1/models":
            self.reply(
                200, {"data": [{"id": name, "owned_by": "us"} for name in self.script.models or []]}
            )
        else:
            self.reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.script.asked.append(body)
        self.script.headers.append(dict(self.headers))
        if not self._is_refused():
            self.script.answer(self, body)

    def _is_refused(self) -> bool:
        wanted = self.script.key
        if wanted and self.headers.get("Authorization") != f"Bearer {wanted}":
            self.reply(401, {"error": {"message": "who are you?"}})
            return True
        return False

    def reply(self, status: int, value: Any, kind: str = "application/json") -> None:
        """Answer at once."""
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        """Begin a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send(self, text: str) -> None:
        """Send one chunk of a stream."""
        data = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """End a stream as the protocol wants."""
        self.wfile.write(b"0\r\n\r\n")

    def token(self, text: str = "a", model: str = MODEL, reason: str | None = None) -> None:
        """Send one token."""
        choice = {"index": 0, "text": text, "finish_reason": reason}
        self.send(event({"model": model, "choices": [choice]}))


def event(value: Any) -> str:
    """Return one event as it is sent."""
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def good(handler: Handler, body: dict[str, Any]) -> None:
    """Answer as asked, and count."""
    handler.begin()
    for _ in range(body["max_tokens"]):
        handler.token()
    handler.token("", reason="length")
    usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": body["max_tokens"]}
    handler.send(event({"model": MODEL, "choices": [], "usage": usage}))
    handler.send(event("[DONE]"))
    handler.end()


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """A server of one's own; yields its address."""

    class Bound(Handler):
        pass

    Bound.script = script
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        script.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
