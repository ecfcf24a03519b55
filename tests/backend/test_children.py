"""Children of `linearscope up`: started again when they end, never left behind."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.children import Child, describe_status
from tests.servers import eventually

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Children that end with the test."""
    made: list[Child] = []
    yield made
    for child in made:
        if child.process is not None:
            child.process.kill()
            child.process.wait()


def test_a_child_that_dies_is_started_again_with_news(
    children: list[Child], tmp_path: Path
) -> None:
    child = a_child(tmp_path, "import time; time.sleep(600)")
    children.append(child)
    child.start()
    assert child.process is not None
    first = child.process.pid
    assert child.tend() is None
    os.kill(first, signal.SIGKILL)
    news: list[str] = []

    def is_back() -> bool:
        news.extend(filter(None, [child.tend()]))
        return child.process is not None and child.process.pid != first

    eventually(is_back)

    assert "SIGKILL" in "".join(news)


def test_a_child_that_dies_at_once_is_started_ever_more_slowly(
    children: list[Child], tmp_path: Path
) -> None:
    child = a_child(tmp_path, "print('no good', flush=True); raise SystemExit(3)")
    children.append(child)
    child.start()
    news: list[str] = []

    def has_died_twice() -> bool:
        news.extend(filter(None, [child.tend()]))
        return len(news) == 2

    eventually(has_died_twice)

    assert child._delay >= 1.0
    assert "exit status 3" in news[0]
    assert "no good" in child.last_lines()


def test_a_child_that_does_not_listen_is_killed_at_the_deadline(
    children: list[Child], tmp_path: Path
) -> None:
    child = a_child(tmp_path, DEAF)
    children.append(child)
    child.start()
    assert child.process is not None
    eventually(lambda: "up" in child.last_lines())
    child.send(signal.SIGTERM)
    child.wait(deadline=0.0)

    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit status 0"), (-9, "signal SIGKILL"), (-200, "signal 200")]
)
def test_an_exit_status_is_put_in_words(status: int, words: str) -> None:
    assert describe_status(status) == words


def a_child(folder: Path, code: str) -> Child:
    command = [sys.executable, "-c", code]
    return Child("the child", command, dict(os.environ), folder / "child.log")
