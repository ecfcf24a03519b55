"""`linearscope ... remove`: what depends on it is shown, and a running server deletes it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from backend.dependencies import Services
from tests.backend.serving import serving
from tests.backend.test_cli import run_cli
from tests.backend.test_deletions import a_run_on, a_text

pytestmark = pytest.mark.system


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


def remove(folder: Path, address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_cli(folder, "datasets", "remove", *arguments, "--server", address)


def test_a_dataset_goes_with_what_was_made_of_it(
    tmp_path: Path, services: Services, address: str
) -> None:
    a_run_on(services, a_text(services))

    answer = remove(tmp_path, address, "Mine", "--derived", "delete", "--yes")

    assert answer.returncode == 0
    assert "1 finished runs; their result goes" in answer.stdout
    assert "removed Mine" in answer.stdout
    assert services.state.runs_of("dataset", "mine") == []


def test_nothing_is_removed_without_a_yes(tmp_path: Path, services: Services, address: str) -> None:
    a_text(services)

    answer = remove(tmp_path, address, "mine")  # and nobody is there to answer

    assert answer.returncode == 1
    assert "frees" in answer.stdout
    assert services.state.get_input("dataset", "mine") is not None


def test_what_is_not_there_is_said_in_a_sentence(tmp_path: Path, address: str) -> None:
    answer = remove(tmp_path, address, "nothing", "--yes")

    assert answer.returncode == 2
    assert "there is no dataset" in answer.stderr
    assert "Traceback" not in answer.stderr
