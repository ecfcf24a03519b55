"""What a worker says of its device, and what a look at a model makes of it."""

import pytest

from backend.forecasts import Device, known_devices
from linearity.adapters.machine import memory_bytes
from tests.servers import eventually
from tests.system.house import House
from workers.announcement import describe_device

pytestmark = pytest.mark.system


def test_a_worker_says_what_it_computes_on_until_it_is_gone(house: House) -> None:
    assert known_devices(house.queue, house.live) == []

    worker = house.start_worker()
    eventually(lambda: known_devices(house.queue, house.live))

    assert known_devices(house.queue, house.live) == [Device("CPU", memory_bytes())]
    worker.terminate()
    worker.wait(30)
    assert known_devices(house.queue, house.live) == []


@pytest.mark.slow
def test_a_worker_introduces_itself_anew_when_redis_was_emptied(house: House) -> None:
    house.start_worker()
    eventually(lambda: known_devices(house.queue, house.live))
    name = house.queue.workers()[0].name

    house.live.redis.flushall()

    eventually(lambda: known_devices(house.queue, house.live), seconds=60)
    assert [worker.name for worker in house.queue.workers()] == [name]


def test_the_cpu_is_described_by_the_memory_of_the_machine() -> None:
    assert describe_device("cpu") == ("CPU", memory_bytes())
    assert describe_device("cpu", most=1 << 20) == ("CPU", 1 << 20)


def test_a_gpu_whose_driver_does_not_answer_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.announcement.usable_devices", lambda _: ["cuda:1"])
    monkeypatch.setattr("workers.announcement.QUESTION", ("no-such-program",))

    assert describe_device(None) == ("cuda:1", None)


def test_a_gpu_is_described_as_its_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.announcement.usable_devices", lambda _: ["cuda:0"])
    program = ("sh", "-c", "echo 'NVIDIA H200, 143771'")
    monkeypatch.setattr("workers.announcement.QUESTION", program)
    assert describe_device(None) == ("NVIDIA H200", 143_771 << 20)


def test_gpus_that_are_used_together_are_described_by_what_they_have_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.announcement.usable_devices", lambda _: ["cuda:0,cuda:2"])
    program = ("sh", "-c", 'test "$1" = --id=0,2 && printf "A, 10\\nB, 20\\n"', "sh")
    monkeypatch.setattr("workers.announcement.QUESTION", program)
    assert describe_device(None) == ("A + B", 30 << 20)
    assert describe_device(None, most=15 << 20) == ("A + B", 25 << 20)
