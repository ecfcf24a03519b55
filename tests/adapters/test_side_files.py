"""What lies beside a model is kept and copied as bytes; a change is seen, a lack is said."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from linearity.adapters.inputs import prepare_model
from linearity.adapters.model_intake import received_model
from linearity.adapters.naming import InputName
from linearity.adapters.side_files import copy_side_files
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import ModelRecord, StoredFile
from linearity.contracts.model_files import is_kept_file, is_side_file
from linearity.errors import InputChangedError
from tests.conftest import quiet

Folder = Callable[[], Path]
# Odd on purpose: a line end, a key and a comment that no reader of ours would write.
GENERATION = b'{"eos_token_id": 3,\r\n "temperature": 0.7, "unknown": "kept"}\r\n'
TEMPLATE = b"{{ cycler.__init__ }} never rendered"
NOTICE = "Notice of ours: \u7dda\u5f62\n".encode()


def a_folder(glass_folder: Folder) -> Path:
    """Return a model's folder with everything that may lie beside it."""
    place = glass_folder()
    (place / "generation_config.json").write_bytes(GENERATION)
    (place / "chat_template.jinja").write_bytes(TEMPLATE)
    (place / "LICENSE").write_text("Terms")
    (place / "Notice.txt").write_bytes(NOTICE)
    (place / "merges.txt").write_text("#version: 0.2\n")
    (place / "README.md").write_text("---\ntags:\n- a\nlicense: apache-2.0\n---\nlicense: mit\n")
    (place / "modeling_mine.py").write_text("raise SystemExit")
    return place


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def prepared(folder: Path, store: ArtifactStore) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=None, log=quiet)


def target(tmp_path: Path) -> Path:
    place = tmp_path / "export"
    place.mkdir()
    return place


def test_everything_beside_a_model_is_copied_byte_for_byte(
    glass_folder: Folder, store: ArtifactStore, tmp_path: Path
) -> None:
    source, copy = a_folder(glass_folder), target(tmp_path)
    copied = copy_side_files(prepared(source, store), store, copy)

    assert {path.name for path in copy.iterdir()} == set(copied.names)
    assert set(copied.names) == {
        "tokenizer.json", "tokenizer_config.json", "generation_config.json",
        "chat_template.jinja", "LICENSE", "Notice.txt", "merges.txt",
    }  # fmt: skip
    for name in copied.names:
        assert (copy / name).read_bytes() == (source / name).read_bytes()
    assert copied.warnings == []


def test_the_models_own_settings_lead(
    glass_folder: Folder, store: ArtifactStore, tmp_path: Path
) -> None:
    source, copy = a_folder(glass_folder), target(tmp_path)
    (copy / "generation_config.json").write_text("{}")
    copy_side_files(prepared(source, store), store, copy)

    assert (copy / "generation_config.json").read_bytes() == GENERATION


def test_the_licence_is_the_one_in_the_front_matter_of_the_card(
    glass_folder: Folder, store: ArtifactStore
) -> None:
    source = a_folder(glass_folder)
    named = prepared(source, store).licence
    (source / "README.md").write_text("license: mit\n")

    assert named == "apache-2.0"
    assert prepared(source, store).licence is None


def test_terms_and_card_are_no_part_of_what_a_model_is(
    glass_folder: Folder, store: ArtifactStore
) -> None:
    source = a_folder(glass_folder)
    before = prepared(source, store).fingerprint
    for name in ("LICENSE", "Notice.txt", "README.md", "merges.txt"):
        (source / name).unlink()

    assert prepared(source, store).fingerprint == before


@pytest.mark.parametrize("change", ["gone", "other bytes", "other bytes of the same time"])
def test_a_side_file_that_is_not_the_registered_one_stops_the_export(
    glass_folder: Folder, store: ArtifactStore, tmp_path: Path, change: str
) -> None:
    source = a_folder(glass_folder)
    record = prepared(source, store)
    notice = source / "Notice.txt"
    before = notice.stat()
    notice.unlink()
    if change != "gone":
        notice.write_bytes(NOTICE[::-1])
    if change == "other bytes of the same time":
        os.utime(notice, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(InputChangedError, match=r"Notice\.txt"):
        copy_side_files(record, store, target(tmp_path))


def test_what_is_missing_is_said(
    glass_folder: Folder, store: ArtifactStore, tmp_path: Path
) -> None:
    source = glass_folder()
    for name in ("generation_config.json", "chat_template.jinja"):
        (source / name).unlink(missing_ok=True)
    copied = copy_side_files(prepared(source, store), store, target(tmp_path))

    assert [warning.code for warning in copied.warnings] == [
        "no_generation_config", "no_chat_template", "no_licence_file",
    ]  # fmt: skip
    assert "licence is unknown" in copied.warnings[-1].message


def test_an_upload_keeps_its_terms_as_objects_of_the_store(
    glass_folder: Folder, store: ArtifactStore, tmp_path: Path
) -> None:
    source, copy = a_folder(glass_folder), target(tmp_path)
    sent = [path for path in source.iterdir() if is_kept_file(path.name)]
    files = [StoredFile(path.name, *store.put_file(path)) for path in sent]
    named = InputName("mine", "Mine", "upload", "mine")
    copied = copy_side_files(received_model(named, files, store=store, log=quiet), store, copy)

    assert {"LICENSE", "Notice.txt"} <= set(copied.names)
    assert (copy / "Notice.txt").read_bytes() == NOTICE


def test_a_record_of_before_gives_what_was_made_of_its_files(
    glass_folder: Folder, store: ArtifactStore, tmp_path: Path
) -> None:
    copy = target(tmp_path)
    old = replace(prepared(a_folder(glass_folder), store), side=())
    copied = copy_side_files(ModelRecord.from_json(old.as_json()), store, copy)

    assert copied.warnings[0].code == "side_files_made"
    assert json.loads((copy / "generation_config.json").read_bytes()) == {"eos_token_id": 3}


@pytest.mark.parametrize(
    "name", ["LICENSE", "LICENCE.md", "license-model.txt", "NOTICE", "merges.txt"]
)
def test_names_of_terms_are_known(name: str) -> None:
    assert is_side_file(name)


@pytest.mark.parametrize(
    "name", ["LICENSE.py", "NOTICE/..", "../LICENSE", "LICENSES", "notice.html"]
)
def test_other_names_are_not(name: str) -> None:
    assert not is_side_file(name)
