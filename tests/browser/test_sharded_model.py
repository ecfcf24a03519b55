"""A real model in several shards: its folder dropped onto the page, sent, inspected, measured."""

import json
from pathlib import Path

import pytest
import safetensors.torch
from playwright.sync_api import Browser

from linearity.adapters.builtin_models import convert_builtin
from tests.browser.dragging import drop
from tests.browser.test_interrupted_upload import (
    measure_built_in,
    measure_here,
    numbers,
    visit,
)
from tests.system.house import House
from tests.system.web_process import WebProcess

pytestmark = [pytest.mark.system, pytest.mark.slow]

SHARDS = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """glass-en with its tensors dealt out to shards, as a large model is saved."""
    folder = tmp_path / "own" / "glass"
    folder.mkdir(parents=True)
    convert_builtin("glass-en", folder, lambda _: None)
    whole = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(whole)
    whole.unlink()
    placed: dict[str, str] = {}
    for number in range(SHARDS):
        name = f"model-{number + 1:05d}-of-{SHARDS:05d}.safetensors"
        part = {key: tensors[key] for key in sorted(tensors)[number::SHARDS]}
        safetensors.torch.save_file(part, folder / name, metadata={"format": "pt"})
        placed |= dict.fromkeys(part, name)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_a_dropped_folder_of_shards_is_measured_like_the_whole_model(
    folder: Path, house: House, web: WebProcess, browser: Browser, tmp_path: Path
) -> None:
    house.start_worker()
    with visit(browser) as page:
        page.goto(f"{web.url}/library/add/model")
        drop(page.locator(".drop-zone"), folder)
        page.get_by_text(f"{len(list(folder.iterdir()))} files will be sent").wait_for()
        assert page.get_by_label("Name", exact=True).input_value() == "glass"
        page.get_by_role("button", name="Start the upload").click()
        page.get_by_text("is ready.").wait_for(timeout=120_000)

    row = house.state.get_input("model", "glass")
    assert row is not None
    assert row.record is not None
    assert row.record["blocks"] == 4
    stored = {file.name for file in house.state.uploads_of("model", "glass") if file.sha256}
    assert stored == {path.name for path in folder.iterdir()}
    assert len([name for name in stored if "-of-" in name]) == SHARDS
    assert numbers(measure_here(house, web)) == numbers(measure_built_in(tmp_path / "own-data"))
