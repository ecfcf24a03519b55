"""Signing in with a browser, and what the page of each role offers."""

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import OPERATORS_TOKEN, PHONE, TIMEOUT_MS, Locked, Visit, sign_in
from tests.browser.seed import a_running_run
from tests.browser.test_access import violations
from tests.browser.test_logs import add_log

pytestmark = pytest.mark.system


def without_scripts(browser: Browser) -> BrowserContext:
    context = browser.new_context(java_script_enabled=False, locale="ja-JP")
    context.set_default_timeout(TIMEOUT_MS)
    return context


def test_a_visitor_signs_in_and_comes_to_the_page_that_was_asked_for(
    context: BrowserContext, locked: Locked
) -> None:
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)

    sign_in(page, locked, locked.token("analyst"), "/jobs?theme=dark")

    assert page.url == f"{locked.url}/jobs?theme=dark"
    expect(page.locator(".signed-in")).to_contain_text("Signed in as ann")
    assert errors == []


def test_the_form_works_without_a_script_and_in_japanese(browser: Browser, locked: Locked) -> None:
    context = without_scripts(browser)
    page = context.new_page()

    page.goto(f"{locked.url}/jobs")
    expect(page.get_by_role("heading")).to_have_text("サインイン")
    page.get_by_label("トークン").fill("wrong")
    page.get_by_role("button", name="サインイン").click()
    expect(page.get_by_role("alert")).to_contain_text("無効")
    page.get_by_label("トークン").fill(OPERATORS_TOKEN)
    page.get_by_role("button", name="サインイン").click()
    page.wait_for_url(f"{locked.url}/jobs")

    context.close()


def test_signing_out_ends_the_session(context: BrowserContext, locked: Locked) -> None:
    page = context.new_page()
    sign_in(page, locked, OPERATORS_TOKEN)

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{locked.url}/jobs")
    assert page.url.startswith(f"{locked.url}/sign-in")


def test_a_viewer_reads_everything_and_finds_no_button_that_would_fail(
    context: BrowserContext, locked: Locked
) -> None:
    running = a_running_run(locked.site.services, seed=71)
    page = context.new_page()
    refused: list[str] = []
    page.on("response", lambda r: refused.append(r.url) if r.status in (401, 403) else None)

    sign_in(page, locked, locked.token("viewer"))
    expect(page.locator(".viewer-note")).to_be_visible()
    assert page.locator("form").count() == 0
    page.goto(f"{locked.url}/library")
    page.locator(".card").first.wait_for()
    assert page.locator("button:visible", has_text="Remove").count() == 0
    assert page.locator(".add-links:visible").count() == 0
    page.goto(f"{locked.url}/runs/{running.id}")
    page.locator("progress").wait_for()
    assert page.locator("button:visible", has_text="Cancel").count() == 0
    page.goto(f"{locked.url}/runs/{locked.site.run.id}")
    page.wait_for_selector(".plot-heatmap[data-drawn]")
    assert page.locator(".plan-form:visible").count() == 0

    assert refused == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_axe_finds_nothing_serious_on_the_sign_in_page(
    context: BrowserContext, locked: Locked, lang: str
) -> None:
    page = context.new_page()
    for theme in ("light", "dark"):
        page.goto(f"{locked.url}/sign-in?lang={lang}&theme={theme}")
        assert violations(page) == []


def test_the_sign_in_page_fits_a_phone(browser: Browser, locked: Locked) -> None:
    context = browser.new_context(viewport=PHONE, is_mobile=True)  # type: ignore[arg-type]  # a TypedDict
    page = context.new_page()

    page.goto(f"{locked.url}/sign-in?lang=ja")

    assert page.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
    context.close()


@pytest.mark.parametrize("kind", ["model", "dataset", "log"])
def test_a_viewer_is_told_who_may_add(context: BrowserContext, locked: Locked, kind: str) -> None:
    page = context.new_page()
    refused: list[str] = []
    page.on("response", lambda r: refused.append(r.url) if r.status in (401, 403) else None)

    sign_in(page, locked, locked.token("viewer"), f"/library/add/{kind}")

    expect(page.locator(".viewer-note")).to_contain_text("role analyst")
    assert page.locator("main form, main button, main input").count() == 0
    assert violations(page) == []
    assert refused == []


def test_whose_log_it_is_not_is_told_who_may_make_datasets_of_it(
    context: BrowserContext, locked: Locked, visit: Visit
) -> None:
    id = add_log(visit)
    page = context.new_page()

    sign_in(page, locked, locked.token("analyst"), f"/library/logs/{id}")

    expect(page.locator("#log-sets .viewer-note")).to_contain_text("only local")
    assert page.locator("#log-sets form").count() == 0
