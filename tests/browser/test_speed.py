"""A speed run on the page: ratios with intervals, the cost map, and how one is asked for."""

import pytest

from linearity.contracts.runs import RunStatus
from tests.browser.conftest import Site, Visit
from tests.browser.measured import drawn, stays_on_the_site
from tests.browser.seed import another_run, finish_with
from tests.browser.test_ablation import submitted
from tests.browser.test_access import violations
from tests.figures.speeds import a_speed

pytestmark = pytest.mark.system

RESULT = a_speed(blocks=30)


@pytest.fixture(scope="module")
def page_of(site: Site) -> str:
    run = another_run(site.services, "speed", take=False, plan="1:drop")
    if run.status is not RunStatus.FINISHED:
        assert site.services.state.start_attempt(run.id, run.attempt, "worker-1")
        finish_with(site.services, run, RESULT.as_json())
    return f"/runs/{run.id}"


def test_ratios_intervals_and_what_they_hold_for_are_there(visit: Visit, page_of: str) -> None:
    page = visit.open(page_of)
    drawn(page, "speedups", "costs")

    speedup = RESULT.points[1].timings[-1].speedup
    assert speedup is not None
    assert speedup.ci95 is not None
    low, high = speedup.ci95
    numbers = page.locator("#speed-numbers").inner_text()
    assert f"× {speedup.value:.2f}" in numbers
    assert f"95 % interval {low:.2f} – {high:.2f}" in numbers
    assert "A processor · float32 · CPU threads: 2 · prompt 128, answer 32 tokens" in numbers
    assert "10 pairs after 2 to warm up" in numbers
    rows = page.locator(".speed-tables section").nth(1).locator("tbody tr")
    assert rows.count() == 5
    assert "× 1.30 (operations)" in rows.first.inner_text()
    assert "29" in page.locator(".speed-tables section").last.inner_text()
    assert violations(page) == []
    assert stays_on_the_site(visit)


def test_the_cost_map_shows_what_is_chosen_and_the_address_keeps_it(
    visit: Visit, page_of: str
) -> None:
    page = visit.open(page_of)
    drawn(page, "costs")

    page.get_by_role("button", name="Weights", exact=True).click()
    page.wait_for_url("**?cost=bytes")

    page.locator(".plot-costs").get_by_text("weights (MB)").wait_for()
    assert (
        page.get_by_role("button", name="Weights", exact=True).get_attribute("aria-pressed")
        == "true"
    )


def test_the_form_asks_for_loads_and_lengths(visit: Visit) -> None:
    page = visit.open("/?kind=speed")
    page.get_by_label("Plan", exact=True).fill("3:drop")
    page.get_by_label("Requests side by side").fill("2, 4")
    page.get_by_label("Answer, in tokens").fill("16")
    page.locator(".estimate", has_text="of memory").wait_for()
    page.get_by_role("button", name="Time this plan on").click()

    asked = submitted(page, visit)
    assert (asked["kind"], asked["plan"]) == ("speed", "3:drop")
    assert (asked["batches"], asked["new_tokens"], asked["prompt_tokens"]) == ([2, 4], 16, "auto")
