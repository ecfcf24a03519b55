"""Links from a terminal, against a real server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from backend.dependencies import Services
from tests.backend.builders import a_finished_run
from tests.backend.serving import serving
from tests.backend.test_cli import run_cli


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


def test_a_link_is_made_listed_and_ended_from_a_terminal(
    server: str, services: Services, tmp_path: Path
) -> None:
    run = a_finished_run(services)

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_cli(tmp_path, *arguments, "--server", server)

    made = ask("share", run.id, "--days", "3", "--frozen", "--note", "For Monday", "--lang", "ja")
    link = made.stdout.strip()
    listed = ask("shares", "list")
    id = listed.stdout.split()[0]

    assert made.returncode == 0, made.stderr
    assert link.startswith(f"{server}/s/")
    assert link.endswith("?lang=ja")
    assert "on this machine only" in made.stderr
    assert httpx.get(link).status_code == 200
    assert "'For Monday'" in listed.stdout
    assert "frozen" in listed.stdout
    assert urlsplit(link).path.removeprefix("/s/") not in listed.stdout

    ended = ask("shares", "revoke", id)

    assert ended.returncode == 0, ended.stderr
    assert httpx.get(link).status_code == 410
    assert "revoked" in ask("shares", "list").stdout


def test_what_the_server_refuses_is_said_in_a_sentence(server: str, tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "share", "0" * 32, "--server", server)

    assert answer.returncode == 2
    assert answer.stderr.startswith("there is no run")


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "shares", "list", "--server", "http://127.0.0.1:1")

    assert answer.returncode == 1
    assert "no server answers at http://127.0.0.1:1" in answer.stderr
