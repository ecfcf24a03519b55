"""A finished run: pictures, numbers, links."""

from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visit

pytestmark = pytest.mark.system


def cells(page: Page) -> dict[str, Any]:
    """Return the heat map's trace as Plotly has it, its scores as plain lists."""
    found: dict[str, Any] = page.evaluate(
        """() => {
            const trace = document.querySelector('.plot-heatmap').data[0];
            return {type: trace.type, scores: trace.customdata.map((row) => [...row])};
        }"""
    )
    return found


def click_cell(page: Page, start: int, end: int) -> None:
    """Click the middle of a cell of the heat map."""
    x, y = page.evaluate(
        """([start, end]) => {
            const plot = document.querySelector('.plot-heatmap');
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [
                box.left + xaxis._offset + xaxis.l2p(end),
                box.top + yaxis._offset + yaxis.l2p(start),
            ];
        }""",
        [start, end],
    )
    page.mouse.move(x, y)
    page.wait_for_timeout(100)  # Plotly handles a hover before a click
    page.mouse.click(x, y)


def test_the_heat_map_draws_the_scores_of_the_result(visit: Visit) -> None:
    page = visit.open_result()

    drawn = cells(page)

    pairs = visit.site.result["pairs"]["r2_heldout"]
    assert drawn["type"] == "heatmap"
    assert drawn["scores"] == [row[1:] for row in pairs[:-1]]
    # An image policy that forbids data addresses leaves the map blank without an error.
    assert page.locator(".plot-heatmap .heatmaplayer image").count() == 1


def test_nothing_fails_and_nothing_leaves_the_site(visit: Visit) -> None:
    visit.open_result()

    hosts = {
        urlsplit(url).netloc for url in visit.requests if not url.startswith(("data:", "blob:"))
    }
    assert visit.errors == []
    assert hosts == {urlsplit(visit.site.url).netloc}


def test_no_chart_can_be_sent_to_a_cloud(visit: Visit) -> None:
    page = visit.open_result()

    page.locator(".plot-heatmap").hover()

    labels = page.locator(":is(button, a):not(#share)").evaluate_all(
        "(all) => all.map((e) => `${e.textContent} ${e.ariaLabel} ${e.dataset.title}`)"
    )
    assert not [text for text in labels if "share" in text.lower() or "cloud" in text.lower()]
    assert (
        page.evaluate(
            "() => [...document.querySelectorAll('.plot')].map((p) => p._context.showSendToCloud)"
        )
        == [False] * 6
    )


def test_the_finding_and_the_table_are_there_before_plotly(visit: Visit) -> None:
    visit.page.route("**/plotly-*.js", lambda route: route.abort())

    page = visit.open(f"/runs/{visit.site.run.id}")

    page.get_by_text(visit.site.result["finding"]["en"]).wait_for()
    page.locator("[role=grid] td[data-row='0'][data-column='0']").wait_for()
    page.get_by_text("The chart library could not be loaded").first.wait_for()


def test_a_switch_goes_to_the_address_and_a_reload_keeps_it(visit: Visit) -> None:
    page = visit.open_result()

    page.get_by_role("button", name="Update", exact=True).click()
    page.wait_for_url("**?score=update")
    page.reload()
    visit.pictures()

    assert (
        page.get_by_role("button", name="Update", exact=True).get_attribute("aria-pressed")
        == "true"
    )
    pairs = visit.site.result["pairs"]["update_r2_heldout"]
    assert cells(page)["scores"][0] == pairs[0][1:]


def test_back_and_forward_walk_through_the_views(visit: Visit) -> None:
    page = visit.open_result()
    page.get_by_role("button", name="In-sample").click()
    page.wait_for_url("**?split=fit")
    page.get_by_role("button", name="1 − score, log").click()
    page.wait_for_url("**?split=fit&scale=log")

    page.go_back()
    page.go_back()
    page.locator("button[aria-pressed=true]", has_text="Held-out").wait_for()
    assert urlsplit(page.url).query == ""
    page.go_forward()

    page.locator("button[aria-pressed=true]", has_text="In-sample").wait_for()


def test_the_address_holds_only_what_differs(visit: Visit) -> None:
    page = visit.open_result("?score=update&table=blocks")

    page.get_by_role("button", name="Stream", exact=True).click()

    page.wait_for_url("**?table=blocks")


def test_a_click_on_a_cell_shows_the_numbers_of_the_result(visit: Visit) -> None:
    page = visit.open_result()

    click_cell(page, 12, 15)

    page.wait_for_url("**?sel=12-15")
    details = page.locator("#details").inner_text()
    pairs = visit.site.result["pairs"]
    assert "State 12 → 15" in details
    for field in (
        "r2_heldout",
        "r2_adjusted",
        "r2_fit",
        "update_r2_heldout",
        "angular",
        "cosine",
        "cka",
    ):
        assert f"{pairs[field][12][15]:.4f}" in details


