"""Checkpoints: what was finished is there again, whatever happened to the process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from linearity.adapters.checkpoints import FileCheckpoints, sweep_checkpoints
from linearity.contracts.canonical import Json
from linearity.ports import Checkpoints
from tests.servers import eventually

RUN = "0123456789abcdef" * 2
SAVES_FOR_EVER = """
import sys
from pathlib import Path
from linearity.adapters.checkpoints import FileCheckpoints
checkpoints = FileCheckpoints(Path(sys.argv[1]), sys.argv[2])
for number in range(10**9):
    checkpoints.save(f"point-{number}", {"nll": number / 7, "text": "x" * 5000})
"""


@pytest.fixture
def checkpoints(tmp_path: Path) -> FileCheckpoints:
    return FileCheckpoints(tmp_path, RUN)


def file_of(root: Path) -> Path:
    return root / "checkpoints" / f"{RUN}.jsonl"


def test_a_first_attempt_finds_nothing_and_leaves_no_file(
    checkpoints: FileCheckpoints, tmp_path: Path
) -> None:
    port: Checkpoints = checkpoints

    assert port.load() == {}
    assert list(tmp_path.iterdir()) == []


def test_what_was_saved_is_there_for_the_next_attempt_to_the_last_digit(
    checkpoints: FileCheckpoints, tmp_path: Path
) -> None:
    value: Json = {"nll": 0.1 + 0.2, "order": [3, 1, 2], "ci95": None, "語": "層"}
    checkpoints.save("curve/drop/3", value)
    checkpoints.save("dense", 2.5)
    checkpoints.save("dense", 2.75)

    assert FileCheckpoints(tmp_path, RUN).load() == {"curve/drop/3": value, "dense": 2.75}
    assert file_of(tmp_path).read_bytes().count(b"\n") == 3


def test_a_torn_last_line_is_not_read_and_swallows_nothing(
    checkpoints: FileCheckpoints, tmp_path: Path
) -> None:
    checkpoints.save("one", 1)
    with file_of(tmp_path).open("ab") as stream:
        stream.write(b'{"name":"two","val')
    assert checkpoints.load() == {"one": 1}

    checkpoints.save("three", 3)

    assert checkpoints.load() == {"one": 1, "three": 3}


@pytest.mark.parametrize("line", [b"[]\n", b"7\n", b'{"name":1,"value":2}\n', b"\xff\n", b"\n"])
def test_a_line_that_is_not_ours_is_passed_over(
    checkpoints: FileCheckpoints, tmp_path: Path, line: bytes
) -> None:
    checkpoints.save("one", 1)
    with file_of(tmp_path).open("ab") as stream:
        stream.write(line)

    assert checkpoints.load() == {"one": 1}


def test_a_process_that_is_killed_while_it_saves_leaves_whole_pieces(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SAVES_FOR_EVER, str(tmp_path), RUN]
    with subprocess.Popen(command) as process:
        eventually(lambda: len(FileCheckpoints(tmp_path, RUN).load()) > 20)
        process.send_signal(signal.SIGKILL)
    found = FileCheckpoints(tmp_path, RUN).load()

    assert list(found) == [f"point-{number}" for number in range(len(found))]
    assert found["point-7"] == {"nll": 1.0, "text": "x" * 5000}


def test_a_number_that_is_none_is_refused_at_once(checkpoints: FileCheckpoints) -> None:
    with pytest.raises(ValueError, match="JSON"):
        checkpoints.save("nll", float("nan"))

    assert checkpoints.load() == {}


def test_what_was_deleted_is_gone_and_twice_is_harmless(checkpoints: FileCheckpoints) -> None:
    checkpoints.save("one", 1)
    checkpoints.delete()
    checkpoints.delete()

    assert checkpoints.load() == {}


@pytest.mark.parametrize("id", ["", "../../etc/passwd", RUN + "0", RUN.upper(), f"{RUN}\n"])
def test_no_file_is_named_by_anything_but_a_run_id(tmp_path: Path, id: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        FileCheckpoints(tmp_path, id)


def test_a_sweep_takes_what_nobody_came_back_for(tmp_path: Path) -> None:
    assert sweep_checkpoints(tmp_path) == 0  # an empty store has no such folder
    old, fresh = FileCheckpoints(tmp_path, RUN), FileCheckpoints(tmp_path, "f" * 32)
    for checkpoints in (old, fresh):
        checkpoints.save("one", 1)
    month_ago = time.time() - 31 * 86_400
    os.utime(file_of(tmp_path), (month_ago, month_ago))

    assert sweep_checkpoints(tmp_path) == 1
    assert (old.load(), fresh.load()) == ({}, {"one": 1})


def test_a_folder_that_cannot_be_written_does_not_stop_the_run(
    checkpoints: FileCheckpoints, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")

    checkpoints.save("one", 1)

    assert (tmp_path / "checkpoints").read_text().startswith("a file")
