"""The hub from a terminal, against a real server on the loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import State
from tests.backend.test_cli import run_cli
from tests.hub_server import Hub, commit_of, serving_hub

STEPS = {f"step{number}": commit_of(str(number)) for number in (10, 20)}


@pytest.fixture
def hub(glass_folder: Callable[[], Path]) -> Iterator[Hub]:
    files = {path.name: path.read_bytes() for path in glass_folder().iterdir()}
    with serving_hub() as hub:
        hub.add("org/glass", files, downloads=7, branches=dict(STEPS))
        yield hub


def environ(hub: Hub, folder: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(folder / "hub"), "HF_TOKEN": ""}


def test_a_search_prints_names_and_falls_back_to_the_cache(hub: Hub, tmp_path: Path) -> None:
    found = run_cli(tmp_path, "models", "search", "gla", **environ(hub, tmp_path))
    hub.broken = True
    none = run_cli(tmp_path, "models", "search", "gla", **environ(hub, tmp_path))

    assert found.returncode == none.returncode == 0
    assert found.stdout.startswith("org/glass ")
    assert "7 downloads" in found.stdout
    assert "local cache" in none.stderr


def test_a_check_prints_commit_size_minutes_and_memory(hub: Hub, tmp_path: Path) -> None:
    told = run_cli(tmp_path, "models", "check", "org/glass@step10", **environ(hub, tmp_path))
    missing = run_cli(tmp_path, "models", "check", "no/such", **environ(hub, tmp_path))

    assert told.returncode == 0
    for part in (STEPS["step10"], "4 blocks x 128", "minutes", "GiB of memory"):
        assert part in told.stdout
    assert missing.returncode == 1
    assert "the hub has no model no/such" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_a_folder_is_checked_without_a_hub(
    tmp_path: Path, glass_folder: Callable[[], Path]
) -> None:
    told = run_cli(tmp_path, "models", "check", str(glass_folder()))

    assert told.returncode == 0
    assert "4 blocks x 128" in told.stdout


@pytest.mark.slow
def test_revisions_become_a_series_that_is_ready(hub: Hub, tmp_path: Path) -> None:
    added = run_cli(
        tmp_path, "models", "add", "org/glass", "--revisions", "step20,step10",
        **environ(hub, tmp_path),
    )  # fmt: skip

    state = State(sqlite_url(tmp_path / "state.db"))
    rows = state.list_inputs("model")
    state.close()
    assert added.returncode == 0, added.stderr
    assert [(row.name, row.state, row.series) for row in rows] == [
        ("org/glass@step20", "ready", "org/glass"),
        ("org/glass@step10", "ready", "org/glass"),
    ]
    assert rows[0].record
    assert rows[0].record["reference"] == f"org/glass@{STEPS['step20']}"
