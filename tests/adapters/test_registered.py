"""Inputs of a result, found by what they are and never by what they are called."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from linearity.adapters.inputs import prepare_dataset, prepare_model
from linearity.adapters.registered import find_dataset, find_model
from linearity.adapters.settings import Settings, read_settings
from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.errors import InputChangedError, UnknownInputError
from tests.conftest import quiet


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"LINEARSCOPE_DATA": str(tmp_path / "data")})


@pytest.fixture
def places(settings: Settings, small_store: ArtifactStore) -> dict[str, Any]:
    return {"given": None, "settings": settings, "store": small_store, "log": quiet}


def register(settings: Settings, kind: str, record: ModelRecord | DatasetRecord) -> None:
    state = State(settings.database_url)
    state.add_input(kind, id=record.id, name=record.name, source="path", reference=record.reference)
    state.input_ready(kind, record.id, dict(record.as_json()))
    state.close()


def test_a_registered_model_is_found_under_whatever_name(
    settings: Settings,
    places: dict[str, Any],
    small_store: ArtifactStore,
    glass_folder: Callable[[], Path],
) -> None:
    folder = glass_folder()
    record = prepare_model(str(folder), store=small_store, roots=None, log=quiet)
    register(settings, "model", replace(record, id="renamed", template_allowed=True))
    named = {"id": "mine", "name": "Mine", "fingerprint": record.fingerprint}

    found = find_model(named, **places)

    assert (found.id, found.fingerprint) == ("renamed", record.fingerprint)
    assert found.template_allowed  # as an administrator decided


def test_a_registered_dataset_is_found(
    settings: Settings, places: dict[str, Any], small_store: ArtifactStore, tmp_path: Path
) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("One text.\n" * 50)
    record = prepare_dataset(str(file), store=small_store, roots=None, log=quiet)
    register(settings, "dataset", record)

    found = find_dataset({"id": "x", "name": "X", "fingerprint": record.fingerprint}, **places)

    assert asdict(found) == asdict(record)


def test_a_built_in_name_is_no_proof(glass_record: ModelRecord, places: dict[str, Any]) -> None:
    right = {"id": "glass-en", "name": "x", "fingerprint": glass_record.fingerprint}

    assert find_model(right, **places) == glass_record
    with pytest.raises(InputChangedError, match="the result was computed on one with"):
        find_model(right | {"fingerprint": "c" * 64}, **places)


def test_what_is_named_must_be_it(glass_record: ModelRecord, places: dict[str, Any]) -> None:
    named = {"id": "mine", "name": "Mine", "fingerprint": glass_record.fingerprint}
    other = named | {"fingerprint": "c" * 64}

    assert find_model(named, **places | {"given": "glass-en"}) == glass_record
    with pytest.raises(InputChangedError) as refused:
        find_model(other, **places | {"given": "glass-en"})
    assert "--model" in refused.value.next_step


def test_what_is_not_here_is_told_with_the_next_step_and_makes_no_database(
    places: dict[str, Any], settings: Settings
) -> None:
    with pytest.raises(UnknownInputError, match="Mine") as refused:
        find_dataset({"id": "mine", "name": "Mine", "fingerprint": "c" * 64}, **places)

    assert "--dataset" in refused.value.next_step
    assert not (settings.data / "state.db").exists()
