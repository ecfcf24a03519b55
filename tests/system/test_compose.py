"""The services of docker-compose.yml, started as processes: together they compute a run."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from rq.worker import Worker

from backend.api_client import ApiClient, ApiRefusedError
from tests.system.compose import Container, Host, read_compose

TOKEN = secrets.token_urlsafe(24)
START_SECONDS = 180.0
RUN_SECONDS = 300.0
WORKERS = ("worker-cpu", "interactive-cpu", "worker-gpu", "interactive-gpu")
ORDER = ("queue", "cache", "api", *WORKERS)
# This machine may have no GPU, and the test must be the same everywhere.
OVERRIDES = {name: {"LINEARSCOPE_DEVICE": "cpu"} for name in ("worker-gpu", "interactive-gpu")}

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Container]]:
    """Every service of the compose file, healthy; afterwards no process is left."""
    made = make_containers(tmp_path_factory.mktemp("compose"))
    try:
        for container in made.values():
            container.start()
        for container in made.values():
            eventually(container.is_healthy, START_SECONDS, container)
        yield made
    finally:
        for name in reversed(ORDER):
            made[name].stop()
    assert processes_below(made["api"].host.folder) == []


@pytest.fixture(scope="module")
def client(containers: dict[str, Container]) -> ApiClient:
    return ApiClient(address(containers), TOKEN)


def test_no_health_check_passes_before_its_service_runs(tmp_path: Path) -> None:
    healthy = [name for name, item in make_containers(tmp_path).items() if item.is_healthy()]

    assert healthy == []


def test_every_worker_of_the_file_waits_at_the_queue(containers: dict[str, Container]) -> None:
    wanted = {pid_of(containers[name]) for name in WORKERS}
    with server(containers["queue"]) as queue:
        eventually(lambda: worker_pids(queue) == wanted, START_SECONDS, containers["worker-gpu"])

        assert worker_pids(queue) == wanted
        waited_at = sorted(one.queue_names() for one in Worker.all(queue, serializer="json"))
        analysis, interactive = ["analysis", "help"], ["interactive"]
        assert waited_at == [analysis, analysis, interactive, interactive]


def test_the_page_is_closed_without_the_token(containers: dict[str, Container]) -> None:
    with pytest.raises(ApiRefusedError, match="who asks"):
        ApiClient(address(containers), None).get("/api/v1/models")


def test_a_run_goes_from_the_web_process_to_a_worker_and_into_the_cache(
    containers: dict[str, Container], client: ApiClient
) -> None:
    for kind, name in (("models", "glass-en"), ("datasets", "python-docs")):
        client.post(f"/api/v1/{kind}", {"source": "builtin", "name": name})
        settled(client, f"/api/v1/{kind}/{name}", "state", {"ready", "rejected"})
    body: dict[str, object] = {
        "kind": "linearity",
        "model": "glass-en",
        "dataset": "python-docs",
        "params": {"tokens": 1024},
    }
    queued = client.post("/api/v1/runs", body)
    run = settled(
        client, f"/api/v1/runs/{queued['id']}", "status", {"finished", "failed", "cancelled"}
    )

    assert run["status"] == "finished", run["error"]
    result = client.get(f"/api/v1/runs/{run['id']}/result")
    assert result["id"] == run["id"]
    assert len(result["profile"]["r2_heldout"]) == 4
    with server(containers["cache"]) as cache, server(containers["queue"]) as queue:
        eventually(lambda: cached(cache), RUN_SECONDS, containers["cache"])
        assert any(run["id"].encode() in body for body in cached(cache))
        assert cached(queue) == []


def test_a_plan_is_computed_by_a_worker_that_stays_warm(
    containers: dict[str, Container], client: ApiClient
) -> None:
    body: dict[str, object] = {
        "kind": "plan",
        "model": "glass-en",
        "dataset": "python-docs",
        "params": {"plan": "1:drop,2:linear", "fit_tokens": 1024, "select_tokens": 256},
    }
    queued = client.post("/api/v1/runs", body)
    ends = {"finished", "failed", "cancelled"}
    run = settled(client, f"/api/v1/runs/{queued['id']}", "status", ends)

    assert run["status"] == "finished", run["error"]
    result = client.get(f"/api/v1/runs/{run['id']}/result")
    assert result["point"]["plan"] == "1:drop,2:linear"
    computed = [name for name in WORKERS if run["id"] in containers[name].log]
    assert len(computed) == 1
    assert computed[0].startswith("interactive-")


def test_the_two_servers_are_what_the_file_promises(containers: dict[str, Container]) -> None:
    asked = ("maxmemory-policy", "appendonly", "appendfsync", "save", "maxmemory")
    with server(containers["queue"]) as queue, server(containers["cache"]) as cache:
        of_queue = {name: queue.config_get(name)[name] for name in asked}
        of_cache = {name: cache.config_get(name)[name] for name in asked}

    assert of_queue["maxmemory-policy"] == "noeviction"
    assert of_queue["appendonly"] == "yes"
    assert of_queue["appendfsync"] == "everysec"
    assert of_cache["maxmemory-policy"] == "allkeys-lfu"
    assert of_cache["appendonly"] == "no"
    assert of_cache["save"] == ""
    assert int(of_cache["maxmemory"]) > 0
    assert list(containers["queue"].home.glob("appendonlydir/*.aof"))
    assert not list(containers["cache"].home.glob("appendonlydir/*"))


def make_containers(folder: Path) -> dict[str, Container]:
    host = Host(folder)
    services = read_compose({"LINEARSCOPE_TOKEN": TOKEN})["services"]
    assert set(services) == set(ORDER)
    return {name: Container(name, services[name], host, OVERRIDES.get(name, {})) for name in ORDER}


def address(containers: dict[str, Container]) -> str:
    return f"http://127.0.0.1:{containers['api'].host.port('api')}"


def server(container: Container) -> "redis.Redis":
    return redis.Redis(port=container.host.port(container.name))


def worker_pids(queue: "redis.Redis") -> set[int | None]:
    return {worker.pid for worker in Worker.all(queue, serializer="json")}


def pid_of(container: Container) -> int:
    assert container.process is not None
    return container.process.pid


def cached(client: "redis.Redis") -> list[bytes]:
    keys = list(client.scan_iter("linearscope:cache:*"))
    return [value for key in keys if isinstance(value := client.get(key), bytes)]


def settled(client: ApiClient, path: str, field: str, ends: set[str]) -> Any:
    deadline = time.monotonic() + RUN_SECONDS
    while (row := client.get(path))[field] not in ends:
        assert time.monotonic() < deadline, json.dumps(row)
        time.sleep(0.2)
    return row


def eventually(condition: Callable[[], object], seconds: float, container: Container) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        ended = container.process is not None and container.process.poll() is not None
        late = time.monotonic() > deadline
        assert not ended, f"{container.name} ended: {container.log[-2000:]}"
        assert not late, f"{container.name} after {seconds:.0f} s: {container.log[-2000:]}"
        time.sleep(0.2)


def processes_below(folder: Path) -> list[str]:
    """Return the processes that work in `folder`; children work where their parents did."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline", "status"]):
        is_dead = process.info["status"] == psutil.STATUS_ZOMBIE
        if not is_dead and Path(process.info["cwd"] or "/").is_relative_to(folder):
            found.append(" ".join(process.info["cmdline"] or []))
    return found
