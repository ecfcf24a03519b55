"""Routes on the page: of a plan, of the selected point of an ablation, of answers."""

import pytest

from tests.browser.conftest import Site, Visit
from tests.browser.measured import Measured, drawn, measure_all, stays_on_the_site
from tests.browser.test_access import violations

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def measured(site: Site) -> dict[str, Measured]:
    return measure_all(site)


def test_a_plan_shows_its_damage_by_route(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["plan"].page)
    drawn(page, "categories")

    rows = page.locator(".panel-categories tbody tr")
    assert rows.locator("th").all_inner_texts() == ["tables", "prose", "code"]
    assert f"{measured['plan'].result['point']['categories'][1]['nll_diff']:.4f}" in (
        rows.nth(1).inner_text()
    )
    assert "–" in rows.nth(0).inner_text()  # no interval below five documents
    assert "Clearly worse than the whole: “tables”." in page.locator("#guard").inner_text()
    assert violations(page) == []
    assert stays_on_the_site(visit)


def test_routes_follow_the_selected_point(visit: Visit, measured: dict[str, Measured]) -> None:
    curve = measured["routes"].result["curves"][0]
    page = visit.open(measured["routes"].page)
    drawn(page, "curve", "categories")
    panel = page.locator(".panel-categories")
    assert curve["points"][-1]["plan"] in panel.inner_text()  # where the first line ends

    page.goto(f"{page.url.partition('?')[0]}?n=2")
    drawn(page, "categories")

    panel.get_by_text(curve["points"][1]["plan"], exact=False).wait_for()
    wanted = f"{curve['points'][1]['categories'][0]['nll_diff']:.4f}"
    assert wanted in panel.inner_text()
    assert violations(page) == []


def test_without_categories_there_is_no_panel(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["no map"].page)
    drawn(page, "curve")

    assert page.locator(".panel-categories").is_hidden()


def test_answers_have_rates_by_route(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["answers"].page)

    text = page.locator("#answer-categories").inner_text()

    assert "code" in text
    assert "20% (7 – 45 %)" in text
    assert violations(page) == []
