"""Links of a real installation: their tokens are nowhere on the disk, and Redis may be emptied."""

import json
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import redis

from backend.embedded import socket_path
from linearity.adapters.settings import unix_url
from tests.system.test_up import running_up, wait_for_address

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_tokens_of_links_are_in_no_file_and_redis_decides_nothing(tmp_path: Path) -> None:
    with running_up(tmp_path) as (process, output):
        address = wait_for_address(output)
        run = ask(address, "GET", "/api/v1/runs")["items"][0]["id"]
        kept, ended = (ask(address, "POST", "/api/v1/shares", {"run": run}) for _ in range(2))
        paths = [made["url"].removeprefix(address) for made in (kept, ended)]
        for path in paths:
            assert status(address, "GET", path) == 200
            assert status(address, "POST", path) == 405
            assert status(address, "GET", f"{path}/data/runs/{run}") == 200
            assert status(address, "GET", f"{path}/data/runs/{run}/result") == 404
            assert status(address, "GET", f"{path}x") == status(address, "GET", f"{path}/x") == 404
        assert status(address, "DELETE", f"/api/v1/shares/{ended['id']}") == 204

        with redis.Redis.from_url(unix_url(socket_path(tmp_path / "valkey"))) as client:
            client.flushall()

        assert [status(address, "GET", path) for path in paths] == [200, 410]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    tokens = [path.removeprefix("/s/").encode() for path in paths]
    assert {"api.log", "state.db", "output.txt"} <= {path.name for path in files}
    assert [path for path in files if any(token in path.read_bytes() for token in tokens)] == []


def ask(address: str, method: str, path: str, body: object = None) -> Any:
    with urllib.request.urlopen(request(address, method, path, body), timeout=20) as answer:
        return json.load(answer)


def status(address: str, method: str, path: str) -> int:
    try:
        with urllib.request.urlopen(request(address, method, path), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def request(address: str, method: str, path: str, body: object = None) -> urllib.request.Request:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Sec-Fetch-Dest": "document"}
    return urllib.request.Request(address + path, data=data, headers=headers, method=method)
