"""Asking for help through a real queue, and coming too late."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rq

from linearity.adapters.live import Live, connect
from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import ShardRow, State
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.errors import RunCancelledError
from tests.servers import running_valkey
from workers.helping import MOST_HELPERS, HelperProgress, Helpers, help_run

RUN = "0" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
def live(server: str) -> Iterator[Live]:
    live = Live(server, server)
    live.redis.flushall()
    yield live
    live.close()


def waiting(live: Live) -> list[str]:
    return rq.Queue("help", connection=live.redis, serializer="json").job_ids


def test_as_much_help_is_asked_for_as_there_is_work_for_others(live: Live) -> None:
    helpers = Helpers(live.redis, RUN)
    helpers.summon(1)
    assert waiting(live) == []
    helpers.summon(4)
    helpers.summon(4)
    jobs = [rq.job.Job.fetch(id, live.redis, serializer="json") for id in waiting(live)]
    raw: Any = live.redis.hget(f"rq:job:{waiting(live)[0]}", "data")

    assert [(job.func_name, job.args) for job in jobs] == [("workers.helping.help_run", [RUN])] * 3
    assert b"pickle" not in raw


def test_no_run_floods_the_queue(live: Live) -> None:
    Helpers(live.redis, RUN).summon(1000)

    assert len(waiting(live)) == MOST_HELPERS


def test_who_still_waits_is_dismissed_with_the_run(live: Live) -> None:
    others, helpers = Helpers(live.redis, "1" * 32), Helpers(live.redis, RUN)
    others.summon(2)
    helpers.summon(5)
    live.redis.delete(f"rq:job:{waiting(live)[1]}")  # a ghost
    helpers.dismiss()

    assert [id[:32] for id in waiting(live) if id[:32] != RUN] == ["1" * 32]
    assert [id for id in waiting(live) if live.redis.exists(f"rq:job:{id}") and RUN in id] == []


def test_helpers_give_way_to_runs_but_not_to_help_with_others(live: Live) -> None:
    helpers = Helpers(live.redis, RUN)
    Helpers(live.redis, "1" * 32).summon(5)
    assert not helpers.has_to_give_way()
    rq.Queue("analysis", connection=live.redis, serializer="json").enqueue_call("os.getpid")

    assert helpers.has_to_give_way()


def test_without_a_queue_nobody_is_asked_and_the_run_goes_on() -> None:
    nowhere = connect("redis://127.0.0.1:1/0", quick=True)
    helpers = Helpers(nowhere, RUN)
    helpers.summon(4)
    helpers.dismiss()

    assert not helpers.has_to_give_way()


def test_who_comes_too_late_does_nothing(
    live: Live, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEARSCOPE_DATA", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", server)
    help_run(RUN)

    assert live.redis.keys("linearscope:*") == []


def test_a_helper_stops_when_nobody_wants_the_run() -> None:
    wanted = [True]
    progress = HelperProgress(RUN, is_unwanted=lambda: not wanted[0])
    progress.step(1, 2, "tokens", 0.5)
    progress.partial(lambda: pytest.fail("nobody looks at this"))
    progress.log("a line")
    wanted[0] = False

    with pytest.raises(RunCancelledError):
        progress.step(2, 2, "tokens", 1.0)


def test_a_processor_does_not_keep_a_gpu_waiting(
    server: str,
    tmp_path: Path,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in (("DATA", str(tmp_path)), ("DEVICE", "cpu")):
        monkeypatch.setenv(f"LINEARSCOPE_{name}", value)
    monkeypatch.setenv("REDIS_URL", server)
    caplog.set_level("INFO")
    state = State(sqlite_url(tmp_path / "state.db"))
    id = a_run_on(state, glass_record, docs_record)
    state.divide_run(1, [ShardRow(id, 0, 0, "plan", "text", "e" * 64, 0, 1, device="cuda")])
    help_run(id)

    assert "a processor would keep a GPU waiting" in caplog.text
    assert [row.claim for row in state.shards_of(id)] == [0]
    state.close()


def a_run_on(state: State, model: ModelRecord, dataset: DatasetRecord) -> str:
    """Return a running run on two registered inputs."""
    rows = {}
    for kind, record in (("model", model), ("dataset", dataset)):
        rows[kind], _ = state.add_input(
            kind, id=record.id, name=record.name, source="builtin", reference=record.id
        )
        assert state.start_input(kind, record.id, 1, "worker")
        assert state.input_ready(kind, record.id, record.as_json(), number=1)
    request = make_request("linearity", {}, model=model, dataset=dataset)
    run = state.submit(request, model=rows["model"], dataset=rows["dataset"]).run
    assert state.start_attempt(run.id, 1, "owner")
    return run.id