def test_neighbours_show_their_interval_and_the_kept_variant(visit: Visit) -> None:
    page = visit.open_result("?sel=12-13")

    details = page.locator("#details").inner_text()

    profile, kept = visit.site.result["profile"], visit.site.result["kept"]
    low, high = profile["r2_heldout_ci95"][12]
    assert f"{low:.4f} – {high:.4f}" in details
    assert f"{kept['r2_heldout'][12]:.4f}" in details
    assert f"{kept['update_r2_heldout'][12]:.4f}" in details


def test_a_selection_is_marked_in_every_picture_and_told_to_screen_readers(visit: Visit) -> None:
    page = visit.open_result("?sel=12-15")

    shapes = [
        page.locator(f".plot-{name}").evaluate("(plot) => plot.layout.shapes.length")
        for name in ("heatmap", "profile", "norms", "token_classes", "token_errors")
    ]

    assert shapes == [4, 1, 1, 1, 1]
    assert "State 12 to 15" in page.locator("[aria-live=polite]").all_inner_texts()[-1]


def test_every_score_is_a_map_and_an_address(visit: Visit) -> None:
    page = visit.open_result()
    page.get_by_role("button", name="CKA").click()
    page.wait_for_url("**?score=cka")

    page.reload()
    visit.pictures()

    wanted = [row[1:] for row in visit.site.result["pairs"]["cka"][:-1]]
    shown = cells(page)["scores"]
    assert [row[k:] for k, row in enumerate(shown)] == [row[k:] for k, row in enumerate(wanted)]


def test_errors_of_single_tokens_have_a_picture_and_a_table(visit: Visit) -> None:
    page = visit.open_result()

    errors = visit.site.result["token_errors"]
    page.locator(".panel-token_errors summary").click()
    row = page.locator(".panel-token_errors tbody tr").nth(12)
    assert row.locator("td").first.inner_text() == f"{errors['p50'][12]:.3g}"
    beyond = sum(errors["counts"][12][errors["edges"].index(1.0) + 1 :]) / errors["tokens"]
    assert float(row.locator("td").last.inner_text().rstrip("%")) == pytest.approx(
        100 * beyond, abs=0.06
    )


def test_classes_of_tokens_have_a_picture_and_a_table(visit: Visit) -> None:
    page = visit.open_result("?lang=ja")

    classes = visit.site.result["token_classes"]
    kanji = [block[classes["names"].index("kanji")] for block in classes["error"]]
    page.locator(".panel-token_classes summary").click()
    row = page.locator(".panel-token_classes tbody tr", has_text="漢字")
    assert f"{classes['tokens'][classes['names'].index('kanji')]:,}" in row.inner_text()
    assert f"{max(kanji):.3g} ブロック {kanji.index(max(kanji))}" in row.inner_text()
    names = page.locator(".plot-token_classes .ytick").all_text_contents()
    assert names[0] == "先頭トークン"
    assert len(names) == len(classes["names"])


def test_steps_lead_from_the_papers_number_to_ours(visit: Visit) -> None:
    page = visit.open_result()
    profile, kept = visit.site.result["profile"], visit.site.result["kept"]
    numbers = [kept["r2_fit"], profile["r2_fit"], profile["r2_adjusted"], profile["r2_heldout"]]

    page.get_by_text("From the paper’s number to ours").click()

    shown = page.locator(".paper-steps strong").all_inner_texts()
    wanted = [*numbers, profile["update_r2_heldout"]]
    assert shown == [f"{median(values):.4f}" for values in wanted]


def test_a_selection_outside_the_model_is_ignored(visit: Visit) -> None:
    page = visit.open_result("?sel=12-99")

    assert "Selected pair" in page.locator("#details").inner_text()
    assert visit.errors == []


