"""A passage: from a result to a text of one's own, walked through by pointer and by keyboard."""

import pytest

from tests.browser.conftest import Site, Visit
from tests.browser.measured import drawn, stays_on_the_site
from tests.browser.seed import another_run, fail, finish_with
from tests.browser.test_access import violations
from tests.figures.passages import a_passage

pytestmark = pytest.mark.system

HOSTILE = "<img src=x onerror=alert(1)> {{ 7*7 }}"


@pytest.fixture(scope="module")
def passage(site: Site) -> str:
    run = another_run(site.services, kind="passage", text="The model\n線形<b>%{x}</b>.", seed=31)
    result = a_passage(blocks=30).as_json()
    result["error"][1] = [0.01] * 11 + [0.5] + [0.01] * 18  # type: ignore[index]
    finish_with(site.services, run, result)
    return f"/runs/{run.id}"


def test_a_sentence_goes_from_a_result_to_its_own_page(visit: Visit) -> None:
    page = visit.open_result("?sel=11-12")
    form = page.locator(".passage-form")
    form.get_by_label("Passage").fill(HOSTILE)

    assert f"{len(HOSTILE)} of 2,000 characters" in form.inner_text()
    form.get_by_role("button", name="Show where it is not linear").click()
    page.wait_for_url("**/runs/*sel=11-12")
    page.locator(".run-header h1", has_text="Passage").wait_for()
    run = visit.site.services.state.get_run(page.url.rpartition("/runs/")[2][:32])
    assert run
    assert (run.kind, run.request["params"]["text"]) == ("passage", HOSTILE)
    assert run.request["params"]["seed"] == visit.site.result["params"]["seed"]
    assert page.locator("img[src=x]").count() == 0
    assert stays_on_the_site(visit)


def test_tokens_are_walked_through_and_blocks_are_chosen_in_japanese(
    visit: Visit, passage: str
) -> None:
    page = visit.open(f"{passage}?lang=ja")
    drawn(page, "passage")
    tokens = page.locator(".passage-tokens")
    assert tokens.locator(".whole").all_text_contents() == ["線"]
    assert tokens.locator(".parts [role=option]").all_text_contents() == ["E7 B7", "9A"]
    assert "<b>%{x}</b>" in tokens.inner_text()

    tokens.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.locator("#passage-block").fill("11")

    chosen = tokens.get_by_role("option", selected=True)
    assert chosen.get_attribute("aria-label") == (
        "model · 単語の先頭 · 0.500 · 検証データの 99 % のトークンより誤差が大きい"
    )
    assert "0.500" in page.locator("#details").inner_text()
    page.wait_for_url("**n=2**sel=11-12**")
    page.locator("#numbers summary").click()
    cell = page.locator(".grid-passage td[aria-selected=true]")
    assert cell.inner_text() == "0.500"
    cell.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**n=3**")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    assert stays_on_the_site(visit)


def test_a_passage_that_failed_is_mended_where_it_stands(visit: Visit) -> None:
    services = visit.site.services
    run = another_run(services, kind="passage", text="far too long", seed=32)
    fail(services, run)
    page = visit.open(f"/runs/{run.id}")
    form = page.locator(".passage-form")

    assert form.get_by_label("Passage").input_value() == "far too long"
    assert not page.locator(".plot-passage").is_visible()
    form.get_by_label("Passage").fill("shorter")
    form.get_by_role("button", name="Show where it is not linear").click()
    page.wait_for_url(lambda url: run.id not in url)
    again = services.state.get_run(page.url.rpartition("/runs/")[2][:32])
    assert again
    assert again.request["params"]["text"] == "shorter"
    assert stays_on_the_site(visit)
