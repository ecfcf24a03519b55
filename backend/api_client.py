"""What programs of our own say to a running server: JSON, and the pieces of uploads."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUEST_SECONDS = 10.0
PIECE_SECONDS = 600.0
"""The answer to the last piece of a large file comes when the whole file was digested."""

TUS = {"Tus-Resumable": "1.0.0"}


class ApiClient:
    """JSON requests to our own server; never through a proxy."""

    def __init__(self, address: str, token: str | None) -> None:
        self._address = address
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        """Return the JSON at `path`."""
        return self._json("GET", path)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Send `body` and return the JSON answer."""
        headers = {"Content-Type": "application/json"}
        return self._json("POST", path, json.dumps(body).encode(), headers)

    def delete(self, path: str) -> None:
        """Delete what is at `path`."""
        self._send("DELETE", path, None, {}, REQUEST_SECONDS)

    def offset(self, path: str) -> int:
        """Return how many bytes of an upload the server has."""
        answer = self._send("HEAD", path, None, TUS, REQUEST_SECONDS)
        return int(answer.headers["Upload-Offset"])

    def send_piece(self, path: str, offset: int, piece: bytes, checksum: str) -> int:
        """Append to an upload and return how many bytes the server has then."""
        headers = TUS | {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Upload-Checksum": checksum,
        }
        answer = self._send("PATCH", path, piece, headers, PIECE_SECONDS)
        return int(answer.headers["Upload-Offset"])

    def is_alive(self) -> bool:
        """Whether the server answers at all."""
        request = urllib.request.Request(self._address + "/livez", headers=self._headers)
        try:
            with self._opener.open(request, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def _json(
        self, method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Any:
        return json.loads(self._send(method, path, data, headers, REQUEST_SECONDS).body)

    def _send(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> "_Answer":
        request = urllib.request.Request(
            self._address + path, data=data, headers=self._headers | dict(headers), method=method
        )
        try:
            with self._opener.open(request, timeout=seconds) as answer:
                return _Answer(answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            raise _refused(error) from error


class ApiRefusedError(Exception):
    """The server answered with a problem."""

    def __init__(self, status: int, detail: str, *, code: str = "", next_step: str = "") -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.code = code
        self.next_step = next_step


@dataclass(frozen=True)
class _Answer:
    headers: Mapping[str, str]
    body: bytes


def _refused(error: urllib.error.HTTPError) -> ApiRefusedError:
    try:
        problem = json.load(error)
    except (OSError, ValueError):
        problem = None
    told = problem if isinstance(problem, dict) else {}
    return ApiRefusedError(
        error.code,
        str(told.get("detail") or error.reason),
        code=str(told.get("code", "")),
        next_step=str(told.get("next_step", "")),
    )
