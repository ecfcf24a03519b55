"""A whole installation in a temporary folder: queue server, database, store, worker processes."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import redis
from sqlalchemy.exc import SQLAlchemyError

from backend.children import python_command, python_environ
from backend.embedded import EmbeddedValkey
from backend.queue import Queue
from backend.reconciler import Reconciler
from linearity.adapters.live import EVENTS_KEY, Live
from linearity.adapters.settings import Settings, read_settings
from linearity.adapters.state import InputRow, RunRow, State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from tests.servers import eventually, running_valkey


@dataclass
class House:
    """What a test holds in its hands; `tidy` runs the reconciler as the web process would."""

    settings: Settings
    valkey: EmbeddedValkey
    state: State
    store: ArtifactStore
    live: Live
    queue: Queue
    environ: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_worker(self, queue: str = "all", **environ: str) -> subprocess.Popen[bytes]:
        """Start a worker process and wait until it has announced itself."""
        known = len(self.queue.workers())
        log = (self.settings.data / "worker.log").open("ab")
        with log:
            worker = subprocess.Popen(
                python_command("workers", "--queue", queue),
                env={**self.environ, **environ},
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        eventually(lambda: len(self.queue.workers()) > known)
        return worker

    def submit(self, model: InputRow, dataset: InputRow, **params: Any) -> RunRow:
        """Submit and queue a `linearity` run."""
        return self.ask("linearity", model, dataset, **params)

    def ask(self, kind: str, model: InputRow, dataset: InputRow, **params: Any) -> RunRow:
        """Submit and queue a run of any kind."""
        assert model.record is not None
        assert dataset.record is not None
        request = make_request(
            kind,
            params,
            model=ModelRecord.from_json(model.record),
            dataset=DatasetRecord.from_json(dataset.record),
        )
        submission = self.state.submit(request, model=model, dataset=dataset)
        self.queue.enqueue_run(submission.run)
        return submission.run

    def run(self, id: str) -> RunRow:
        row = self.state.get_run(id)
        assert row is not None
        return row

    def wait_for(self, id: str, condition: Callable[[RunRow], object]) -> RunRow:
        """Wait until the run's row satisfies `condition`."""
        eventually(lambda: condition(self.run(id)), seconds=120)
        return self.run(id)

    def wait_until_computing(self, id: str, attempt: int = 1) -> None:
        """Wait until an attempt has told how far it is."""
        self.wait_for(id, lambda row: row.attempt == attempt and row.status == "running")
        eventually(lambda: (self.live.get_progress(id) or {}).get("done", 0) > 0, seconds=120)

    def result(self, id: str) -> dict[str, Any]:
        """Return the stored result of a finished run."""
        sha256 = self.run(id).result
        assert sha256 is not None
        value: dict[str, Any] = orjson.loads(self.store.get(sha256))
        return value

    def events(self, run: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what was published about a run or an input."""
        entries: Any = self.live.redis.xrange(EVENTS_KEY)
        return [
            (fields[b"event"].decode(), orjson.loads(fields[b"data"]))
            for _, fields in entries
            if fields[b"run"].decode() == run
        ]


@contextmanager
def open_house(data: Path) -> Iterator[House]:
    """Open an installation in `data`; every process of it has ended when the block ends."""
    with running_valkey(data / "valkey") as valkey:
        given = {"LINEARSCOPE_DATA": str(data), "REDIS_URL": valkey.url}
        given["LINEARSCOPE_DEVICE"] = "cpu"
        settings = read_settings(given)
        state = State(settings.database_url)
        live = Live(settings.queue_url, settings.cache_url)
        house = House(
            settings=settings,
            valkey=valkey,
            state=state,
            store=ArtifactStore(settings.store),
            live=live,
            queue=Queue(live.redis),
            environ=python_environ({**os.environ, **given, "OMP_NUM_THREADS": "1"}),
        )
        try:
            yield house
        finally:
            for worker in house.workers:
                worker.kill()
                worker.wait()
            live.close()
            state.close()


@contextmanager
def tidied(house: House) -> Iterator[None]:
    """Run the reconciler every half second while the block runs."""
    stop = threading.Event()
    reconciler = Reconciler(house.state, house.queue, house.live)

    def tidy() -> None:
        while not stop.wait(0.5):
            try:
                reconciler.run_once()
            except (redis.RedisError, SQLAlchemyError):
                continue  # as the web process: the next pass tries again

    thread = threading.Thread(target=tidy)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
