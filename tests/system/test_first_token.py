"""`linearscope up` where others can reach it: one token, shown once, and nobody in without it."""

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.servers import eventually, processes_of
from tests.system.test_up import command_of, running_up, wait_for_address

pytestmark = [pytest.mark.system, pytest.mark.slow]

SPOKEN = re.compile(rb"LINEARSCOPE_INTERNAL_TOKEN=([^\0]+)")
TOKEN = re.compile(r"\?token=(lsc_[\w-]{43})")


def status(address: str, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/api/v1/models", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_first_start_shows_a_token_once_and_nowhere_else(tmp_path: Path) -> None:
    with running_up(tmp_path, LINEARSCOPE_HOST="0.0.0.0") as (_, output):
        address = wait_for_address(output)
        eventually(lambda: TOKEN.search(output.read_text()))
        (token,) = TOKEN.findall(output.read_text())
        answers = [status(address, token), status(address), status(address, "wrong")]
    with running_up(tmp_path, LINEARSCOPE_HOST="0.0.0.0") as (_, output):
        address = wait_for_address(output)
        eventually(lambda: "linearscope tokens add" in output.read_text())
        answers.append(status(address, token))

    assert answers == [200, 401, 401, 200]
    assert TOKEN.search(output.read_text()) is None
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if token.encode() in path.read_bytes()] == []


def test_only_the_web_process_knows_what_the_supervisor_says_to_it(tmp_path: Path) -> None:
    with running_up(tmp_path, LINEARSCOPE_HOST="0.0.0.0") as (_, output):
        address = wait_for_address(output)
        spoken = {
            command_of(pid).split()[-1]: found[1].decode()
            for pid in processes_of(tmp_path)
            if (found := SPOKEN.search(Path(f"/proc/{pid}/environ").read_bytes()))
        }
        answer = status(address, spoken["api"])

    assert list(spoken) == ["api"]
    assert answer == 200
    assert spoken["api"] not in output.read_text()
