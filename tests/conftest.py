"""What many folders share: the small built-in model, prepared once for the whole run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import prepare_dataset, prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.models.loaded import LoadedModel


def quiet(_: str) -> None:
    """Drop a line meant for people."""


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    """A store that holds glass-en and python-docs."""
    return ArtifactStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def glass_record(small_store: ArtifactStore) -> ModelRecord:
    """The record of the English GlassLM, 4 blocks of width 128."""
    return prepare_model("glass-en", store=small_store, roots=None, log=quiet)


@pytest.fixture(scope="session")
def docs_record(small_store: ArtifactStore) -> DatasetRecord:
    """The record of python-docs."""
    return prepare_dataset("python-docs", store=small_store, roots=None, log=quiet)


@pytest.fixture(scope="session")
def glass(small_store: ArtifactStore, glass_record: ModelRecord) -> LoadedModel:
    """The English GlassLM in memory, on the CPU, in float32."""
    return load_model(glass_record, small_store, device="cpu", dtype="float32", attention="eager")


@pytest.fixture(scope="session")
def glass_folder(
    small_store: ArtifactStore, glass_record: ModelRecord, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Path]:
    """A function that writes the English GlassLM into a fresh folder of plain files."""

    def write() -> Path:
        folder = tmp_path_factory.mktemp("model")
        for file in glass_record.files:
            (folder / file.name).write_bytes(small_store.get(file.sha256))
        return folder

    return write
