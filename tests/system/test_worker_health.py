"""The health check of a worker: it believes the queue and the process table, not one of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq.worker import Worker

from backend.embedded import EmbeddedValkey
from linearity.adapters.lifetime import parent_guard
from workers.health import living_workers

# Announces itself as every RQ worker does, and then only waits.
WORKER = """
import sys, redis
from rq.worker import Worker
worker = Worker(["analysis"], name="w1", connection=redis.Redis.from_url(sys.argv[1]))
worker.register_birth()
print("born", flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.system


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def worker(valkey: EmbeddedValkey) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, valkey.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=parent_guard(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"born\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.usefixtures("worker")
def test_a_worker_that_was_heard_of_lately_is_alive(valkey: EmbeddedValkey) -> None:
    assert living_workers(valkey.url) == ["w1"]


def test_a_killed_worker_is_not_alive_although_the_queue_remembers_it(
    valkey: EmbeddedValkey, worker: "subprocess.Popen[bytes]"
) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    assert known_workers(valkey) == ["w1"]
    assert living_workers(valkey.url) == []


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("field", "value"),
    [("last_heartbeat", "2026-01-01T00:00:00.000000Z"), ("hostname", "another-host")],
)
def test_a_worker_that_is_silent_or_elsewhere_is_not_ours(
    valkey: EmbeddedValkey, field: str, value: str
) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.hset("rq:worker:w1", field, value)

    assert living_workers(valkey.url) == []


def test_without_a_queue_server_the_check_fails_in_one_sentence(tmp_path: Path) -> None:
    address = f"unix://{tmp_path / 'nobody.sock'}"
    done = subprocess.run(
        [sys.executable, "-m", "workers.health"],
        env=os.environ | {"REDIS_URL": address},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == b"the queue server does not answer (ConnectionError)\n"


def known_workers(valkey: EmbeddedValkey) -> list[str]:
    with redis.Redis.from_url(valkey.url) as client:
        return [worker.name for worker in Worker.all(client, serializer="json")]
