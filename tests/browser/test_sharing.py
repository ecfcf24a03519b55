"""Sharing: the dialog, what a reader of a link sees, and the file that works offline."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from backend.snapshot import snapshot
from backend.visitors import LOCAL
from tests.browser.conftest import DESKTOP, PHONE, TIMEOUT_MS, Site, Visit, watch
from tests.browser.measured import drawn, measure_all, stays_on_the_site
from tests.browser.seed import a_running_run, finish, publish
from tests.browser.test_access import violations

pytestmark = pytest.mark.system

VIEW = "?score=update&sel=4-9&table=blocks"
MANAGING = (
    "#share, .run-actions, .plan-form form, .next-steps, #run-progress button, nav a, "
    "#compare-link select"
)


@pytest.fixture
def reader(browser: Browser, site: Site) -> Iterator[Visit]:
    """A fresh profile on a phone in Japan."""
    context = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]  # a TypedDict
        locale="ja-JP",
        has_touch=True,
        is_mobile=True,
    )
    context.set_default_timeout(TIMEOUT_MS)
    yield watch(context.new_page(), site)
    context.close()


def open_dialog(page: Page) -> None:
    page.locator("#share").click()
    page.locator("#share-list h3").wait_for()


def make_link(page: Page) -> str:
    page.locator(".share-form button[type=submit]").click()
    return page.locator("#share-url").input_value()


def withdraw(page: Page, *, note: str, opened: str) -> None:
    (item,) = page.locator(".share-open").filter(has_text=note).all()
    assert opened in item.inner_text()
    item.get_by_role("button", name="Withdraw").click()
    page.locator("dialog.confirm button.danger").click()
    page.locator(".share-revoked").first.wait_for(state="attached")


def share(site: Site, run: str, **more: Any) -> str:
    """Make a link as the API does and return its address."""
    _, token = site.services.shares.create({"run": run, **more}, LOCAL)
    return f"{site.url}/s/{token}"


def test_a_run_is_shared_opened_on_a_phone_and_withdrawn(visit: Visit, reader: Visit) -> None:
    page = visit.open_result(VIEW)
    open_dialog(page)
    page.locator("#share-note").fill("<b>月曜の会議</b>")
    page.locator("#share-lang").select_option("ja")
    link = make_link(page)

    phone = reader.page
    phone.goto(link)
    drawn(phone, "heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors")

    assert link.endswith("?lang=ja")
    assert phone.locator("html").get_attribute("lang") == "ja"
    banner = phone.locator("#shared-banner").inner_text()
    assert "<b>月曜の会議</b>" in banner
    assert "まで有効です" in banner
    assert phone.locator("#details h2").inner_text() == "状態 4 → 9"
    assert phone.locator(".grid-blocks").count() == 1
    assert phone.locator(MANAGING).count() == 0
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert phone.url.startswith(link.partition("?")[0])
    assert violations(phone) == []
    assert stays_on_the_site(reader)

    page.keyboard.press("Escape")
    open_dialog(page)
    withdraw(page, note="月曜の会議", opened="opened 1×")
    assert violations(page) == []

    answer = phone.reload()
    assert answer is not None and answer.status == 410  # noqa: PT018  # one fact
    assert phone.locator("h1").inner_text() == "この共有リンクは取り消されました。"


def test_a_link_that_was_withdrawn_is_told_no_more(visit: Visit) -> None:
    page = visit.open_result()
    open_dialog(page)
    page.locator("#share-note").fill("told and withdrawn")
    make_link(page)
    page.locator(".share-open", has_text="told and withdrawn").wait_for()

    withdraw(page, note="told and withdrawn", opened="never opened")

    expect(page.locator("#share-url")).to_have_count(0)
    assert visit.errors == []


def test_the_reader_changes_the_view_inside_the_link_alone(reader: Visit, site: Site) -> None:
    link = share(site, site.run.id)
    page = reader.page
    page.goto(link)
    drawn(page, "heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors")

    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("button", name="Angular").click()
    page.get_by_role("link", name="CSV", exact=True).wait_for()
    there = page.url
    page.reload()
    drawn(page, "heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors")

    assert there.startswith(link)
    assert "score=angular" in there
    assert page.locator("html").get_attribute("data-theme") == "dark"
    for file in page.locator("a[download]").all():
        assert (file.get_attribute("href") or "").startswith(link.removeprefix(site.url))
    assert page.locator(".brand").get_attribute("href") is None
    assert stays_on_the_site(reader)


@pytest.mark.parametrize("kind", ["ablation", "plan", "answers"])
def test_every_kind_is_shown_without_managing_and_without_texts(
    reader: Visit, site: Site, kind: str
) -> None:
    run = measure_all(site)[kind]
    page = reader.page
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.method))
    page.goto(share(site, run.id))
    page.locator("#run-facts dl").wait_for()
    page.wait_for_load_state("networkidle")

    assert page.locator(MANAGING).count() == 0
    assert set(posted) == {"GET"}
    text = page.locator("main").inner_text()
    for secret in texts_of(run.result):
        assert secret not in text
    assert ("文章は含まれていません" in text) == (kind != "ablation")
    assert stays_on_the_site(reader)


def test_texts_come_along_if_they_were_asked_for(reader: Visit, site: Site) -> None:
    run = measure_all(site)["answers"]
    page = reader.page
    page.goto(share(site, run.id, include_texts=True))
    page.locator(".pair").first.wait_for()

    assert texts_of(run.result)[0] in page.locator("main").inner_text()


def texts_of(result: dict[str, Any]) -> list[str]:
    """Return some texts of the dataset that a result holds."""
    pairs = [pair["prompt"] for pair in result.get("answers", [])[:3]]
    titles = [item["title"] for item in result.get("documents", [])[:3]]
    return pairs + titles + list((result.get("guard") or {}).get("canaries", []))


def test_a_live_link_follows_the_run_to_its_end(reader: Visit, site: Site) -> None:
    run = a_running_run(site.services, seed=79)
    publish(site.services, run, done=2_048, half=True)
    page = reader.page
    page.goto(share(site, run.id))
    page.locator("#run-progress progress").wait_for()
    assert page.locator(MANAGING).count() == 0

    finish(site.services, run)
    page.locator("p.finding:not(.pending)").wait_for()
    drawn(page, "heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors")

    assert stays_on_the_site(reader)


def test_an_open_page_ends_with_its_link(reader: Visit, site: Site) -> None:
    run = a_running_run(site.services, seed=78)
    page = reader.page
    page.goto(share(site, run.id))
    page.locator("#run-progress progress").wait_for()
    for row in site.services.shares.list(LOCAL, run.id):
        site.services.shares.revoke(row.id, LOCAL)

    page.get_by_role("heading", name="この共有リンクは取り消されました。").wait_for()


def test_links_outlive_the_loss_of_redis(reader: Visit, site: Site) -> None:
    kept, ended = share(site, site.run.id), share(site, site.run.id)
    row = site.services.shares.open(ended.rpartition("/")[2]).share
    site.services.shares.revoke(row.id, LOCAL)
    with redis.Redis.from_url(site.services.settings.queue_url) as client:
        client.flushall()

    answers = [reader.page.goto(link) for link in (ended, kept)]

    assert [answer and answer.status for answer in answers] == [410, 200]
    drawn(reader.page, "heatmap")


def test_no_page_may_frame_a_link(context: Any, site: Site) -> None:
    page = context.new_page()
    page.set_content(f'<iframe src="{share(site, site.run.id)}"></iframe>')
    page.wait_for_function("window.frames.length === 1")
    page.wait_for_load_state("networkidle")

    assert page.frames[1].url.startswith("chrome-error:")


def test_on_this_machine_the_file_is_offered_first_and_works_offline(
    visit: Visit, browser: Browser, site: Site, tmp_path: Path
) -> None:
    page = visit.open_result("?score=update&sel=4-9")
    open_dialog(page)
    assert "only on this machine" in page.locator("#share-local").inner_text()
    with page.expect_download() as download:
        page.locator("#share-local a").click()
    file = tmp_path / "saved.html"
    download.value.save_as(file)

    context = browser.new_context(viewport=DESKTOP, offline=True)  # type: ignore[arg-type]  # a TypedDict
    saved = watch(context.new_page(), site)
    saved.page.goto(file.as_uri())
    for name in ("heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors"):
        saved.page.wait_for_selector(f".plot-{name}[data-drawn]")

    assert download.value.suggested_filename == f"linearity-{site.run.id}.html"
    assert saved.requests == [file.as_uri()]
    assert saved.errors == []
    assert saved.page.locator(".modebar-btn, [data-title*='cloud' i]").count() == 0
    heat = saved.page.evaluate("document.querySelector('.plot-heatmap').data[0].z")
    assert heat[4][8] == pytest.approx(site.result["pairs"]["update_r2_heldout"][4][9])
    assert len(saved.page.evaluate("document.querySelector('.plot-heatmap').layout.shapes")) == 4
    assert saved.page.locator("p.finding").inner_text() == site.result["finding"]["en"]
    assert violations(saved.page) == []
    with saved.page.expect_download() as numbers:
        saved.page.locator("#save-json").click()
    assert json.loads(Path(numbers.value.path()).read_bytes()) == site.result
    context.close()


@pytest.mark.parametrize("kind", ["ablation", "plan", "answers"])
def test_every_kind_saved_as_a_file_is_drawn_offline(
    browser: Browser, site: Site, tmp_path: Path, kind: str
) -> None:
    run = measure_all(site)[kind]
    file = tmp_path / f"{kind}.html"
    view = {"lang": "ja", "n": "3", "theme": "dark"}
    file.write_bytes(snapshot(run.result, view))
    context = browser.new_context(viewport=PHONE, offline=True)  # type: ignore[arg-type]  # a TypedDict
    saved = watch(context.new_page(), site)
    saved.page.goto(file.as_uri())
    saved.page.wait_for_function(
        "[...document.querySelectorAll('[data-figure]')].every(place => place.dataset.drawn)"
    )

    assert saved.requests == [file.as_uri()]
    assert saved.errors == []
    assert saved.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()
