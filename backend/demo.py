"""The first run of a fresh installation: queued by itself, through the HTTP API like any other."""

import http.client
import threading
from collections.abc import Callable
from typing import Any

from backend.api_client import ApiClient, ApiRefusedError
from linearity.contracts.inputs import DEMO_DATASET, DEMO_MODEL

POLL_SECONDS = 1.0
_OVER = ("finished", "failed", "cancelled")


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
