"""Which device is used, and that a GPU is held by one process at a time."""

import fcntl
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from linearity.errors import InvalidParameterError
from workers import devices
from workers.devices import hold_device, usable_devices


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs, which this one is not: only the count is read."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, ["cuda:0", "cuda:1"]),
        ("cuda", ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:1"]),
        ("cuda:1,cuda:0", ["cuda:1,cuda:0"]),
        ("cpu", ["cpu"]),
    ],
)
def test_gpus_come_first_unless_somebody_says_otherwise(
    wanted: str | None, found: list[str]
) -> None:
    assert usable_devices(wanted) == found


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_cpu_is_used() -> None:
    assert usable_devices(None) == ["cpu"]


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "cuda:0,cuda:1"])
def test_a_gpu_that_is_not_there_is_an_error_with_what_there_is(wanted: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        usable_devices(wanted)

    assert "cpu" in caught.value.message


@pytest.mark.usefixtures("two_gpus")
def test_a_second_attempt_gets_the_second_gpu(tmp_path: Path) -> None:
    with (
        hold_device(None, tmp_path, waiting=fail) as first,
        hold_device(None, tmp_path, waiting=fail) as second,
    ):
        assert (first, second) == ("cuda:0", "cuda:1")


@pytest.mark.usefixtures("two_gpus")
def test_an_attempt_waits_for_its_gpu_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "RETRY_SECONDS", 0.01)
    other = (tmp_path / "cuda-1.lock").open("w")
    fcntl.flock(other, fcntl.LOCK_EX)
    waited: list[str] = []

    def waiting(device: str) -> None:
        waited.append(device)
        if len(waited) == 3:
            other.close()

    with hold_device("cuda:1", tmp_path, waiting=waiting) as device:
        assert device == "cuda:1"
    assert waited == ["cuda:1"] * 3


@pytest.mark.usefixtures("two_gpus")
def test_a_run_over_several_gpus_holds_all_of_them_and_while_it_waits_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "RETRY_SECONDS", 0.01)
    waited: list[str] = []
    with ExitStack() as other:
        other.enter_context(hold_device("cuda:1", tmp_path, waiting=fail))

        def waiting(device: str) -> None:
            with hold_device("cuda:0", tmp_path, waiting=fail):  # it is free meanwhile
                waited.append(device)
            other.close()

        with hold_device("cuda:0,cuda:1", tmp_path, waiting=waiting) as both:
            assert both == "cuda:0,cuda:1"
            for part in ("cuda:0", "cuda:1"):
                with pytest.raises(AssertionError), hold_device(part, tmp_path, waiting=fail):
                    pass
    assert waited == ["cuda:0,cuda:1"]
    with hold_device("cuda:0,cuda:1", tmp_path, waiting=fail):
        pass


@pytest.mark.usefixtures("two_gpus")
def test_what_somebody_waits_for_shares_a_gpu_with_a_long_run(tmp_path: Path) -> None:
    with (
        hold_device("cuda:0", tmp_path, waiting=fail) as long_run,
        hold_device("cuda:0", tmp_path, waiting=fail, lane="interactive") as what_if,
    ):
        assert (long_run, what_if) == ("cuda:0", "cuda:0")


def test_the_cpu_needs_no_lock(tmp_path: Path) -> None:
    with hold_device("cpu", tmp_path / "locks", waiting=fail) as device:
        assert device == "cpu"
    assert not (tmp_path / "locks").exists()


def fail(device: str) -> None:
    raise AssertionError(f"waited for {device}")
