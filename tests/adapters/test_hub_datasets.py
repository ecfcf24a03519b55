"""Rows of hub datasets: what is fetched, and what is refused before anything of it is opened."""

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linearity.adapters.hub_datasets import fetching_environment, first_rows
from linearity.adapters.hub_rows import write_rows
from linearity.adapters.store import ArtifactStore
from linearity.contracts.reading import HubDataset
from linearity.errors import HubUnreachableError, InvalidParameterError, RejectedInputError
from tests.conftest import quiet
from tests.servers import PATIENCE_SECONDS, eventually, processes_of

ANY = HubDataset("owner/name")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the library keeps what it reads; a folder of the test."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


def fetch(
    folder: Path, dataset: HubDataset = ANY, *, rows: int = 10
) -> tuple[dict[str, object], list[dict[str, object]]]:
    out = folder.parent / "out"
    facts = write_rows(
        str(folder), dataset, revision=None, out=out, limits=(rows, 1 << 20), log=quiet
    )
    return facts, [json.loads(line) for line in out.read_text().splitlines()]


def test_texts_numbers_and_messages_are_fetched_and_bytes_are_left(home: Path) -> None:
    messages = [[{"role": "user", "content": "富士山?"}]] * 3
    table = pa.table(
        {"text": ["あ", None, "う"], "messages": messages, "n": [1.0, float("nan"), 2.0],
         "picture": [b"1", b"2", b"3"]}
    )  # fmt: skip
    pq.write_table(table, home / "train.parquet")

    facts, rows = fetch(home)

    assert facts == {"rows": 3, "whole": True}
    assert rows[1] == {"text": None, "messages": messages[0], "n": None}
    assert fetch(home, rows=2)[0] == {"rows": 2, "whole": False}


def test_the_process_that_fetches_is_told_no_secret_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LINEARSCOPE_TOKEN", "REDIS_URL", "DATABASE_URL", "HF_ENDPOINT"):
        monkeypatch.setenv(name, "told")

    names = {name for name, value in fetching_environment().items() if value == "told"}

    assert names == {"HF_ENDPOINT"}


def test_a_missing_split_or_subset_names_what_there_is(home: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), home / "train.parquet")

    with pytest.raises(RejectedInputError, match="train") as caught:
        fetch(home, HubDataset("owner/name", split="nope"))
    assert caught.value.data["reason"] == "no_such_part"
    with pytest.raises(RejectedInputError, match="default"):
        fetch(home, HubDataset("owner/name", config="nope"))


def test_pickled_tables_are_refused_unopened(home: Path) -> None:
    (home / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: train.pkl\n---\n"
    )
    (home / "train.pkl").write_bytes(pickle.dumps(_Trap(home / "sprung")))

    with pytest.raises(RejectedInputError):
        fetch(home)

    assert not (home / "sprung").exists()


class _Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_a_script_of_a_repository_does_not_run(home: Path) -> None:
    (home / "repository.py").write_text(f"open({str(home / 'sprung')!r}, 'w')")

    with pytest.raises(RejectedInputError):
        fetch(home)

    assert not (home / "sprung").exists()


def test_without_a_hub_there_is_a_sentence(
    tmp_path: Path, small_store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    # A local folder called like the dataset is not the dataset.
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "train.csv").write_text("text\nlocal\n")

    with pytest.raises(HubUnreachableError, match="the hub cannot be reached"):
        first_rows(ANY, small_store)


@pytest.mark.parametrize(
    "name", ["json", "../x", "a/b/c", "/etc", "a/b.git", "a\nb/c", "a/..b", ""]
)
def test_only_owner_and_name_is_a_dataset_of_the_hub(name: str) -> None:
    with pytest.raises(InvalidParameterError, match="owner/name"):
        HubDataset.from_json({"name": name})


def test_a_reference_names_the_same_part_again() -> None:
    for dataset in (ANY, HubDataset("a/b", "ja", "test", "v1.0/x")):
        assert HubDataset.from_reference(dataset.reference) == dataset


FETCH = """
import sys
from pathlib import Path
from linearity.adapters.hub_datasets import first_rows
from linearity.adapters.store import ArtifactStore
from linearity.contracts.reading import HubDataset
first_rows(HubDataset("owner/name"), ArtifactStore(Path(sys.argv[1])))
"""


@pytest.mark.system
def test_a_fetch_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}", "HF_HUB_OFFLINE": "0"}
        asker = subprocess.Popen(
            [sys.executable, "-c", FETCH, str(tmp_path)],
            env={**os.environ, **hub, "HF_HOME": str(tmp_path)},
        )
        connection, _ = silent.accept()  # by the process that fetches; nobody will answer it
        with connection:
            both = processes_of(tmp_path)
            asker.kill()
            asker.wait()

            assert len(both) == 2
            eventually(lambda: processes_of(tmp_path) == [], seconds=5)
