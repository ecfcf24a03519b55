import os
import time
from pathlib import Path

import pytest

from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import sha256_hex
from linearity.errors import CorruptObjectError


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def test_an_object_is_named_by_its_digest_and_read_back(store: ArtifactStore) -> None:
    sha256 = store.put(b"some bytes")

    assert sha256 == sha256_hex(b"some bytes")
    assert store.get(sha256) == b"some bytes"
    assert store.path(sha256).stat().st_mode & 0o777 == 0o444


def test_a_damaged_object_is_never_given_out(store: ArtifactStore) -> None:
    sha256 = store.put(b"some bytes")
    store.path(sha256).chmod(0o644)
    store.path(sha256).write_bytes(b"same bytes")

    with pytest.raises(CorruptObjectError, match=sha256[:12]):
        store.get(sha256)


def test_an_interrupted_write_leaves_no_object_and_no_file(store: ArtifactStore) -> None:
    def interrupted() -> None:
        with store.writer() as writer:
            writer.write(b"half")
            raise OSError("interrupted")

    with pytest.raises(OSError, match="interrupted"):
        interrupted()

    assert not [path for path in store.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "ABC", "0" * 63, "0" * 65, "g" * 64])
def test_only_digests_become_paths(store: ArtifactStore, name: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        store.path(name)


def test_a_reference_is_remembered_under_any_name(store: ArtifactStore) -> None:
    store.set_ref({"builtin": "../x"}, [1, "two"])

    assert store.get_ref({"builtin": "../x"}) == [1, "two"]
    assert store.get_ref({"builtin": "other"}) is None


def test_old_leftovers_are_swept_and_fresh_writes_are_not(store: ArtifactStore) -> None:
    staging = store.root / "staging"
    (staging / "fresh").write_bytes(b"x")
    (staging / "old").write_bytes(b"x")
    (staging / "older").mkdir()
    (staging / "older" / "file").write_bytes(b"x")
    yesterday = time.time() - 100_000
    for name in ("old", "older"):
        os.utime(staging / name, (yesterday, yesterday))

    assert store.sweep(older_than_seconds=86_400) == 2
    assert [path.name for path in staging.iterdir()] == ["fresh"]
