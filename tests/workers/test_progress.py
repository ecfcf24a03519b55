"""Progress reaches Redis in bounded amounts, with an honest estimate, and never stops a study."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from linearity.adapters.live import EVENTS_KEY, Live
from linearity.errors import RunCancelledError
from tests.servers import running_valkey
from workers.progress import Pace, WorkerProgress

RUN = "0" * 32


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running_valkey(tmp_path_factory.mktemp("valkey")) as server:
        live = Live(server.url, server.url)
        yield live
        live.close()


def test_a_thousand_steps_make_few_events_and_the_last_one_is_kept(live: Live) -> None:
    progress = a_progress(live)
    for done in range(1, 1001):
        progress.step(done, 1000, "tokens", done / 1000)
    last = live.get_progress(RUN)
    assert last is not None

    assert (last["done"], last["total"], last["unit"]) == (1000, 1000, "tokens")
    assert live.redis.xlen(EVENTS_KEY) < 20


def test_the_latest_partial_result_is_kept_and_announced(live: Live) -> None:
    progress = a_progress(live)
    for done in (1, 2):
        progress.partial(lambda done=done: {"id": RUN, "done": done})  # type: ignore[misc]
    entries: Any = live.redis.xrange(EVENTS_KEY)

    assert orjson.loads(live.get_partial(RUN) or b"") == {"id": RUN, "done": 2}
    assert [fields[b"event"] for _, fields in entries] == [b"partial", b"partial"]


def test_a_log_line_is_an_event(live: Live) -> None:
    a_progress(live).log("halved the batch")
    entries: Any = live.redis.xrange(EVENTS_KEY)

    assert orjson.loads(entries[0][1][b"data"])["message"] == "halved the batch"


def test_a_run_that_nobody_wants_stops_at_its_next_step(live: Live) -> None:
    progress = WorkerProgress(RUN, live, is_unwanted=lambda: True)

    with pytest.raises(RunCancelledError):
        progress.step(1, 2, "tokens", 0.5)
    with pytest.raises(RunCancelledError):
        progress.partial(dict)


def test_a_study_goes_on_without_redis(caplog: pytest.LogCaptureFixture) -> None:
    live = Live("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0")
    progress = a_progress(live)
    progress.step(1, 2, "tokens", 0.5)
    progress.partial(dict)
    progress.log("still here")
    live.close()

    assert len([record for record in caplog.records if "could not be" in record.message]) == 1


def test_an_even_pace_gives_an_interval_around_the_truth() -> None:
    pace = Pace()
    eta = None
    for second in range(31):
        eta = pace.seconds_left(float(second), second / 100)
    assert eta is not None
    low, high = eta

    assert low < 70 < high
    assert high - low < 20


def test_work_that_slows_down_widens_the_interval() -> None:
    pace = Pace()
    for second in range(30):
        pace.seconds_left(float(second), second / 100)
    for second in range(30, 60):
        eta = pace.seconds_left(float(second), 0.3 + (second - 30) / 1000)
    assert eta is not None
    low, high = eta

    assert high > 3 * low


def test_nothing_is_promised_before_anything_moved() -> None:
    pace = Pace()

    assert pace.seconds_left(0.0, 0.0) is None
    assert pace.seconds_left(5.0, 0.0) is None


def a_progress(live: Live) -> WorkerProgress:
    return WorkerProgress(RUN, live, is_unwanted=lambda: False)
