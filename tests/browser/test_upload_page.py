"""Adding a model from files of one's own: choosing, what is left out, refusals, cancelling."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from linearity.adapters.state_quotas import UploadLimits
from linearity.adapters.state_uploads import Declared
from tests.browser.conftest import Visit
from tests.browser.test_access import violations
from tests.servers import eventually

pytestmark = pytest.mark.system

WEIGHTS = bytes(range(256)) * 4000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my model"
    (folder / "onnx").mkdir(parents=True)
    for name, data in {
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"\x80\x04.",
        "onnx/model.onnx": b"x",
        ".gitattributes": b"x",
    }.items():
        (folder / name).write_bytes(data)
    return folder


def choose(visit: Visit, folder: Path, query: str = "") -> Page:
    page = visit.open(f"/library/add/model{query}")
    page.locator(".pick-folder").set_input_files(folder)
    page.locator("#upload-name").wait_for()
    return page


def test_what_is_used_and_what_is_left_out_is_told_before_anything_is_sent(
    visit: Visit, folder: Path
) -> None:
    page = choose(visit, folder)

    left = page.locator(".left-out li").all_inner_texts()
    assert page.get_by_text("3 files will be sent, 1 MB.").count() == 1
    assert page.locator("#upload-name").input_value() == "my-model"
    assert [text.split(" ")[0] for text in sorted(left)] == ["onnx/model.onnx", "pytorch_model.bin"]
    assert any("pickle" in text for text in left)
    assert violations(page) == []
    assert [url for url in visit.requests if "/uploads/" in url] == []
    assert visit.errors == []


def test_files_that_are_no_model_are_told_what_is_missing(visit: Visit, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    page = visit.open("/library/add/model")
    page.locator(".pick-folder").set_input_files(folder)

    page.get_by_text("A model also needs: tokenizer.json").wait_for()

    assert page.get_by_role("button", name="Start the upload").count() == 0


def test_a_name_that_is_taken_lets_another_be_typed(visit: Visit, folder: Path) -> None:
    page = choose(visit, folder)
    page.locator("#upload-name").fill("smollm2")
    page.get_by_role("button", name="Start the upload").click()

    page.get_by_text("there is another model called smollm2").wait_for()
    page.locator("#upload-name").fill("another-name")
    page.get_by_role("button", name="Start the upload").click()
    page.get_by_text("Everything is sent.").wait_for()

    row = visit.site.services.state.get_input("model", "another-name")
    assert row is not None
    assert row.state == "inspecting"


def test_an_unfinished_upload_is_shown_and_can_be_removed(visit: Visit) -> None:
    state = visit.site.services.state
    files = (("config.json", 2), ("model.safetensors", 1000), ("tokenizer.json", 2))
    state.declare_input(Declared("model", "half", "half", "local", files), UploadLimits())
    page = visit.open("/library/add/model?lang=ja")

    card = page.locator(".unfinished-card", has_text="half")
    card.get_by_text("全 3 個のうち 3 個が未完了").wait_for()
    assert violations(page) == []
    card.get_by_role("button", name="half を削除").press("Enter")

    eventually(lambda: state.get_input("model", "half") is None)
    card.wait_for(state="detached")
    assert visit.errors == []


def test_the_library_leads_back_to_an_upload_that_broke_off(visit: Visit) -> None:
    state = visit.site.services.state
    files = (("config.json", 2), ("model.safetensors", 1000), ("tokenizer.json", 2))
    state.declare_input(Declared("model", "broken", "broken-off", "local", files), UploadLimits())
    page = visit.open("/library")

    card = page.locator(".card", has_text="broken-off")
    card.get_by_text("Not complete: 3 of 3 files are missing.").wait_for()
    card.get_by_role("link", name="Go on").click()

    page.locator(".unfinished-card", has_text="broken-off").wait_for()


def test_a_paused_upload_is_cancelled_without_a_trace(phone: Visit, folder: Path) -> None:
    page = choose(phone, folder)
    held = []
    page.route("**/api/v1/uploads/*", lambda route: held.append(route))
    page.locator("#upload-name").fill("unwanted")
    page.get_by_role("button", name="Start the upload").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused at 0%").wait_for()
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    page.get_by_role("button", name="Cancel").click()

    page.get_by_text("The upload was cancelled").wait_for()

    assert wide <= 390
    assert phone.site.services.state.get_input("model", "unwanted") is None
    assert page.get_by_role("button", name="Choose a folder").is_visible()
