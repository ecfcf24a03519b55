"""Adding a dataset through the page: a Japanese table in CP932, and the same as a workbook."""

import csv
import io
import os
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page

from backend.dependencies import Services
from linearity.adapters.inputs import load_records
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.runs import InputState
from tests.browser.conftest import Visit
from tests.browser.test_access import violations
from tests.conftest import quiet
from workers.registration import inspect

pytestmark = pytest.mark.system

QUESTIONS = ["富士山の高さは何メートルですか?", "㈱テスト製の髙橋モデル①はいつ届きますか?"]
ANSWERS = ["3,776メートルです。", "本日発送しました。明日の午前中に届く予定です。"]
TABLE = [
    ["番号", "質問", "回答", "分類"],
    *(
        [str(n + 1), f"{QUESTIONS[n % 2]} ({n})", ANSWERS[n % 2], ["地理", "配送"][n % 2]]
        for n in range(60)
    ),
]


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows(TABLE)
    path = tmp_path / "toiawase.csv"
    path.write_bytes(text.getvalue().encode("cp932"))
    return path


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in TABLE:
        book.active.append(row)
    path = tmp_path / "toiawase-book.xlsx"
    book.save(path)
    return path


def choose(page: Page, path: Path) -> None:
    page.locator("input.pick-files").set_input_files(str(path))
    page.wait_for_selector(".plain-table.records")


def shown(page: Page, name: str) -> str:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    return page.locator(".plain-table.records").inner_text()


def work(services: Services, id: str) -> DatasetRecord:
    """Inspect a dataset as a worker does."""
    row = services.state.get_input("dataset", id)
    assert row is not None
    assert row.state is InputState.INSPECTING
    record = inspect(
        row,
        roots=services.settings.model_roots,
        store=services.store,
        log=quiet,
        uploads=services.state.uploads_of("dataset", id),
    )
    services.state.input_ready("dataset", id, record)
    return DatasetRecord.from_json(record)


def test_a_japanese_table_in_cp932_goes_through_the_page(visit: Visit, table_file: Path) -> None:
    page = visit.open("/library/add/dataset")
    choose(page, table_file)

    right = shown(page, "dataset")
    assert QUESTIONS[0] in right
    assert QUESTIONS[1] in right
    encoding = page.get_by_label("Encoding")
    assert encoding.locator("option:checked").inner_text() == "recognised as CP932 (Shift_JIS)"
    assert page.get_by_label("Prompt").last.input_value() == "質問"
    assert page.get_by_label("Response").input_value() == "回答"
    summary = page.locator(".dataset-facts").inner_text()
    assert "Japanese 100%" in summary
    assert "With an answer, which alone is scored" in summary
    assert "地理 50%" in summary
    assert violations(page) == []

    encoding.select_option("gb18030")
    page.wait_for_function(
        "() => !document.querySelector('.plain-table.columns')?.innerText.includes('質問')"
    )
    assert QUESTIONS[0] not in page.locator(".plain-table.columns").inner_text()
    encoding.select_option("cp932")
    page.wait_for_selector("text=" + QUESTIONS[0])

    page.get_by_role("button", name="Use this dataset").click()
    page.wait_for_selector("[data-state=inspecting]")
    record = work(visit.site.services, "toiawase")
    assert (record.documents, record.prompts, record.categories) == (60, 60, 2)
    assert record.encodings == {"toiawase.csv": "cp932"}
    assert load_records(record, visit.site.services.store)[1].prompt == f"{QUESTIONS[1]} (1)"
    page.get_by_role("link", name="Measure on this text").wait_for()
    assert visit.errors == []


def test_a_workbook_goes_through_the_page_on_a_phone_in_japanese(
    phone: Visit, workbook: Path
) -> None:
    page = phone.open("/library/add/dataset?lang=ja")
    choose(page, workbook)

    assert QUESTIONS[1] in shown(page, "dataset-phone-ja")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    page.get_by_role("button", name="1 つの文章").click()
    page.wait_for_selector(".records td[data-label='文章']")
    page.get_by_label("文章", exact=True).select_option("回答")
    page.wait_for_selector(f".records >> text={ANSWERS[0]}")
    page.get_by_role("button", name="このデータセットを使う").click()
    page.wait_for_selector("[data-state=inspecting]")
    record = work(phone.site.services, "toiawase-book")
    # Sixty rows with two different answers, and copies are left out.
    assert (record.documents, record.dropped["duplicates"]) == (4 - 2, 58)
    page.get_by_role("link", name="このテキストで測定する").wait_for()
    assert phone.errors == []


def test_a_table_without_known_columns_asks_and_shows_what_it_has(
    visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("x,y\nhello there,one\nand more,two\nbroken\n")
    page = visit.open("/library/add/dataset")
    page.locator("input.pick-files").set_input_files(str(path))
    page.wait_for_selector(".plain-table.columns")

    assert page.get_by_role("button", name="Use this dataset").is_disabled()
    page.get_by_label("Text", exact=True).select_option("x")
    page.wait_for_selector(".records >> text=hello there")
    shown(page, "dataset-bad-rows")
    assert "line 4" in page.locator(".bad-rows").inner_text()
    assert violations(page) == []
    assert visit.errors == []
