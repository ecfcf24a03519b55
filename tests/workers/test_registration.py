"""Inspecting uploaded models: files that are objects of the store."""

from dataclasses import asdict
from pathlib import Path

import pytest

from linearity.adapters.builtin_models import convert_builtin
from linearity.adapters.inputs import prepare_model
from linearity.adapters.naming import name_path
from linearity.adapters.state import InputRow, State, UploadRow
from linearity.adapters.state_inputs import Intake
from linearity.adapters.state_quotas import UploadLimits
from linearity.adapters.state_uploads import Declared
from linearity.adapters.store import ArtifactStore
from linearity.contracts.named_layout import NamedParts
from linearity.contracts.runs import InputState
from linearity.errors import RejectedInputError
from tests.families.test_named import write as write_named
from workers.registration import inspect, register_here


def received(folder: Path, store: ArtifactStore, state: State) -> tuple[InputRow, list[UploadRow]]:
    """Bring the files of a folder into the store as an upload would."""
    files = sorted(folder.iterdir())
    declared = tuple((file.name, file.stat().st_size) for file in files)
    row, _, _ = state.declare_input(
        Declared("model", "mine", "Mine", "local", declared), UploadLimits()
    )
    for upload, file in zip(state.uploads_of("model", "mine"), files, strict=True):
        sha256, size = store.put_file(file)
        state.upload_received(upload.id, before=0, after=size)
        state.upload_digested(upload.id, sha256)
    return row, state.uploads_of("model", "mine")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(f"sqlite:///{tmp_path / 'state.db'}")


def test_an_uploaded_copy_of_a_built_in_model_is_the_same_model(
    tmp_path: Path, store: ArtifactStore, state: State
) -> None:
    folder = tmp_path / "glass"
    folder.mkdir()
    convert_builtin("glass-en", folder, lambda _: None)
    row, uploads = received(folder, store, state)

    record = inspect(row, roots=(), store=store, log=lambda _: None, uploads=uploads)

    builtin = prepare_model("glass-en", store=store, roots=(), log=lambda _: None).as_json()
    own = {"id": "mine", "name": "Mine", "source": "upload", "reference": "mine", "licence": None}
    assert {**builtin, **own, "files": None} == {**record, "files": None}
    assert all(file["path"] is None for file in record["files"])


def test_an_uploaded_page_that_is_called_safetensors_is_rejected(
    tmp_path: Path, store: ArtifactStore, state: State
) -> None:
    folder = tmp_path / "glass"
    folder.mkdir()
    convert_builtin("glass-en", folder, lambda _: None)
    weights = folder / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"<!doctype html><title>404</title>" * 10)
    row, uploads = received(folder, store, state)

    with pytest.raises(RejectedInputError, match=r"model\.safetensors"):
        inspect(row, roots=(), store=store, log=lambda _: None, uploads=uploads)


def test_a_text_that_somebody_only_looks_at_is_registered_from_a_terminal(
    tmp_path: Path, store: ArtifactStore, state: State
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("One line of text.\n" * 50)
    named = asdict(name_path(str(path)))
    state.add_input("dataset", **named, intake=Intake(owner="ann", receiving=True))

    row = register_here("dataset", str(path), state=state, store=store, log=lambda _: None)

    assert (row.state, row.owner) == (InputState.READY, "ann")


def test_blocks_named_in_a_terminal_are_kept_with_the_model(
    tmp_path: Path, store: ArtifactStore, state: State
) -> None:
    folder = write_named(tmp_path / "granite", "granite")
    parts = NamedParts("model.layers", "model.norm")

    row = register_here(
        "model", str(folder), state=state, store=store, log=lambda _: None, options=parts
    )

    assert (row.state, row.options) == (InputState.READY, parts.as_json())
    assert row.record is not None
    assert row.record["id"] == row.id != name_path(str(folder)).id
    layout = {"decoder": "model", "head": "lm_head", "blocks": "layers", "norm": "norm"}
    assert {**row.record["layout"], "attentions": None} == {**layout, "attentions": None}
