"""Adding a model: from the hub, looked at first, and from a folder of the server."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.browser.test_access import violations
from tests.hub_server import Hub, commit_of

pytestmark = pytest.mark.system

CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "vocab_size": 49152,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}
FIELD = "Search the hub, or type owner/name"


def files(**config: object) -> dict[str, bytes]:
    body = json.dumps({**CONFIG, **config}).encode()
    weights = bytes(270_000)
    return {"config.json": body, "tokenizer.json": b"{}", "model.safetensors": weights}


@pytest.fixture
def hub(visit: Visit) -> Iterator[Hub]:
    hub = visit.site.hub
    hub.repositories.clear()
    counted = {"BF16": 134_515_008}
    steps = {f"step{number}": commit_of(f"step{number}") for number in (1000, 2000, 10_000)}
    hub.add("org/small-model", files(), downloads=2_100_000, counted=counted, branches=steps)
    hub.add("org/small-gated", files(), downloads=90, gated="manual")
    hub.add("org/small-mamba", files(model_type="mamba"), downloads=5, counted=counted)
    visit.site.services.live.redis.flushdb()
    yield hub
    hub.broken = False


def search(page: Page, text: str) -> None:
    """Type into the field and wait for suggestions."""
    page.get_by_label(FIELD).first.fill(text)
    page.get_by_role("option").first.wait_for()


def test_a_model_is_found_looked_at_and_registered_with_the_keyboard(
    visit: Visit, hub: Hub
) -> None:
    page = visit.open("/library/add/model")
    page.get_by_role("combobox").focus()
    page.keyboard.type("small")
    page.get_by_role("option", name="org/small-model").wait_for()
    shown = page.get_by_role("option").all_inner_texts()
    page.keyboard.press("ArrowDown")
    first = page.get_by_role("combobox").get_attribute("aria-activedescendant")
    page.keyboard.press("Escape")
    closed = page.get_by_role("option").count()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Register org/small-model").wait_for()
    told = page.locator(".preflight").inner_text()
    found = violations(page)
    page.get_by_role("button", name="Register org/small-model").click()
    page.get_by_text("org/small-model was added and is being prepared.").wait_for()

    assert "135 M parameters" in shown[0]
    assert "2,100,000 downloads" in shown[0]
    assert "gated" in shown[1]
    assert (first, closed) == ("hub-search-option-0", 0)
    for text in ("30 blocks × 576", "apache-2.0", commit_of("org/small-model@main")[:12], "270"):
        assert text in told
    assert "about" in told
    assert found == []
    row = visit.site.services.state.find_input("model", "org/small-model")
    assert row
    assert row.reference == f"org/small-model@{commit_of('org/small-model@main')}"
    assert visit.errors == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("org/small-gated", "asks readers to accept a licence"),
        ("org/small-mamba", "This architecture is not supported."),
    ],
)
def test_a_model_that_cannot_be_used_says_why_and_cannot_be_registered(
    name: str, words: str, visit: Visit, hub: Hub
) -> None:
    page = visit.open("/library/add/model")
    search(page, name)
    page.get_by_role("option", name=name).click()
    page.locator(".preflight").wait_for()

    assert words in page.locator(".preflight").inner_text()
    assert page.get_by_role("button", name=f"Register {name}").is_disabled()


def test_a_series_of_revisions_is_registered_in_one_step_and_stands_together(
    visit: Visit, hub: Hub
) -> None:
    page = visit.open("/library/add/model")
    page.get_by_role("combobox").fill("org/small-model@step2000")
    page.keyboard.press("Enter")
    page.get_by_text("Register several revisions as a series").click()
    names = page.locator(".revisions li").all_inner_texts()
    for step in ("step10000", "step1000", "step2000"):
        page.get_by_label(step, exact=True).check()
    page.get_by_role("button", name="Register 3 as a series").click()
    page.get_by_text("3 models of org/small-model were added as a series.").wait_for()
    page.get_by_role("link", name="Library").first.click()
    group = page.locator(".series-group", has_text="Series: org/small-model")
    group.wait_for()

    assert names == ["main", "step1000", "step2000", "step10000"]
    assert group.locator("h3").all_inner_texts()[1:] == [
        f"org/small-model@{step}" for step in ("step1000", "step2000", "step10000")
    ]


def test_without_the_hub_the_page_says_so_and_lists_the_local_cache(
    visit: Visit, hub: Hub, glass_folder: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.hub_desk.PAUSE_SECONDS", 0)  # the next test asks the hub again
    hub.broken = True
    cache = visit.site.services.settings.hub.cache
    assert cache
    commit = commit_of("cached")
    folder = cache / "models--org--cached-glass"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    shutil.copytree(glass_folder(), folder / "snapshots" / commit)
    page = visit.open("/library/add/model")

    search(page, "cached")
    told = page.locator(".hub-intake [role=status]").first.inner_text()
    page.get_by_role("option", name="org/cached-glass").click()
    page.get_by_role("button", name="Register org/cached-glass").wait_for()

    assert told == "The hub cannot be reached; these models are in the local cache."
    assert "nothing; it is in the local cache" in page.locator(".preflight").inner_text()


def test_folders_are_browsed_below_the_allowed_ones_and_a_model_is_registered(
    visit: Visit, hub: Hub, glass_folder: Callable[[], Path]
) -> None:
    root = visit.site.services.settings.model_roots[0]
    for step in ("step10", "step9"):
        shutil.copytree(glass_folder(), root / "mine" / step, dirs_exist_ok=True)
    page = visit.open("/library/add/model")
    page.get_by_role("button", name=str(root)).click()
    page.get_by_role("button", name="mine").click()
    page.get_by_role("button", name="Look at step9").click()
    page.get_by_role("button", name="Register step9").wait_for()
    told = page.locator(".preflight").inner_text()
    page.get_by_role("button", name="Register step9").click()
    page.get_by_text("step9 was added and is being prepared.").wait_for()
    page.get_by_text("Register several of these folders as a series").click()
    page.get_by_role("button", name="Choose all shown").click()
    page.get_by_role("button", name="Register 2 as a series").click()
    page.get_by_text("2 models of").wait_for()

    assert "4 blocks × 128" in told
    assert page.locator(".folder-intake .revisions li").all_inner_texts() == ["step9", "step10"]
    assert visit.errors == []


def test_both_panels_fit_a_phone_in_japanese(phone: Visit, visit: Visit, hub: Hub) -> None:
    hub.add("org/small-twin", files())
    page = phone.open("/library/add/model?lang=ja")
    page.get_by_role("combobox").fill("small")
    page.get_by_role("option", name="org/small-twin").tap()
    page.get_by_role("button", name="org/small-twin を登録").wait_for()

    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390
    assert "コミット" in page.locator(".preflight").inner_text()
    assert violations(page) == []
    assert phone.errors == []


def test_the_blocks_of_an_unknown_family_are_named_and_registered_with_the_model(
    visit: Visit, hub: Hub
) -> None:
    root = visit.site.services.settings.model_roots[0]
    folder = root / "unknown" / "granite"
    folder.mkdir(parents=True, exist_ok=True)
    weights = b"\x02\0\0\0\0\0\0\0{}"
    for name, data in files(model_type="granite").items():
        (folder / name).write_bytes(weights if name.endswith(".safetensors") else data)
    page = visit.open("/library/add/model")
    page.get_by_role("button", name=str(root), exact=True).click()
    page.get_by_role("button", name="unknown", exact=True).click()
    page.get_by_role("button", name="Look at granite").click()
    page.get_by_text("'granite' is not supported").wait_for()

    page.get_by_label("List of blocks").fill("model.layers")
    page.get_by_label("Final norm").fill("model.norm")
    page.get_by_role("button", name="Register with these blocks").click()
    page.locator(".folder-intake [aria-live] a").wait_for()

    rows = visit.site.services.state.list_inputs("model")
    named = [row for row in rows if row.options == {"blocks": "model.layers", "norm": "model.norm"}]
    assert [row.reference for row in named] == [str(folder)]
    assert violations(page) == []
