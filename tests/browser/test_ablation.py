"""An ablation: curves, the selected plan, and what can be asked about it."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page

from backend.snapshot import snapshot
from tests.browser.conftest import Site, Visit
from tests.browser.measured import Measured, click_point, drawn, measure_all, stays_on_the_site
from tests.browser.seed import another_run, finish_with, publish_partial
from tests.figures.ablation_results import a_partial_ablation, an_ablation

pytestmark = pytest.mark.system

LINEAR = "update_linearity.linear.one_shot"


@pytest.fixture(scope="module")
def measured(site: Site) -> dict[str, Measured]:
    return measure_all(site)


def curve(result: dict[str, Any], strategy: str, action: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        c for c in result["curves"] if (c["strategy"], c["action"]) == (strategy, action)
    )
    return found


def submitted(page: Page, visit: Visit) -> dict[str, Any]:
    """Return what was asked for by the run whose page is open."""
    page.wait_for_url("**/runs/*")
    page.get_by_text("queued", exact=True).first.wait_for()
    run = visit.site.services.state.get_run(urlsplit(page.url).path.rsplit("/", 1)[1])
    assert run
    return {"kind": run.kind, **run.request["params"]}


def test_finding_protocol_curves_and_table_are_there(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    result = measured["ablation"].result
    page = visit.open(measured["ablation"].page)
    drawn(page, "curve", "damage", "interaction", "scores")

    page.get_by_text(result["finding"]["en"]).wait_for()
    assert "2,040 scored tokens" in page.locator("#numbers .protocol").inner_text()
    assert "context 256, stride 256" in page.locator("#numbers .protocol").inner_text()
    rows = page.locator(".grid-curve tbody tr")
    points = curve(result, "update_linearity", "drop")["points"]
    assert rows.count() == len(points)
    assert f"{points[3]['nll_diff']:.4f}" in rows.nth(3).inner_text()
    assert points[3]["plan"] in rows.nth(3).inner_text().replace("\u200b", "")
    assert stays_on_the_site(visit)


def test_a_click_on_a_point_shows_its_plan_and_puts_it_into_the_form(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(f"{measured['ablation'].page}?action=linear")
    drawn(page, "curve")
    point = curve(measured["ablation"].result, "update_linearity", "linear")["points"][3]

    click_point(page, "curve", 4, point["nll_diff"])

    page.wait_for_url(f"**curve={LINEAR}&n=4")
    chosen = page.locator("#chosen-plan").inner_text().replace("\u200b", "")
    assert point["plan"] in chosen
    assert f"{point['nll_diff']:.4f}" in chosen
    assert f"{point['kl']:.4f}" in chosen
    assert "No plan is harmless" in chosen
    assert page.locator("#plan-text").input_value() == point["plan"]
    assert page.locator(".plot-curve").evaluate("(plot) => plot.layout.shapes.length") == 2
    assert page.locator(".plot-damage").evaluate("(plot) => plot.layout.shapes.length") == 4
    assert "4 blocks changed" in page.locator("[aria-live=polite]").all_inner_texts()[-1]


def test_a_row_of_the_table_selects_with_the_keyboard(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)
    page.locator(".grid-curve td[tabindex='0']").focus()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**curve=update_linearity.drop&n=2")
    page.locator("#chosen-plan", has_text="2 blocks changed").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.id") == "chosen-plan"


def test_metric_action_and_axis_are_in_the_address(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)
    drawn(page, "curve")

    page.get_by_role("button", name="Perplexity", exact=True).click()
    page.get_by_role("button", name="linear", exact=True).click()
    page.get_by_role("button", name="Linear", exact=True).click()
    page.wait_for_url("**axis=linear")
    page.reload()
    drawn(page, "curve")

    assert parse_qs(urlsplit(page.url).query) == {
        "metric": ["ppl"],
        "action": ["linear"],
        "axis": ["linear"],
    }
    layout = page.locator(".plot-curve").evaluate(
        "(plot) => [plot.layout.yaxis.title.text, plot.layout.yaxis.type]"
    )
    assert layout == ["perplexity", "linear"]


def test_random_orders_are_a_band_and_not_buttons(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)
    drawn(page, "curve")

    names = page.locator(".curve-button").all_inner_texts()

    assert len(names) == 8
    assert not [name for name in names if "random" in name]


def test_the_plan_is_measured_on_the_report_split_with_the_same_sampling(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(f"{measured['ablation'].page}?curve={LINEAR}&n=3")
    assert "Openings are counted" in page.locator("#chosen-plan").inner_text()

    page.get_by_role("button", name="Measure again on the report split").click()

    asked = submitted(page, visit)
    point = curve(measured["ablation"].result, "update_linearity", "linear")["points"][2]
    assert (asked["kind"], asked["split"], asked["plan"]) == ("plan", "report", point["plan"])
    params = measured["ablation"].result["params"]
    for name in ("fit_tokens", "select_tokens", "report_tokens", "context", "seed", "ridge"):
        assert asked[name] == params[name]


def test_answers_of_the_selected_plan_are_asked_for(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(f"{measured['ablation'].page}?curve={LINEAR}&n=2")

    page.locator("#chosen-plan").get_by_role("button", name="Answers side by side").click()

    asked = submitted(page, visit)
    assert asked["kind"] == "answers"
    assert asked["seed"] == 31


def test_a_typed_plan_is_checked_at_its_field_and_then_measured(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)
    field = page.locator("#plan-text")

    field.fill("12:drop,99:linear")
    problem = page.locator("#plan-problem [role=alert]")
    problem.wait_for()
    told = problem.inner_text()
    invalid = field.get_attribute("aria-invalid")
    field.fill("7:drop,9-10:linear")
    page.locator(".plan-estimate", has_text="to fit").wait_for()
    page.locator("#plan-fidelity").select_option("preview")
    page.get_by_role("button", name="Measure this plan").click()

    asked = submitted(page, visit)
    assert "there is no block 99" in told
    assert "Use blocks from 0 to 29." in told
    assert invalid == "true"
    assert (asked["plan"], asked["fidelity"]) == ("7:drop,9-10:linear", "preview")


def test_the_report_split_is_explained_where_it_is_chosen(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)
    note = page.locator("[data-report-note]")
    before = note.is_visible()

    page.locator("#plan-split").select_option("report")

    assert not before
    assert "open it for a plan that is frozen" in note.inner_text()
    assert page.locator("#plan-fidelity").is_disabled()


def test_rank_correlation_is_told_with_what_it_means(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)

    text = page.locator("#correlation").inner_text()

    assert "A linearity rank is not a safety rank." in text
    assert "+0.41" in text
    assert "by definition: it is this damage" in text


def test_the_map_of_pairs_has_its_sentence_or_says_why_it_is_missing(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["ablation"].page)
    page.locator(".panel-interaction", has_text="cost more together").wait_for()

    page = visit.open(measured["no map"].page)

    page.locator(".panel-interaction", has_text="it was left out").wait_for()
    assert page.locator(".plot-interaction").is_hidden()


def test_splits_and_openings_are_told(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["ablation"].page)

    text = page.locator("#splits").inner_text()

    assert "not opened" in text
    # Plans of these tests opened it before.
    assert "The report split of this model and dataset was opened" in text


@pytest.mark.parametrize("saved", [False, True])
def test_the_ring_around_the_selected_point_is_round(
    visit: Visit, measured: dict[str, Measured], tmp_path: Path, saved: bool
) -> None:
    view = {"curve": LINEAR, "n": "3"}
    file = tmp_path / "saved.html"
    file.write_bytes(snapshot(measured["ablation"].result, view))
    page = visit.page
    page.goto(
        file.as_uri() if saved else f"{visit.site.url}{measured['ablation'].page}?{urlencode(view)}"
    )
    drawn(page, "curve")

    ring = page.locator(".plot-curve .layer-above .shapelayer path").last.bounding_box()
    place = page.locator(".plot-curve").evaluate(
        """(plot) => {
            const {xaxis, yaxis} = plot._fullLayout;
            const {xanchor, yanchor} = plot.layout.shapes.at(-1);
            const box = plot.getBoundingClientRect();
            return [
                box.left + xaxis._offset + xaxis.d2p(xanchor),
                box.top + yaxis._offset + yaxis.d2p(yanchor),
            ];
        }"""
    )

    assert ring is not None
    assert ring["width"] == pytest.approx(ring["height"], abs=1.0)
    assert ring["width"] > 15
    assert ring["x"] + ring["width"] / 2 == pytest.approx(place[0], abs=1.0)
    assert ring["y"] + ring["height"] / 2 == pytest.approx(place[1], abs=1.0)


def test_only_pictures_that_are_there_are_offered_and_each_can_be_saved(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["routes"].page)
    drawn(page, "curve", "categories")
    with_routes = page.locator(".downloads").inner_text()
    with page.expect_download() as download:
        page.locator(".downloads li", has_text="Damage by route").get_by_text("PNG").click()
    visit.open(measured["no map"].page)
    drawn(page, "curve")

    assert download.value.suggested_filename.endswith("-categories.png")
    assert "Damage by route" in with_routes
    assert "Damage by route" not in page.locator(".downloads").inner_text()
    assert visit.errors == []


def test_curves_grow_while_the_run_goes_on(visit: Visit) -> None:
    services = visit.site.services
    run = another_run(services, "ablation", seed=41)
    page = visit.open(f"/runs/{run.id}")
    page.get_by_text("The pictures appear with the first measurements.").first.wait_for()

    publish_partial(services, run, a_partial_ablation(points=0))
    page.get_by_text("60 of 100 measurements").wait_for()
    drawn(page, "damage")
    assert page.locator("#numbers").is_hidden()
    publish_partial(services, run, a_partial_ablation(points=2))
    page.locator(".grid-curve tbody tr").nth(1).wait_for()
    drawn(page, "curve")
    result = finish_with(services, run, an_ablation().as_json())

    page.get_by_text(result["finding"]["en"]).wait_for()
    page.locator(".grid-curve tbody tr").nth(9).wait_for()
    assert visit.errors == []


@pytest.mark.parametrize("form", ["PNG", "SVG"])
def test_the_curves_can_be_saved(visit: Visit, measured: dict[str, Measured], form: str) -> None:
    page = visit.open(measured["ablation"].page)
    drawn(page, "curve")

    with page.expect_download() as waiting:
        page.locator(".downloads li", has_text="Quality against").get_by_role(
            "button", name=form
        ).click()

    data = waiting.value.path().read_bytes()
    assert data.startswith(b"\x89PNG" if form == "PNG" else b"<svg")


def test_the_page_speaks_japanese(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(f"{measured['ablation'].page}?lang=ja&curve={LINEAR}&n=4")
    drawn(page, "curve", "damage")

    text = page.locator("main").inner_text()

    assert measured["ablation"].result["finding"]["ja"] in text
    assert "線形性の順位は、安全性の順位ではありません。" in text
    assert page.locator(".plot-curve").evaluate("(p) => p.layout.xaxis.title.text") == (
        "変更したブロック数"
    )
    assert visit.errors == []


def test_a_linearity_run_leads_to_what_changing_blocks_costs(visit: Visit) -> None:
    page = visit.open_result()

    page.locator("#plan-text").fill("12:drop")
    page.locator(".plan-estimate", has_text="to fit").wait_for()
    page.get_by_role("link", name="Measure what dropping and replacing blocks costs").click()

    page.wait_for_url("**kind=ablation**")
    page.get_by_role("button", name="Drop and replace blocks of").wait_for()
