"""The page of access tokens: making one, using it, revoking it; and who does not see it."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import (
    OPERATORS_TOKEN,
    PHONE,
    TIMEOUT_MS,
    Locked,
    Visit,
    sign_in,
)
from tests.browser.test_access import violations

pytestmark = pytest.mark.system


def make(page: Page, name: str, role: str) -> str:
    """Make a token on the page and return the address to open with it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Make token").click()
    page.locator("#token-made").wait_for()
    return page.locator("#token-address").input_value()


def test_a_token_is_made_used_and_revoked(
    context: BrowserContext,
    browser: Browser,
    locked: Locked,
) -> None:
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    sign_in(page, locked, OPERATORS_TOKEN)
    page.get_by_role("link", name="Access").click()
    address = make(page, "mika", "viewer")
    token = page.locator("#token-made").input_value()

    theirs = browser.new_context(locale="ja-JP")
    theirs.set_default_timeout(TIMEOUT_MS)
    other = theirs.new_page()
    other.goto(address)
    expect(other.locator(".signed-in")).to_contain_text("mika")
    assert token not in other.url
    assert other.get_by_role("link", name="アクセス").count() == 0

    page.reload()
    row = page.locator("#tokens tbody tr", has_text="mika").first
    expect(row).to_contain_text("Viewer")
    expect(row).not_to_contain_text("never")
    assert page.locator("#token-made").count() == 0
    assert token not in page.content()
    row.get_by_role("button", name="Revoke mika").click()
    page.locator("dialog.confirm button.danger").click()
    page.get_by_text("Revoked and expired").click()
    expect(page.locator("#tokens details")).to_contain_text("mika")
    other.reload()

    expect(other.get_by_role("heading", name="サインイン")).to_be_visible()
    assert errors == []
    theirs.close()


def test_a_wrong_name_is_refused_with_words(context: BrowserContext, locked: Locked) -> None:
    page = context.new_page()
    sign_in(page, locked, OPERATORS_TOKEN, "/access")
    page.get_by_label("Name").fill("admin two")
    page.get_by_role("button", name="Make token").click()

    assert page.get_by_label("Name").evaluate("(e) => e.validity.patternMismatch")
    assert page.locator("#token-made").count() == 0


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_who_is_no_administrator_sees_no_token(
    context: BrowserContext,
    locked: Locked,
    role: str,
) -> None:
    page = context.new_page()
    refused: list[str] = []
    page.on("response", lambda r: refused.append(r.url) if r.status in (401, 403) else None)

    sign_in(page, locked, locked.token(role), "/access")

    expect(page.locator(".viewer-note")).to_contain_text("Only administrators")
    assert page.get_by_role("link", name="Access").count() == 0
    assert page.locator("#tokens").count() == 0
    assert refused == []


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    context: BrowserContext,
    locked: Locked,
    theme: str,
    lang: str,
) -> None:
    page = context.new_page()
    locked.token("analyst", "someone")
    sign_in(page, locked, OPERATORS_TOKEN)
    page.goto(f"{locked.url}/access?theme={theme}&lang={lang}")
    page.locator("#tokens table").first.wait_for()

    assert violations(page) == []


def test_a_phone_shows_all_of_it(browser: Browser, locked: Locked) -> None:
    context = browser.new_context(viewport=PHONE, is_mobile=True)  # type: ignore[arg-type]  # a TypedDict
    page = context.new_page()
    locked.token("analyst", "someone-with-a-rather-long-name@example.org")
    sign_in(page, locked, OPERATORS_TOKEN)
    page.goto(f"{locked.url}/access?lang=ja")
    page.locator("#tokens table").first.wait_for()

    assert page.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
    assert violations(page) == []
    context.close()


def test_on_ones_own_machine_the_page_says_that_nobody_signs_in(visit: Visit) -> None:
    page = visit.open("/access")

    page.get_by_text("On this machine nobody signs in").wait_for()

    assert page.get_by_role("link", name="Access").count() == 0
    assert visit.errors == []
