"""A healing on the page: what it brought, how it went, what comes next; and how it is asked for."""

from typing import Any

import pytest

from linearity.contracts.runs import RunStatus
from tests.browser.conftest import Site, Visit
from tests.browser.measured import drawn, stays_on_the_site
from tests.browser.seed import another_run, finish_with
from tests.browser.test_access import violations
from tests.figures.heal_results import PLAN, a_healing
from tests.servers import eventually

pytestmark = pytest.mark.system


def finished(site: Site, question: dict[str, Any], **of: bool) -> str:
    """Return the address of a finished healing."""
    run = another_run(site.services, take=False, kind="heal", **question)
    if run.status is not RunStatus.FINISHED:  # else another test was here before
        assert site.services.state.start_attempt(run.id, run.attempt, "worker-1")
        finish_with(site.services, run, a_healing(**of).as_json())
    return f"/runs/{run.id}"


@pytest.fixture(scope="module")
def swept(site: Site) -> str:
    return finished(site, {"plan": PLAN, "sweep": [1, 2]}, sweep=True, routes=True)


def test_the_page_shows_what_healing_brought_and_the_three_curves(visit: Visit, swept: str) -> None:
    page = visit.open(swept)
    drawn(page, "training", "before_after", "three_curves")
    numbers = page.locator("#plan-numbers").inner_text()
    curves = page.evaluate(
        "document.querySelector('.plot-three_curves')._fullData.map(d => d.name)"
    )
    page.get_by_role("button", name="Perplexity", exact=True).click()
    axis = "document.querySelector('.plot-three_curves')._fullLayout.yaxis.title.text"
    eventually(lambda: page.evaluate(axis) == "perplexity")

    assert "−0.4000" in numbers
    assert "66.7%" in numbers
    assert curves == ["removed", "replaced by maps", "replaced and healed"]
    assert "1,000,000" in page.locator("#heal-training").inner_text()
    assert page.get_by_role("button", name="Export the healed model").is_visible()
    assert page.get_by_role("button", name="Time the healed model").is_visible()
    assert stays_on_the_site(visit)


def test_the_same_fine_tune_of_two_models_stands_side_by_side(visit: Visit, site: Site) -> None:
    page = visit.open(finished(site, {"plan": PLAN, "objective": "text"}, text=True))
    drawn(page, "training")
    tuned = page.locator("#plan-numbers").get_by_text("Changed minus unchanged, after")

    assert tuned.is_visible()
    assert "Unchanged model" in page.locator("#heal-training").inner_text()
    assert page.locator(".panel-three_curves").is_hidden()


def test_a_healing_fits_a_phone_in_japanese_and_dark(phone: Visit, swept: str) -> None:
    page = phone.open(f"{swept}?lang=ja&theme=dark")
    drawn(page, "training", "three_curves")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    assert stays_on_the_site(phone)


def test_the_form_asks_for_a_healing_and_says_what_it_takes(phone: Visit) -> None:
    page = phone.open("/?kind=heal&model=smollm2&plan=12:drop,14:linear")
    page.locator(".start-form .estimate").get_by_text("memory").first.wait_for()
    page.get_by_label("Training steps").fill("50")

    assert page.get_by_role("button", name="Heal this plan on").is_enabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
