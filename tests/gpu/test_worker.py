"""A real worker on a real GPU: jobs through RQ and Valkey, against the CPU."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import torch

from backend.embedded import EmbeddedValkey
from backend.queue import Queue
from linearity.adapters.execute import execute
from linearity.adapters.inputs import prepare_dataset, prepare_model
from linearity.adapters.live import Live
from linearity.adapters.settings import Settings, read_settings
from linearity.adapters.state import InputRow, RunRow, State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json, canonical_json, strict_loads
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.linearity import linearity_request
from linearity.contracts.runs import RunRequest, RunStatus
from tests.conftest import quiet
from tests.studies.recorder import Recorder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.system,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SECONDS = 240
TOLERANCE = 1e-5


class Site:
    """Valkey, a state database, and one `linearscope worker` on cuda:0."""

    def __init__(self, folder: Path, *, queue: str = "all") -> None:
        self.valkey = EmbeddedValkey(folder / "valkey")
        self.valkey.start()
        self.environ = os.environ | {
            "LINEARSCOPE_DATA": str(folder),
            "REDIS_URL": self.valkey.url,
            "LINEARSCOPE_DEVICE": "cuda:0",
        }
        self.settings: Settings = read_settings(self.environ)
        self.state = State(self.settings.database_url)
        self.store = ArtifactStore(self.settings.store)
        self.queue = Queue(redis.Redis.from_url(self.valkey.url))
        self.model = prepare_model("glass-en", store=self.store, roots=None, log=quiet)
        self.datasets = {
            name: prepare_dataset(name, store=self.store, roots=None, log=quiet)
            for name in ("python-docs", "python-source")
        }
        self.log = folder / "worker.log"
        with self.log.open("w") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "worker", "--queue", queue],
                env=self.environ,
                stdout=log,
                stderr=log,
            )

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(30)
        self.state.close()
        self.valkey.stop()

    def request(self, dataset: str = "python-docs", **params: Json) -> RunRequest:
        return linearity_request(params, model=self.model, dataset=self.datasets[dataset])

    def submit(self, request: RunRequest, dataset: str = "python-docs") -> RunRow:
        row = self.state.submit(
            request,
            model=self._input("model", self.model),
            dataset=self._input("dataset", self.datasets[dataset]),
        ).run
        self.queue.enqueue_run(row)
        return row

    def wait(self, run: str, until: Callable[[RunRow], bool]) -> RunRow:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            row = self.state.get_run(run)
            assert row is not None
            if until(row):
                return row
            assert self.worker.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"not there after {SECONDS} s\n{self.log.read_text()}")

    def _input(self, kind: str, record: ModelRecord | DatasetRecord) -> InputRow:
        self.state.add_input(
            kind, id=record.id, name=record.name, source=record.source, reference=record.reference
        )
        self.state.input_ready(kind, record.id, record.as_json())
        row = self.state.get_input(kind, record.id)
        assert row is not None
        return row


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@pytest.fixture(scope="module")
def interactive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("interactive"), queue="interactive")
    yield site
    site.close()


def is_over(row: RunRow) -> bool:
    return not row.status.is_open


def largest_difference(one: object, two: object) -> float:
    """Over all numbers of two results of the same shape."""
    if isinstance(one, dict) and isinstance(two, dict):
        assert one.keys() == two.keys()
        return max((largest_difference(one[key], two[key]) for key in one), default=0.0)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        assert len(one) == len(two)
        pairs = zip(one, two, strict=True)
        return max((largest_difference(a, b) for a, b in pairs), default=0.0)
    if isinstance(one, int | float) and isinstance(two, int | float):
        return abs(one - two) / max(1.0, abs(two))
    assert one == two
    return 0.0


def test_two_runs_in_one_worker_equal_the_cpu(site: Site) -> None:
    rows = [site.submit(site.request(seed=seed)) for seed in (0, 1)]
    finished = [site.wait(row.id, is_over) for row in rows]
    for seed, row in enumerate(finished):
        assert row.status == RunStatus.FINISHED, site.log.read_text()
        assert row.result is not None
        on_gpu = strict_loads(site.store.get(row.result))
        on_cpu = execute(
            site.request(seed=seed),
            model=site.model,
            dataset=site.datasets["python-docs"],
            store=site.store,
            device="cpu",
            progress=Recorder(),
        )
        assert isinstance(on_gpu, dict)
        environment = on_gpu["environment"]
        assert isinstance(environment, dict)
        difference = max(
            largest_difference(on_gpu[part], strict_loads(canonical_json(on_cpu[part])))
            for part in ("pairs", "profile", "kept", "tokens")
        )
        sys.stdout.write(f"seed {seed}: {environment} largest difference {difference:.2e}\n")

        assert environment["device"] == "cuda:0"
        assert difference < TOLERANCE


def test_a_run_on_the_gpu_is_cancelled_in_the_middle(site: Site) -> None:
    request = site.request("python-source", tokens=4_000_000, seed=5)
    row = site.submit(request, "python-source")
    live = Live(site.valkey.url, site.valkey.url)
    site.wait(row.id, lambda run: (live.get_progress(run.id) or {}).get("done", 0) > 0)

    started = time.monotonic()
    site.state.cancel(row.id)
    site.queue.stop(row)
    deadline = time.monotonic() + 10
    while redis_is_busy(site) and time.monotonic() < deadline:
        time.sleep(0.02)
    seconds = time.monotonic() - started
    sys.stdout.write(f"cancelled in {seconds:.2f} s\n")

    assert site.wait(row.id, is_over).status == RunStatus.CANCELLED
    assert seconds <= 2.0
    again = site.wait(site.submit(site.request(tokens=1024, seed=6)).id, is_over)
    assert again.status == RunStatus.FINISHED  # the worker took the next job


def test_plans_in_the_process_of_an_interactive_worker_equal_the_cpu(interactive: Site) -> None:
    site = interactive
    for text in ("1:drop", "2-3:linear", "1:linear,3:merged"):
        request = make_request(
            "plan", {"plan": text}, model=site.model, dataset=site.datasets["python-docs"]
        )
        row = site.wait(site.submit(request).id, is_over)
        assert row.status == RunStatus.FINISHED, site.log.read_text()
        assert row.result is not None
        on_gpu = strict_loads(site.store.get(row.result))
        on_cpu = execute(
            request,
            model=site.model,
            dataset=site.datasets["python-docs"],
            store=site.store,
            device="cpu",
            progress=Recorder(),
        )
        assert isinstance(on_gpu, dict)
        assert isinstance(on_gpu["environment"], dict)
        difference = max(
            largest_difference(on_gpu[part], strict_loads(canonical_json(on_cpu[part])))
            for part in ("point", "documents", "steps", "splits", "protocol")
        )
        sys.stdout.write(f"{text}: {row.seconds:.2f} s, largest difference {difference:.2e}\n")

        assert on_gpu["environment"]["device"] == "cuda:0"
        assert difference < TOLERANCE


def redis_is_busy(site: Site) -> bool:
    return any(worker.job is not None for worker in site.queue.workers())
