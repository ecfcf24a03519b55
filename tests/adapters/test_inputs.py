import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linearity.adapters.dataset_intake import text_files
from linearity.adapters.inputs import load_documents, prepare_dataset, prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import sha256_hex
from linearity.contracts.inputs import DatasetRecord
from linearity.errors import (
    InvalidParameterError,
    PathNotAllowedError,
    RejectedInputError,
    UnknownInputError,
)
from tests.conftest import quiet


def dataset(path: Path, store: ArtifactStore) -> DatasetRecord:
    return prepare_dataset(str(path), store=store, roots=[path.parent], log=quiet)


def test_python_docs_is_pythons_own_reference(
    docs_record: DatasetRecord, small_store: ArtifactStore
) -> None:
    from pydoc_data.topics import topics

    documents = load_documents(docs_record, small_store)

    assert documents == [topics[name] for name in sorted(topics)]
    assert docs_record.documents == len(topics)
    assert docs_record.characters == sum(map(len, documents))


def test_the_fingerprint_of_a_dataset_is_the_digest_of_its_stored_documents(
    docs_record: DatasetRecord, small_store: ArtifactStore
) -> None:
    assert sha256_hex(small_store.get(docs_record.fingerprint)) == docs_record.fingerprint


def test_python_source_is_the_standard_library(small_store: ArtifactStore) -> None:
    record = prepare_dataset("python-source", store=small_store, roots=None, log=quiet)
    documents = load_documents(record, small_store)

    assert record.documents > 300
    assert any("class ArgumentParser" in text for text in documents)


def test_own_files_become_documents_in_path_order(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "b.txt").write_text("second", encoding="utf-8-sig")
    (folder / "a.md").write_text("first 日本語", encoding="utf-8")
    (folder / "c.jsonl").write_text(
        json.dumps({"text": "third\u2028line"}, ensure_ascii=False)
        + "\n\n"
        + json.dumps({"text": "  "})
        + "\n",
        encoding="utf-8",
    )
    (folder / "ignored.bin").write_bytes(b"\x00")

    documents = load_documents(dataset(folder, small_store), small_store)

    assert documents == ["first 日本語", "second", "third\u2028line"]


@pytest.mark.parametrize(
    ("name", "data", "reason", "text"),
    [
        ("empty.txt", b"", "no_text", "holds no text"),
        ("blank.jsonl", b'{"text": " \\n"}\n', "no_text", "holds no text"),
        ("latin.txt", "caf\u00e9".encode("latin-1"), "not_utf8", "byte 3"),
        ("bad.jsonl", b'{"text": "ok"}\n{"text": 1}\n', "bad_line", "line 2"),
        ("nan.jsonl", b'{"text": NaN}\n', "bad_line", "line 1"),
        ("list.jsonl", b"[]\n", "bad_line", "line 1"),
        ("archive.zip", b"PK", "unsupported_file", "not read"),
    ],
)
def test_a_bad_dataset_is_refused_with_the_place(
    name: str, data: bytes, reason: str, text: str, tmp_path: Path, small_store: ArtifactStore
) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(RejectedInputError, match=text) as caught:
        dataset(tmp_path / name, small_store)

    assert caught.value.data["reason"] == reason


@pytest.mark.parametrize("reference", ["/etc/passwd", "/etc", "../../etc/passwd", "/no/such/place"])
def test_a_path_outside_the_folders_is_refused_whether_it_exists_or_not(
    reference: str, tmp_path: Path, small_store: ArtifactStore
) -> None:
    for prepare in (prepare_model, prepare_dataset):
        with pytest.raises(PathNotAllowedError, match="outside the folders"):
            prepare(reference, store=small_store, roots=[tmp_path], log=quiet)


def test_a_link_that_leaves_the_folders_is_refused(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "link").symlink_to(outside)

    with pytest.raises(PathNotAllowedError):
        prepare_model(str(inside / "link"), store=small_store, roots=[inside], log=quiet)


def test_a_weight_file_that_links_out_of_the_folders_is_refused(
    tmp_path: Path, glass_folder: Callable[[], Path], small_store: ArtifactStore
) -> None:
    inside, outside = tmp_path / "inside", glass_folder() / "model.safetensors"
    shutil.copytree(outside.parent, inside)
    (inside / "model.safetensors").unlink()
    (inside / "model.safetensors").symlink_to(outside)

    with pytest.raises(PathNotAllowedError):
        prepare_model(str(inside), store=small_store, roots=[tmp_path], log=quiet)


def test_a_text_that_links_out_of_its_folder_is_refused(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder, secret = tmp_path / "texts", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("secret")
    (folder / "a.txt").symlink_to(secret)

    with pytest.raises(RejectedInputError, match="link that leaves the folder"):
        dataset(folder, small_store)


@pytest.mark.parametrize(
    "reference",
    ["no-such-model", "a/b/c", "file:///etc/passwd", "http://host/x", "-x/y", "x/y.git",
     "owner/..", "a\nb", "", "x\x00y"],
)  # fmt: skip
def test_an_unknown_model_is_an_error_that_names_the_built_ins(
    reference: str, small_store: ArtifactStore
) -> None:
    with pytest.raises((UnknownInputError, InvalidParameterError)) as caught:
        prepare_model(reference, store=small_store, roots=[], log=quiet)

    assert "smollm2" in caught.value.next_step or "owner/name" in caught.value.next_step


def test_a_hub_model_that_is_neither_reachable_nor_cached_says_so(
    small_store: ArtifactStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(UnknownInputError, match="cannot be reached and owner/name is not"):
        prepare_model("owner/name", store=small_store, roots=[], log=quiet)


def test_a_hub_model_in_the_local_cache_is_read_offline_and_pinned_to_its_commit(
    small_store: ArtifactStore,
    glass_folder: Callable[[], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--owner--name"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(commit)
    shutil.copytree(glass_folder(), cached / "snapshots" / commit)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    record = prepare_model("owner/name", store=small_store, roots=[], log=quiet)

    assert (record.source, record.name) == ("hub", "owner/name")
    assert record.reference == f"owner/name@{commit}"
    assert record.blocks == 4


def test_documents_survive_storage(small_store: ArtifactStore, tmp_path: Path) -> None:
    texts = ["a\nb", "日本語", 'quote " and \\ slash', "x\u2028y"]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (tmp_path / "d.jsonl").write_text(lines)
    record = dataset(tmp_path / "d.jsonl", small_store)

    assert load_documents(record, small_store) == texts


def test_a_folder_of_too_many_files_is_refused_without_looking_at_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.txt").write_text("text")

    def files(_: Path, __: str) -> Iterator[Path]:
        for _unused in range(100):
            yield tmp_path / "one.txt"
        pytest.fail("it looked on")

    monkeypatch.setattr(Path, "rglob", files)
    monkeypatch.setattr("linearity.adapters.dataset_intake.MOST_FILES", 20)

    with pytest.raises(RejectedInputError) as refusal:
        text_files(tmp_path)

    assert refusal.value.data["reason"] == "too_many_files"
