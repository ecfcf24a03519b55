"""What only a hand-made request can say; the server behind is a real uvicorn."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from tests.backend.serving import WAIT_SECONDS, serving

pytestmark = pytest.mark.system

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /api/v1/runs HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
PROBLEMS = {
    "2 no Host, old protocol": (b"GET /livez HTTP/1.0\r\n\r\n", b"host_not_allowed"),
    "24 too long, in pieces": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + 5 * CHUNK + b"0\r\n\r\n",
        b"too_large",
    ),
}
NONSENSE = {
    "2 no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "2 two Hosts": b"GET /livez HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n",
    "11 negative length": POST + b"Content-Length: -1\r\n\r\n{}",
    "11 length and chunks": POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "11 chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.mark.parametrize(("request_", "code"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_hand_made_request_gets_its_problem(server: str, request_: bytes, code: bytes) -> None:
    answer = exchange(server, request_)

    assert b"application/problem+json" in answer
    assert b'"code":"' + code + b'"' in answer


@pytest.mark.parametrize("request_", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_and_the_server_goes_on(server: str, request_: bytes) -> None:
    answer = exchange(server, request_)
    after = exchange(server, b"GET /livez HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")

    status = answer.partition(b"\r\n")[0]
    assert status.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert after.startswith(b"HTTP/1.1 200")


def exchange(server: str, request: bytes) -> bytes:
    """Send bytes and return the first answer, as far as it comes in one second of silence."""
    parts = urlsplit(server)
    assert parts.hostname
    assert parts.port
    with socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS) as connection:
        connection.sendall(request)
        connection.settimeout(1.0)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except TimeoutError:
            pass
        return answer
