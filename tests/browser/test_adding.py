"""What the pages that add something have in common: dropping, names, languages, viewers."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.dragging import drop
from tests.browser.test_access import violations
from tests.log_generator import write_jsonl

pytestmark = pytest.mark.system

ADDRESSES = ["/library/add/model", "/library/add/dataset", "/library/add/log", "/compare"]


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_axe_finds_nothing_serious(visit: Visit, address: str, theme: str, lang: str) -> None:
    page = visit.open(f"{address}?theme={theme}&lang={lang}")
    page.get_by_role("heading", level=1).wait_for()

    assert violations(page) == []
    assert visit.errors == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_phone_shows_all_of_it_in_japanese(phone: Visit, address: str) -> None:
    page = phone.open(f"{address}?lang=ja&theme=dark")
    page.get_by_role("heading", level=1).wait_for()

    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert violations(page) == []


def test_a_dropped_table_is_looked_at_and_the_language_may_change_meanwhile(
    visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "dropped.csv"
    rows = [f"What is {n}?,It is {n}.,c{n % 2}" for n in range(40)]
    path.write_text("\n".join(["question,answer,kind", *rows]))
    page = visit.open("/library/add/dataset")

    drop(page.locator(".drop-zone"), path)
    page.locator(".plain-table.records").wait_for()
    page.get_by_label("Documents to keep").fill("20")
    page.get_by_label("Documents to keep").press("Tab")
    page.get_by_label("phone numbers").check()
    page.get_by_role("button", name="日本語").click()

    expect(page.get_by_label("残す文書数")).to_have_value("20")
    expect(page.get_by_label("電話番号")).to_be_checked()
    expect(page.get_by_role("button", name="このデータセットを使う")).to_be_enabled()
    assert visit.errors == []


def test_a_file_that_is_let_go_beside_the_zone_does_nothing(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "beside.txt"
    path.write_text("beside")
    page = visit.open("/library/add/dataset")
    page.locator(".drop-zone").wait_for()
    page.evaluate("() => addEventListener('drop', (e) => { window.kept = e.defaultPrevented; })")

    drop(page.locator("h1"), path)

    assert page.evaluate("() => window.kept") is True  # else the browser opens the file
    assert page.locator(".drop-zone").is_visible()


def test_what_cannot_be_read_is_discarded_for_something_else(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "unreadable.csv"
    path.write_bytes(b'a,b\n"x,1\n')
    page = visit.open("/library/add/dataset")
    page.locator(".pick-files").set_input_files(path)
    page.get_by_text("The table breaks off inside a quote.").wait_for()

    page.get_by_role("button", name="Discard and choose again").click()

    page.locator(".drop-zone").wait_for()
    assert visit.site.services.state.get_input("dataset", "unreadable") is None
    assert visit.errors == []


def test_a_name_that_is_taken_gets_a_number(visit: Visit, tmp_path: Path) -> None:
    for text in ("first text " * 30, "quite another text " * 40):
        path = tmp_path / "same-name.txt"
        path.write_text(text)
        page = visit.open("/library/add/dataset")
        page.locator(".pick-files").set_input_files(path)
        page.locator(".plain-table.records").wait_for()

    state = visit.site.services.state
    assert page.url.endswith("id=same-name-2")
    assert state.get_input("dataset", "same-name")
    assert state.get_input("dataset", "same-name-2")


def test_a_dropped_log_keeps_its_columns_when_the_language_changes(
    visit: Visit, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "dropped-log.jsonl", 120)
    page = visit.open("/library/add/log")

    drop(page.locator(".drop-zone"), path)
    page.get_by_label("Response", exact=True).select_option("")
    page.get_by_label("Currency").fill("JPY")
    page.get_by_role("button", name="日本語").click()

    expect(page.get_by_role("heading", level=2)).to_have_text("dropped-log の内容")
    expect(page.get_by_label("応答", exact=True)).to_have_value("")
    expect(page.get_by_label("通貨")).to_have_value("JPY")
    assert visit.errors == []


def test_two_files_are_no_log(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("/library/add/log")

    drop(page.locator(".drop-zone"), *(write_jsonl(tmp_path / f"{n}.jsonl", 20) for n in (1, 2)))

    page.get_by_text("One file at a time").wait_for()
    assert page.locator(".drop-zone").is_visible()


def test_an_upload_goes_on_while_the_language_changes(visit: Visit, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(3_000_000))
    page = visit.open("/library/add/model")
    gate = Gate(page)

    drop(page.locator(".drop-zone"), *tmp_path.iterdir())
    page.locator("#upload-name").fill("spoken-twice")
    page.get_by_role("button", name="日本語").click()
    expect(page.locator("#upload-name")).to_have_value("spoken-twice")
    page.get_by_role("button", name="アップロードを開始").click()
    page.get_by_role("button", name="一時停止").wait_for()
    page.get_by_role("button", name="English").click()

    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".upload-rows li")).to_have_count(3)
    gate.open()
    page.get_by_text("Everything is sent.").wait_for()
    assert visit.errors == []


class Gate:
    """Keeps the pieces of files from leaving the browser until it is opened."""

    def __init__(self, page: Page) -> None:
        self._held: list[Route] | None = []
        page.route("**/api/v1/uploads/*", self._meet)

    def _meet(self, route: Route) -> None:
        if self._held is None:
            route.continue_()
        else:
            self._held.append(route)

    def open(self) -> None:
        held, self._held = self._held or [], None
        for route in held:
            route.continue_()
