import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastapi import FastAPI

from backend.dependencies import Services
from linearity.contracts.inputs import BUILTIN_DATASETS, BUILTIN_MODELS
from tests.backend.builders import a_run
from tests.backend.conftest import Valkey
from tests.backend.serving import WAIT_SECONDS, serving

FORBIDDEN = ("torch", "transformers", "plotly", "scipy", "sklearn")


def test_the_web_process_imports_no_torch() -> None:
    code = f"import sys, backend.main; print([n for n in {FORBIDDEN} if n in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert printed.decode().strip() == "[]"


def test_importing_opens_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, arguments: event == 'socket.connect' and"
        " opened.append(arguments))\n"
        "import backend.main\n"
        "print(opened)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=tmp_path, env={
            "PYTHONPATH": ":".join(sys.path),
        },
    ).stdout  # fmt: skip

    assert printed.decode().strip() == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.system
def test_a_started_server_queues_the_builtins_and_what_was_left_open(
    app: FastAPI, services: Services
) -> None:
    run = a_run(services)  # committed, and the process died before queueing it

    with serving(app):
        wanted = len(BUILTIN_MODELS) + len(BUILTIN_DATASETS) - 2  # two are ready already
        waiting = wait_for_queue(services, wanted + 1)

    assert waiting == wanted + 1
    assert {row.id for row in services.state.list_inputs("model")} == set(BUILTIN_MODELS)
    assert run.status.is_open


@pytest.mark.system
def test_a_server_started_without_redis_becomes_ready_by_itself(
    app: FastAPI, services: Services, valkey: Valkey
) -> None:
    valkey.stop()
    run = a_run(services)

    with serving(app):
        time.sleep(0.5)
        valkey.start()
        waiting = wait_for_queue(services, 1)

    assert waiting >= 1
    assert run.status.is_open


def wait_for_queue(services: Services, wanted: int) -> int:
    """Return how many jobs wait, as soon as there are as many as wanted."""
    deadline = time.monotonic() + WAIT_SECONDS
    waiting = 0
    while waiting < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
        keys = ("rq:queue:interactive", "rq:queue:analysis")
        waiting = sum(int(services.live.redis.llen(key)) for key in keys)
    return waiting
