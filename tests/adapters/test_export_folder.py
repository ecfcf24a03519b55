"""A folder appears whole or not at all, wherever it goes."""

from pathlib import Path

import pytest

from linearity.adapters.export_folder import (
    check_destination,
    publish_folder,
    publish_objects,
    staged_folder,
    store_staging,
)
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import sha256_hex
from linearity.contracts.export import ExportedFile
from linearity.errors import InvalidParameterError

DATA = {"config.json": b"{}", "model.safetensors": b"numbers"}
FILES = [ExportedFile(name, sha256_hex(data), len(data)) for name, data in DATA.items()]


def test_a_folder_appears_by_one_rename(tmp_path: Path) -> None:
    wanted = tmp_path / "pruned"
    with staged_folder(check_destination(wanted)) as staged:
        fill(staged)
        assert not wanted.exists()
        files = publish_folder(staged, wanted)

    assert files == FILES
    assert {p.name: p.read_bytes() for p in wanted.iterdir()} == DATA
    assert list(tmp_path.iterdir()) == [wanted]


def test_what_stops_the_run_leaves_nothing(tmp_path: Path) -> None:
    def stopped() -> None:
        with staged_folder(tmp_path) as staged:
            fill(staged)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_attempt_left_goes_with_the_next(tmp_path: Path) -> None:
    (tmp_path / ".linearscope-abc").mkdir()
    (tmp_path / ".linearscope-abc" / "model.safetensors").write_bytes(b"half")
    with staged_folder(tmp_path, "abc") as staged:
        assert list(staged.iterdir()) == []

    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_used_and_any_other_is_refused(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    with staged_folder(check_destination(empty)) as staged:
        fill(staged)
        publish_folder(staged, empty)

    assert len(list(empty.iterdir())) == 2
    for taken in (full, full / "notes.txt"):
        with pytest.raises(InvalidParameterError, match="does not exist, or is empty"):
            check_destination(taken)
    with pytest.raises(InvalidParameterError, match="may be written to"):
        check_destination(tmp_path / "no" / "such")


def test_a_folder_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    wanted = tmp_path / "pruned"
    with staged_folder(check_destination(wanted)) as staged:
        fill(staged)
        wanted.mkdir()
        (wanted / "theirs").write_text("")
        with pytest.raises(InvalidParameterError, match="does not exist, or is empty"):
            publish_folder(staged, wanted)

    assert [p.name for p in wanted.iterdir()] == ["theirs"]


def test_objects_of_the_store_take_no_second_place(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    with staged_folder(store_staging(store)) as staged:
        fill(staged)
        files = publish_objects(staged, store)

    assert files == FILES
    assert [store.get(file.sha256) for file in files] == [*DATA.values()]
    assert list(store_staging(store).iterdir()) == []


def fill(staged: Path) -> None:
    for name, data in DATA.items():
        (staged / name).write_bytes(data)
