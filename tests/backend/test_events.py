import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

import backend.events
from backend.dependencies import Services
from backend.events import BACKLOG, Event, Listener
from linearity.adapters.state import RunRow
from tests.backend.builders import a_row, a_run, a_running_run
from tests.backend.conftest import Valkey
from tests.backend.serving import listening, serving

pytestmark = pytest.mark.system


@pytest.fixture
def run(services: Services) -> RunRow:
    return a_running_run(services)


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


def test_a_stream_begins_with_how_the_run_stands(server: str, run: RunRow) -> None:
    with listening(server, run.id) as stream:
        heard = stream.next()

    assert stream.status == 200
    assert int(stream.fields["retry"]) > 0
    assert (heard.event, heard.id) == ("status", None)
    assert json.loads(heard.data) == {
        "run": run.id,
        "status": "running",
        "attempt": 1,
        "error": None,
    }


@pytest.mark.parametrize("kind", ["model", "dataset", "log"])
def test_the_inspection_of_every_kind_of_input_can_be_followed(
    server: str, services: Services, kind: str
) -> None:
    a_row(services, kind)

    with listening(server, f"{kind}:mine") as stream:
        told = json.loads(stream.next().data)

    assert (stream.status, told["run"], told["state"]) == (200, f"{kind}:mine", "inspecting")


def test_what_a_worker_publishes_reaches_every_listener(
    server: str, services: Services, run: RunRow
) -> None:
    with listening(server, run.id) as one, listening(server, "") as everything:
        one.next()
        services.live.progress(run.id, {"done": 1, "total": 2, "unit": "tokens", "eta_s": None})

        heard = [stream.until("progress") for stream in (one, everything)]

    assert [json.loads(event.data)["run"] for event in heard] == [run.id, run.id]
    assert heard[0].id == heard[1].id
    assert heard[0].id


def test_a_listener_hears_only_of_the_runs_it_asked_for(
    server: str, services: Services, run: RunRow
) -> None:
    with listening(server, run.id) as stream:
        stream.next()
        services.live.publish("f" * 32, "log", {"message": "of another run"})
        services.live.publish(run.id, "log", {"message": "of this run"})

        heard = stream.next()

    assert json.loads(heard.data)["message"] == "of this run"


def test_a_browser_that_comes_back_misses_nothing(
    server: str, services: Services, run: RunRow
) -> None:
    with listening(server, run.id) as stream:
        stream.next()
        services.live.publish(run.id, "log", {"message": "first"})
        last = stream.next().id
    for message in ("second", "third"):
        services.live.publish(run.id, "log", {"message": message})

    with listening(server, run.id, last) as stream:
        heard = [stream.next(), stream.next()]
        status = stream.next()
        services.live.publish(run.id, "log", {"message": "fourth"})
        after = stream.next()

    messages = [json.loads(event.data)["message"] for event in (*heard, after)]
    assert messages == ["second", "third", "fourth"]
    assert status.event == "status"


@pytest.mark.parametrize("last", ["nonsense", "-1", "99999999999999-0", "9" * 40 + "-0", "1-1-1"])
def test_a_senseless_last_event_id_starts_with_the_present(
    server: str, services: Services, run: RunRow, last: str
) -> None:
    with listening(server, run.id, last) as stream:
        first = stream.next()
        services.live.publish(run.id, "log", {"message": "now"})
        second = stream.next()

    assert stream.status == 200
    assert (first.event, second.event) == ("status", "log")


def test_the_end_of_a_run_arrives_even_if_nobody_published_it(
    server: str, services: Services, run: RunRow
) -> None:
    with listening(server, run.id) as stream:
        stream.next()
        services.state.fail(run.id, run.attempt, {"code": "out_of_memory", "message": "full"})

        heard = stream.until("status", "failed")

    assert json.loads(heard.data)["error"]["code"] == "out_of_memory"


def test_a_stream_survives_a_restart_of_redis(
    server: str, services: Services, run: RunRow, valkey: Valkey
) -> None:
    with listening(server, run.id) as stream:
        stream.next()
        valkey.stop()
        valkey.start()
        services.live.publish(run.id, "log", {"message": "back"})

        heard = stream.until("log")

    assert json.loads(heard.data)["message"] == "back"


def test_many_listeners_share_one_reader(server: str, valkey: Valkey, run: RunRow) -> None:
    with (
        listening(server, run.id) as one,
        listening(server, run.id) as two,
        listening(server, "") as three,
    ):
        for stream in (one, two):
            stream.next()
        clients = valkey.client.client_list()

    readers = [client for client in clients if client["cmd"] == "xread"]
    assert three.status == 200
    assert len(readers) == 1


def test_an_idle_stream_is_kept_alive(
    server: str, run: RunRow, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend.events, "KEEP_ALIVE_SECONDS", 0.1)
    with listening(server, run.id) as stream:
        stream.next()
        time.sleep(0.5)
        services.live.publish(run.id, "log", {"message": "after a pause"})
        stream.until("log")

    assert "keep-alive" in " ".join(stream.comments)


def test_a_listener_that_lags_too_far_behind_is_sent_away() -> None:
    async def flood() -> tuple[int, Event | None]:
        listener = Listener(None)
        for number in range(BACKLOG + 1):
            listener.offer(Event("r", "log", b"{}", f"{number}-0"))
        return listener.queue.qsize(), listener.queue.get_nowait()

    assert asyncio.run(flood()) == (1, None)


def test_an_event_stays_one_event_whatever_its_data() -> None:
    event = Event("r", "log", b'{"message":\n"a"}\r\n\r\nevent: forged', "1-0")

    assert event.encode().count(b"\n") == 4
    assert event.encode().endswith(b"\n\n")


def test_the_server_ends_at_once_although_a_stream_is_open(services: Services, run: RunRow) -> None:
    settings = services.settings
    other = a_run(services, seed=1)
    environment = os.environ | {
        "LINEARSCOPE_DATA": str(settings.data),
        "REDIS_URL": settings.queue_url,
        "PYTHONUNBUFFERED": "1",
    }
    command = [
        sys.executable, "-m", "uvicorn", "--factory", "backend.main:app_from_environment",
        "--port", "0", "--timeout-graceful-shutdown", "30",
    ]  # fmt: skip
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        line = next(line for line in process.stderr if "running on" in line)
        address = next(word for word in line.split() if word.startswith("http"))
        with listening(address, f"{run.id},{other.id}") as stream:
            stream.next()
            process.send_signal(signal.SIGTERM)

            ended = process.wait(10)

    assert ended in (0, -signal.SIGTERM)