def test_the_grid_is_walked_with_the_keyboard(visit: Visit) -> None:
    page = visit.open_result()
    page.locator("[role=grid] td[tabindex='0']").focus()

    def here() -> list[str | None]:
        cell = page.locator("[role=grid] td:focus")
        return [cell.get_attribute("data-row"), cell.get_attribute("data-column")]

    assert here() == ["0", "0"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert here() == ["1", "1"]
    page.keyboard.press("ArrowLeft")  # below the diagonal there is nothing
    assert here() == ["1", "1"]
    page.keyboard.press("End")
    assert here() == ["1", "29"]
    page.keyboard.press("Home")
    assert here() == ["1", "1"]
    page.keyboard.press("Control+End")
    assert here() == ["29", "29"]
    assert page.locator("[role=grid] td[tabindex='0']").count() == 1


def test_enter_selects_in_the_grid_and_escape_leaves_it(visit: Visit) -> None:
    page = visit.open_result()
    page.locator("[role=grid] td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")

    page.keyboard.press("Enter")
    page.wait_for_url("**?sel=0-2")
    focused = page.evaluate("() => document.activeElement.dataset.column")
    page.keyboard.press("Escape")

    assert focused == "1"
    assert page.evaluate("() => document.activeElement.id") == "details"


def test_the_grid_has_the_numbers_of_the_chosen_score(visit: Visit) -> None:
    page = visit.open_result("?score=angular")

    shown = page.locator("[role=grid] td[data-row='3'][data-column='9']").inner_text()

    assert shown == f"{visit.site.result['pairs']['angular'][3][10]:.3f}"


def test_the_table_of_blocks_has_one_row_a_block(visit: Visit) -> None:
    page = visit.open_result("?table=blocks")

    assert page.locator("[role=grid] tbody tr").count() == 30
    page.locator("[role=grid] td[data-row='7'][data-column='0']").click()
    page.wait_for_url("**?table=blocks&sel=7-8")


def test_switching_the_language_changes_words_pictures_and_lang(visit: Visit) -> None:
    page = visit.open_result()

    page.get_by_role("button", name="日本語").click()
    page.wait_for_url("**?lang=ja")
    page.wait_for_function(
        "() => document.querySelector('.plot-profile').layout.xaxis.title.text === 'ブロック'"
    )

    assert page.locator("html").get_attribute("lang") == "ja"
    assert visit.site.result["finding"]["ja"] in page.locator("#finding").inner_text()
    assert page.get_by_role("heading", name="すべての状態の組").count() == 1
    visit.open("/")  # the choice is remembered where the address does not say it
    page.get_by_role("button", name="の線形性を測る").wait_for()


def test_the_dark_theme_reaches_page_and_pictures(visit: Visit) -> None:
    page = visit.open_result()

    page.get_by_role("button", name="Dark").click()
    page.wait_for_url("**?theme=dark")
    page.wait_for_function(
        "() => document.querySelector('.plot-heatmap').layout.paper_bgcolor === '#14161a'"
    )

    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(20, 22, 26)"


@pytest.mark.parametrize("form", ["PNG", "SVG"])
def test_pictures_can_be_saved(visit: Visit, form: str) -> None:
    page = visit.open_result()

    with page.expect_download() as waiting:
        page.locator(".downloads li", has_text="Every pair").get_by_role(
            "button", name=form
        ).click()

    data = waiting.value.path().read_bytes()
    assert waiting.value.suggested_filename.endswith(f"heatmap.{form.lower()}")
    assert data.startswith(b"\x89PNG" if form == "PNG" else b"<svg")
    assert visit.errors == []


@pytest.mark.parametrize("name", ["CSV", "CSV for Excel", "JSON", "NPZ"])
def test_numbers_can_be_downloaded(visit: Visit, name: str) -> None:
    page = visit.open_result()

    with page.expect_download() as waiting:
        page.locator(".downloads").get_by_role("link", name=name, exact=True).click()

    assert waiting.value.path().stat().st_size > 1000


def test_an_unknown_run_says_so(visit: Visit) -> None:
    page = visit.open(f"/runs/{'9' * 32}")

    page.get_by_text("There is no run with this id.").wait_for()


def test_the_title_says_how_many_tokens_were_seen_not_asked_for(visit: Visit) -> None:
    page = visit.open_result()

    counts = visit.site.result["tokens"]
    seen = sum(counts[key] for key in ("fit", "heldout", "excluded_first", "excluded_sinks"))
    facts = page.locator("#run-header .facts").inner_text()
    assert f"{seen:,} tokens" in facts
    assert f"{visit.site.result['params']['tokens']:,}" not in facts


@pytest.mark.parametrize(
    ("lang", "head"), [("en", "Update, all tokens kept"), ("ja", "更新(全トークン)")]
)
def test_the_table_of_blocks_has_the_update_with_all_tokens(
    visit: Visit, lang: str, head: str
) -> None:
    page = visit.open_result(f"?table=blocks&lang={lang}")

    heads = page.locator("[role=grid] thead th").all_inner_texts()
    row = page.locator("[role=grid] tbody tr").nth(7).locator("th, td").all_inner_texts()
    assert row[heads.index(head)] == f"{visit.site.result['kept']['update_r2_heldout'][7]:.4f}"
