"""The pages of request logs: adding one, reading its load, making datasets of it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_access import violations
from tests.log_generator import write_csv, write_jsonl
from tests.worker_here import work

pytestmark = pytest.mark.system

REQUESTS = 4_000


@pytest.fixture
def log(visit: Visit) -> str:
    """A log that has been read."""
    return add_log(visit)


def test_a_log_is_added_by_its_path_and_confirmed_on_the_preview(visit: Visit) -> None:
    services = visit.site.services
    path = write_jsonl(services.settings.model_roots[0] / "added.jsonl", 300)
    page = visit.open("/library/add/log")
    page.get_by_label("Path", exact=True).fill(str(path))
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_label("Route or task")).to_have_value("route")
    expect(page.get_by_label("Latency", exact=True)).to_have_value("latency_ms")
    expect(page.get_by_label("Latency is in")).to_have_value("ms")
    assert page.locator(".preview tbody tr").count() == 12
    assert violations(page) == []
    page.get_by_role("button", name="Read the log").click()
    page.wait_for_url(re.compile("/library/logs/"))
    expect(page.get_by_role("status")).to_have_text("The log is being read …")
    work(services, "log", page.url.rpartition("/")[2])
    expect(page.locator(".log-finding")).to_contain_text('Route "summarise" takes')
    assert visit.errors == []


def test_a_japanese_table_is_uploaded_and_read(visit: Visit, tmp_path: Path) -> None:
    services = visit.site.services
    path = write_csv(tmp_path / "利用記録.csv", 200, seed=3, encoding="cp932")
    page = visit.open("/library/add/log")
    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("リクエストログを追加")
    page.locator(".pick-files").set_input_files(str(path))
    expect(page.get_by_label("文字コード")).to_have_value("cp932")
    assert "翻訳" in page.locator(".preview").inner_text()
    page.get_by_role("button", name="ログを読み込む").click()
    page.wait_for_url(re.compile("/library/logs/"))
    work(services, "log", page.url.rpartition("/")[2].partition("?")[0])
    expect(page.locator(".log-finding")).to_contain_text("所要時間の")
    assert visit.errors == []


def test_pictures_and_table_follow_the_measure_and_the_address_holds_it(
    visit: Visit, log: str
) -> None:
    page = visit.open(f"/library/logs/{log}")
    drawn(page, "time")
    assert heads(page)[0] == "summarise"
    page.get_by_role("button", name="Requests", exact=True).click()
    drawn(page, "requests")
    assert heads(page)[0] == "classify"
    assert "measure=requests" in page.url
    page.reload()
    drawn(page, "requests")
    bars = page.evaluate("() => document.querySelector('.plot-pareto').data[0].y")
    assert sum(bars) == REQUESTS
    assert bars == sorted(bars, reverse=True)
    page.get_by_role("button", name="Tokens", exact=True).focus()
    page.keyboard.press("Enter")
    drawn(page, "tokens")
    assert page.evaluate("() => document.activeElement.textContent") == "Tokens"
    assert violations(page) == []
    assert visit.errors == []


def test_the_table_is_walked_through_with_the_keyboard(visit: Visit, log: str) -> None:
    page = visit.open(f"/library/logs/{log}")
    drawn(page, "time")
    page.locator(".grid-routes td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    place = "({row, column}) => [row, column]"
    cell = page.evaluate(f"() => ({place})(document.activeElement.dataset)")
    assert cell == ["1", str(page.locator(".grid-routes tbody tr").first.locator("td").count() - 1)]
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.id") == "log-sets"


def test_two_datasets_are_made_and_lead_to_a_measurement(visit: Visit, log: str) -> None:
    services = visit.site.services
    page = visit.open(f"/library/logs/{log}")
    page.get_by_label("Documents in each").fill("40")
    page.get_by_label("E-mail addresses").check()
    page.get_by_role("button", name="Make the two datasets").click()
    cards = page.locator(".log-sets-made .card")
    expect(cards).to_have_count(2)
    for row in services.state.list_inputs("dataset"):
        if row.source == "log" and (row.options or {})["log"] == log:
            work(services, "dataset", row.id)
    link = page.get_by_role("link", name="Measure on the calibration set")
    expect(link).to_be_visible()
    assert "40 documents of 5 routes" in cards.first.inner_text()
    link.click()
    expect(page.locator("#dataset option:checked")).to_contain_text("calibration")
    assert visit.errors == []


def test_the_library_lists_logs(visit: Visit, log: str) -> None:
    page = visit.open("/library")
    section = page.locator("section", has=page.get_by_role("heading", name="Request logs"))
    card = section.locator(".card", has_text="load.jsonl")
    expect(card).to_contain_text("4,000 requests on 5 routes")
    card.get_by_role("link", name="See where the load is").click()
    drawn(page, "time")


def test_a_phone_shows_everything_without_scrolling_sideways(phone: Visit) -> None:
    log = add_log(phone)
    page = phone.open(f"/library/logs/{log}?lang=ja&theme=dark")
    drawn(page, "time")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    page.goto(f"{phone.site.url}/library/add/log?lang=ja")
    expect(page.get_by_role("button", name="内容を確認")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert phone.errors == []


def drawn(page: Page, measure: str) -> None:
    """Wait until all three pictures show a measure."""
    for name in ("pareto", "hours", "lengths"):
        page.wait_for_selector(f".plot-{name}[data-drawn][data-measure={measure}]")


def heads(page: Page) -> list[str]:
    return page.locator(".grid-routes tbody th").all_inner_texts()


def add_log(visit: Visit) -> str:
    """Register a log once and read it."""
    services = visit.site.services
    path = services.settings.model_roots[0] / "load.jsonl"
    known = services.state.find_input("log", str(path.resolve()))
    if known is not None:
        return known.id
    write_jsonl(path, REQUESTS)
    api = visit.page.request
    address = f"{visit.site.url}/api/v1/logs"
    id: str = api.post(address, data={"source": "path", "path": str(path)}).json()["id"]
    options = api.get(f"{address}/{id}/preview").json()["options"]
    assert api.post(f"{address}/{id}/confirm", data={"options": options}).status == 202
    assert work(services, "log", id).state == "ready"
    return id
