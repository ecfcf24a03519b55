"""A run while it is open: it fills in by itself, and every end is explained."""

import pytest

from tests.browser.conftest import Visit
from tests.browser.seed import a_queued_run, a_running_run, fail, finish, publish
from tests.builders import TOKENS

pytestmark = pytest.mark.system


def test_a_run_fills_in_and_ends_with_its_finding_without_a_reload(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=1)
    publish(services, run, done=2_048)
    page = visit.open(f"/runs/{run.id}")
    page.get_by_text("2,048 of 16,384 tokens").wait_for()
    visit.pictures()

    angular = page.get_by_role("button", name="Angular")
    assert angular.get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="Stream", exact=True).is_disabled()
    assert "40–70 sec left" in page.locator(".run-progress").inner_text()

    publish(services, run, done=TOKENS // 2, half=True)
    page.get_by_text("8,192 of 16,384 tokens").wait_for()
    page.locator("button[aria-pressed=true]", has_text="Stream").wait_for()

    result = finish(services, run)
    page.get_by_text(result["finding"]["en"]).wait_for()
    page.locator(".downloads").wait_for()
    assert page.locator(".run-progress").is_hidden()
    assert visit.errors == []


def test_the_layout_stays_while_the_pictures_fill_in(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=2)
    page = visit.open(f"/runs/{run.id}")
    page.get_by_text("Loading the model").wait_for()
    plots = page.locator(".plot")
    before = [plots.nth(number).bounding_box() for number in range(3)]

    publish(services, run, done=2_048)
    visit.pictures()

    after = [plots.nth(number).bounding_box() for number in range(3)]
    assert [box and (box["width"], box["height"]) for box in after] == [
        box and (box["width"], box["height"]) for box in before
    ]


def test_a_sign_of_life_is_shown(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=3)
    publish(services, run, done=2_048)
    page = visit.open(f"/runs/{run.id}")

    page.locator("[data-activity]", has_text="last activity").wait_for()

    assert "ago" in page.locator("[data-activity]").inner_text()


def test_a_queued_run_says_its_place_and_can_be_cancelled_and_started_again(visit: Visit) -> None:
    services = visit.site.services
    run = a_queued_run(services, seed=4)
    page = visit.open(f"/runs/{run.id}")
    page.locator(".run-progress", has_text="queued").wait_for()

    page.get_by_role("button", name="Cancel this run").click()
    page.locator(".run-progress", has_text="cancelled").wait_for()
    cancelled = services.state.get_run(run.id)
    page.get_by_role("button", name="Start again").click()
    page.get_by_role("button", name="Cancel this run").wait_for()

    again = services.state.get_run(run.id)
    assert cancelled
    assert cancelled.status == "cancelled"
    assert again
    assert again.status == "queued"


def test_a_failure_says_what_why_and_what_to_do(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=5)
    page = visit.open(f"/runs/{run.id}")
    publish(services, run, done=2_048)
    visit.pictures()

    fail(services, run)

    page.get_by_text("This measurement failed").wait_for()
    text = page.locator(".run-progress").inner_text()
    assert "The model produced values that are not numbers." in text
    assert "block 7 gave NaN in 12 of 2,048 tokens" in text
    assert "Check the weights of block 7." in text
    assert page.get_by_role("button", name="Try again").is_enabled()
    assert page.locator(".pictures").is_hidden()


def test_a_failed_run_that_is_tried_again_starts_with_empty_pictures(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=8)
    publish(services, run, done=2_048)
    page = visit.open(f"/runs/{run.id}")
    visit.pictures()
    fail(services, run)

    page.get_by_role("button", name="Try again").click()

    page.get_by_text("The pictures appear when a worker has begun.").first.wait_for()
    assert page.locator("[data-drawn]").count() == 0
    assert visit.errors == []


def test_without_events_the_page_asks_every_two_seconds(visit: Visit) -> None:
    services = visit.site.services
    run = a_running_run(services, seed=6)
    publish(services, run, done=2_048)
    visit.page.route("**/api/v1/events**", lambda route: route.abort())
    page = visit.open(f"/runs/{run.id}")
    page.get_by_text("2,048 of 16,384 tokens").wait_for()

    publish(services, run, done=4_096)
    page.get_by_text("4,096 of 16,384 tokens").wait_for()
    result = finish(services, run)

    page.get_by_text(result["finding"]["en"]).wait_for()


def test_open_runs_are_counted_on_every_page(visit: Visit) -> None:
    a_running_run(visit.site.services, seed=7)

    page = visit.open("/library")

    page.locator(".open-jobs", has_text="open").wait_for()
