"""The first run of a fresh installation: queued by itself, through the HTTP API like any other."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from linearity.contracts.inputs import DEMO_DATASET, DEMO_MODEL

POLL_SECONDS = 1.0
REQUEST_SECONDS = 10.0
_OVER = ("finished", "failed", "cancelled")


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
        return self._send(urllib.request.Request(self._address + path, headers=self._headers))

    def post(self, path: str, body: dict[str, object]) -> Any:
        """Send `body` and return the JSON answer."""
        return self._send(
            urllib.request.Request(
                self._address + path,
                data=json.dumps(body).encode(),
                headers=self._headers | {"Content-Type": "application/json"},
                method="POST",
            )
        )

    def is_alive(self) -> bool:
        """Whether the server answers at all."""
        request = urllib.request.Request(self._address + "/livez", headers=self._headers)
        try:
            with self._opener.open(request, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def _send(self, request: urllib.request.Request) -> Any:
        try:
            with self._opener.open(request, timeout=REQUEST_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ApiRefusedError(error.code, _detail(error)) from error


class ApiRefusedError(Exception):
    """The server answered with a problem."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


def run_demo(
    client: ApiClient, link: str, *, say: Callable[[str], None], stop: threading.Event
) -> None:
    """Queue the demo run as soon as its inputs are ready, and say how it ended."""
    try:
        if not _wait_for_inputs(client, say, stop):
            return
        body: dict[str, object] = {
            "kind": "linearity",
            "model": DEMO_MODEL,
            "dataset": DEMO_DATASET,
            "params": {},
        }
        run = _patiently(lambda: client.post("/api/v1/runs", body), stop)
        if run is None:
            return
        address = f"{link}/runs/{run['id']}"
        say(f"demo queued: {address}")
        _wait_for_end(client, run["id"], address, say, stop)
    except ApiRefusedError as error:
        say(f"demo not possible: {error}")


def _wait_for_inputs(client: ApiClient, say: Callable[[str], None], stop: threading.Event) -> bool:
    for path in (f"/api/v1/models/{DEMO_MODEL}", f"/api/v1/datasets/{DEMO_DATASET}"):
        row = _settled(client, path, stop)
        if row is None:
            return False
        if row["state"] == "rejected":
            say(f"demo not possible: {(row['problem'] or {}).get('message', 'rejected')}")
            return False
    return True


def _settled(client: ApiClient, path: str, stop: threading.Event) -> Any:
    while not stop.is_set():
        row = _patiently(lambda: _look_up(client, path), stop)
        if row is not None and row["state"] in ("ready", "rejected"):
            return row
        stop.wait(POLL_SECONDS)
    return None


def _look_up(client: ApiClient, path: str) -> Any:
    try:
        return client.get(path)
    except ApiRefusedError as error:
        if error.status == 404:
            return None  # the web process registers the built-ins just after it has started
        raise


def _wait_for_end(
    client: ApiClient, id: str, address: str, say: Callable[[str], None], stop: threading.Event
) -> None:
    while not stop.wait(POLL_SECONDS):
        run = _patiently(lambda: client.get(f"/api/v1/runs/{id}"), stop)
        if run is None or run["status"] not in _OVER:
            continue
        reason = (run.get("error") or {}).get("message")
        say(f"demo {run['status']}: {address}" + (f" ({reason})" if reason else ""))
        return


def _patiently(call: Callable[[], Any], stop: threading.Event) -> Any:
    """Return what `call` answers, however often the server has to be asked; None at the end."""
    while not stop.is_set():
        try:
            return call()
        except ApiRefusedError as error:
            if error.status < 500:
                raise
        except (OSError, http.client.HTTPException, ValueError):
            pass  # not up yet, or just starting again
        stop.wait(POLL_SECONDS)
    return None


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.load(error)
    except (OSError, ValueError):
        return error.reason
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return str(detail or error.reason)
