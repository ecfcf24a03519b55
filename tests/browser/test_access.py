"""Everybody can use it: no serious axe finding, a phone's width, the keyboard alone."""

from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.browser.seed import a_running_run, fail, publish

pytestmark = pytest.mark.system

PAGES = ["/", "/jobs", "/library"]


def violations(page: Page) -> list[str]:
    """Return the serious and critical findings of axe, with where they are."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {node['target']} {node['failureSummary']}"
        for item in found
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


@pytest.mark.parametrize(
    "query", ["", "?theme=dark", "?lang=ja&sel=3-4", "?table=blocks&score=angular"]
)
def test_axe_finds_nothing_serious_on_a_result(visit: Visit, query: str) -> None:
    page = visit.open_result(query)
    page.locator("summary", has_text=("読み方" if "ja" in query else "How to read this")).click()

    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_axe_finds_nothing_serious_elsewhere(visit: Visit, address: str, theme: str) -> None:
    page = visit.open(f"{address}?theme={theme}")
    page.wait_for_load_state("networkidle") if address != "/" else page.locator(
        ".estimate a"
    ).wait_for()
    for summary in page.locator("summary").all():
        summary.click()

    assert violations(page) == []


def test_axe_finds_nothing_serious_while_running_and_after_a_failure(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=20)
    publish(services, run, done=2_048)
    page = visit.open(f"/runs/{run.id}")
    visit.pictures()
    running = violations(page)

    fail(services, run)
    page.get_by_text("This measurement failed").wait_for()

    assert running == []
    assert violations(page) == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_is_wider_than_a_phone(phone: Visit, lang: str) -> None:
    widths = {}
    for address in PAGES:
        page = phone.open(f"{address}?lang={lang}")
        page.locator("h1").wait_for()
        page.wait_for_timeout(500)
        widths[address] = page.evaluate("() => document.documentElement.scrollWidth")
    page = phone.open_result(f"?lang={lang}&sel=12-13")
    widths["result"] = page.evaluate("() => document.documentElement.scrollWidth")

    assert set(widths.values()) == {390}


def test_a_phone_reads_the_finding_then_numbers_then_the_picture_then_the_table(
    phone: Visit,
) -> None:
    page = phone.open_result()

    tops = [
        page.locator(place).evaluate("(e) => e.getBoundingClientRect().top")
        for place in ("p.finding", ".key-numbers", ".plot-heatmap", "[role=grid]")
    ]

    assert tops == sorted(tops)


def test_every_control_is_large_enough_for_a_finger(phone: Visit) -> None:
    page = phone.open_result("?sel=12-13")

    small = page.locator(
        "button:visible, input:visible, select:visible, summary:visible"
    ).evaluate_all(
        """(all) => all.filter((e) => {
            const box = e.getBoundingClientRect();
            return box.width < 24 || box.height < 24;
        }).map((e) => e.textContent)"""
    )

    assert small == []


def test_the_skip_link_comes_first_and_leads_to_the_content(visit: Visit) -> None:
    page = visit.open_result()

    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")

    assert page.evaluate("() => document.activeElement.id") == "main"


def test_headings_come_in_order(visit: Visit) -> None:
    page = visit.open_result("?sel=3-4")

    levels = page.locator("h1:visible, h2, h3").evaluate_all(
        "(all) => all.map((e) => +e.tagName[1])"
    )

    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_figure_has_a_name(visit: Visit) -> None:
    page = visit.open_result()

    names = page.get_by_role("figure").evaluate_all(
        """(all) => all.map((figure) => {
            const [title] = figure.getAttribute('aria-labelledby').split(' ');
            return document.getElementById(title).textContent;
        })"""
    )

    assert names[:3] == ["Every pair of states", "Block by block", "Size of what a block adds"]
    assert sorted(names[3:]) == [
        "How the errors of single tokens spread",
        "Where in the text it is not linear",
        "Would more tokens change it?",
    ]


def test_a_switch_keeps_the_focus_that_pressed_it(visit: Visit) -> None:
    page = visit.open_result()

    page.get_by_role("button", name="Cosine").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**?score=cosine")

    assert page.evaluate("() => document.activeElement.textContent") == "Cosine"
