"""Real children that do everything a reader of other people's bytes may do wrong."""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from linearity.adapters.limited import Limits, call_limited
from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError, LinearScopeError, RejectedInputError

NO_SPECIAL = Limits()
TARGETS = "tests.adapters.limited_targets"


def call(
    name: str,
    argument: Json = None,
    limits: Limits = NO_SPECIAL,
    log: Callable[[str], None] | None = None,
) -> Json:
    return call_limited(f"{TARGETS}:{name}", argument, limits=limits, log=log)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until_gone(process: int) -> bool:
    patience = time.monotonic() + 20
    while is_running(process) and time.monotonic() < patience:
        time.sleep(0.02)
    return not is_running(process)


def test_the_value_comes_back_and_lines_are_passed_on() -> None:
    lines: list[str] = []

    value = call("echo", {"text": "日本語", "numbers": [1, 2.5, None]}, log=lines.append)

    assert value == {"argument": {"text": "日本語", "numbers": [1, 2.5, None]}}
    assert lines == ["first line", "second line\nwith a break"]


def test_an_error_of_ours_keeps_its_class_code_and_data() -> None:
    with pytest.raises(InvalidParameterError, match="depth: wanted 1 to 9, got 12") as caught:
        call("refuse", 12)

    assert caught.value.data == {"parameter": "depth", "wanted": "1 to 9", "got": "12"}
    assert caught.value.next_step == "Give depth as 1 to 9."


TROUBLE: dict[str, tuple[str, Limits, str, str]] = {
    "memory": ("allocate", Limits(memory_bytes=512 << 20), "over_limit", "0.5 GiB of memory"),
    "memory in torch": (
        "allocate_in_torch", Limits(memory_bytes=2 << 30), "over_limit", "2 GiB of memory"),
    "processor time": ("spin", Limits(cpu_seconds=1), "over_limit", "1 s of processor time"),
    "time": ("sleep", Limits(wall_seconds=2), "over_limit", "more than the 2 s"),
    "a large file": ("write_file", Limits(file_bytes=8 << 20), "over_limit", "files of 8 MiB"),
    "a large answer": ("give_too_much", Limits(), "over_limit", "an answer of 64 MiB"),
    "killed": ("be_killed", Limits(), "over_limit", "memory"),
    "too many files": ("open_files", Limits(), "reader_broke", "OSError"),
    "a panic": ("break_down", Limits(), "reader_broke", "PanicException"),
    "an abort": ("dump_core", Limits(), "reader_broke", "SIGABRT"),
    "a silent end": ("vanish", Limits(), "reader_broke", "exit code 0"),
    "NaN": ("give_nan", Limits(), "reader_broke", "ValueError"),
    "no such target": ("nothing", Limits(), "reader_broke", "AttributeError"),
}  # fmt: skip


@pytest.mark.parametrize("case", TROUBLE)
def test_whatever_happens_to_the_child_is_a_refusal_that_says_what(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    target, limits, reason, text = TROUBLE[case]

    with caplog.at_level(logging.WARNING), pytest.raises(RejectedInputError, match=text) as caught:
        call(target, limits=limits)

    assert caught.value.data["reason"] == reason
    assert (reason == "over_limit") == ("limit" in caught.value.data)
    assert "the text of a user" not in caplog.text


def test_what_is_only_mapped_does_not_count_as_memory(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(8 << 30)

    assert (
        call("map_large_file", str(tmp_path / "sparse"), Limits(memory_bytes=256 << 20)) == 8 << 30
    )


def test_what_libraries_print_is_not_the_answer() -> None:
    assert call("print_garbage") == "the real answer"


@pytest.mark.parametrize("said", ["{]", "[]", "{}", "7", "\xff", "[" * 100_000])
def test_an_answer_that_is_none_ends_as_a_rejection(said: str) -> None:
    with pytest.raises(RejectedInputError) as refusal:
        call("answer_garbage", said)

    assert refusal.value.data["reason"] == "reader_broke"


def test_nothing_that_the_child_started_is_left() -> None:
    lines: list[str] = []

    assert call("leave_a_child", log=lines.append) == "done"

    assert until_gone(int(lines[0]))


def test_a_child_whose_caller_gives_up_is_ended() -> None:
    seen: list[int] = []

    def give_up(line: str) -> None:
        seen.append(int(line))
        raise LinearScopeError("cancelled")

    with pytest.raises(LinearScopeError, match="cancelled"):
        call("sleep", log=give_up)

    assert until_gone(seen[0])


def test_a_child_dies_with_the_process_that_called() -> None:
    code = (
        "import sys; from linearity.adapters.limited import call_limited;"
        f"call_limited('{TARGETS}:sleep', None, log=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout is not None
        child = int(caller.stdout.readline())
        caller.send_signal(signal.SIGKILL)

    assert until_gone(child)


def test_the_child_has_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(RejectedInputError, match=r"PermissionError|OSError"):
            call("connect", port)


@pytest.mark.skipif(
    os.uname().machine not in ("x86_64", "aarch64"), reason="the filter knows two machines"
)
def test_no_library_can_make_a_socket_either() -> None:
    assert call("make_socket_natively") == [-1, errno.EACCES]


def test_the_child_sees_no_secret_and_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("LINEARSCOPE_TOKEN", "secret")
    surroundings = call("tell_surroundings")

    assert isinstance(surroundings, dict)
    environment = surroundings["environment"]
    assert isinstance(environment, dict)
    assert surroundings["folder"] == []
    assert "secret" not in environment.values()
    assert environment["HF_HUB_OFFLINE"] == environment["TRANSFORMERS_OFFLINE"] == "1"


def test_where_the_kernel_helps_nowhere_python_still_refuses() -> None:
    assert call("connect_without_kernel") == "refused"
