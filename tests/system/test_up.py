"""`linearscope up`: one command, one Ctrl-C, nothing left behind."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.children import python_command, python_environ
from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import State
from linearity.contracts.runs import RunRequest
from tests.servers import eventually, processes_of

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_up_serves_and_one_interrupt_ends_every_process(tmp_path: Path) -> None:
    with running_up(tmp_path) as (process, output):
        address = wait_for_address(output)
        with urllib.request.urlopen(f"{address}/livez", timeout=10) as answer:
            assert answer.status == 200
        # Itself, queue server, web process, a worker for analyses and one for plans.
        assert len(processes_of(tmp_path)) >= 5
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

    assert processes_of(tmp_path) == []


def test_killing_the_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    with running_up(tmp_path) as (process, output):
        wait_for_address(output)
        process.kill()
        process.wait()
        eventually(lambda: processes_of(tmp_path) == [], seconds=5)

        assert "stopping" not in output.read_text()


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    with running_up(tmp_path) as (_, output):
        address = wait_for_address(output)
        web = next(pid for pid in processes_of(tmp_path) if command_of(pid).endswith("api"))
        os.kill(web, signal.SIGKILL)
        eventually(lambda: "the web process ended (signal SIGKILL)" in output.read_text())
        eventually(lambda: is_answering(address))

        assert web not in processes_of(tmp_path)


def test_an_interactive_worker_that_a_cancel_ended_is_started_again(tmp_path: Path) -> None:
    with running_up(tmp_path) as (_, output):
        wait_for_address(output)
        warm = next(pid for pid in processes_of(tmp_path) if is_interactive(pid))
        os.kill(warm, signal.SIGKILL)
        eventually(lambda: "the interactive worker ended" in output.read_text())
        eventually(lambda: any(is_interactive(pid) for pid in processes_of(tmp_path)))

        assert warm not in processes_of(tmp_path)


def test_a_second_up_on_the_same_data_folder_is_told_so(tmp_path: Path) -> None:
    with running_up(tmp_path) as (_, output):
        wait_for_address(output)
        second = subprocess.run(
            up_command(tmp_path),
            env=environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert second.returncode == 2
    assert "another `linearscope up`" in second.stderr
    assert "Traceback" not in second.stderr


@contextmanager
def running_up(data: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run `up` on a data folder that holds a run already, so that no demo is queued."""
    a_cancelled_run(data)
    output = data / "output.txt"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            up_command(data),
            env=environ() | variables,
            stdout=stream,
            stderr=stream,
            process_group=0,
        )
    try:
        yield process, output
    finally:
        process.kill()
        process.wait()
        eventually(lambda: processes_of(data) == [], seconds=10)


def up_command(data: Path) -> list[str]:
    return python_command("backend.cli", "up", "--port", "0", "--data", str(data))


def environ() -> dict[str, str]:
    ours = ("LINEARSCOPE_", "REDIS_", "DATABASE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return python_environ(kept)


def wait_for_address(output: Path) -> str:
    pattern = re.compile(r"LinearScope is at (http://127\.0\.0\.1:\d+)")
    eventually(lambda: pattern.search(output.read_text()))
    found = pattern.search(output.read_text())
    assert found is not None
    return found[1]


def is_answering(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/livez", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        time.sleep(0.1)
        return False


def is_interactive(pid: int) -> bool:
    return command_of(pid).endswith("workers --queue interactive")


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


def a_cancelled_run(data: Path) -> None:
    state = State(sqlite_url(data / "state.db"))
    rows = [
        state.add_input(kind, id=name, name=name, source="path", reference="/nowhere")[0]
        for kind, name in (("model", "m"), ("dataset", "d"))
    ]
    for row in rows:
        state.input_rejected(row.kind, row.id, {"code": "rejected_input", "message": "absent"})
    request = RunRequest("linearity", 1, 1, "a" * 64, "b" * 64, {})
    state.cancel(state.submit(request, model=rows[0], dataset=rows[1]).run.id)
    state.close()
