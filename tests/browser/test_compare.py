"""Two runs side by side on the page."""

from pathlib import Path
from typing import Any

import pytest

from linearity.contracts.linearity import linearity_request
from tests.browser.conftest import Visit
from tests.browser.seed import DATASET, MODEL, finish_with, ready
from tests.browser.test_access import violations
from tests.builders import a_result

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    return {}


@pytest.fixture
def address(visit: Visit, addresses: dict[str, str]) -> str:
    """The page of the site's run beside a second one of the same model on other text."""
    if visit.site.url not in addresses:
        services = visit.site.services
        model, dataset = ready(services, MODEL, "model"), ready(services, DATASET, "dataset")
        request = linearity_request({"pairs": "all", "seed": 77}, model=MODEL, dataset=DATASET)
        run = services.state.submit(request, model=model, dataset=dataset).run
        assert services.state.start_attempt(run.id, run.attempt, "worker-1")
        other = a_result(blocks=MODEL.blocks, model=MODEL.name, dataset="other text", seed=5)
        value: dict[str, Any] = other.as_json()
        value["dataset"] = {**value["dataset"], "fingerprint": "c" * 64}
        value["model"] = {**value["model"], "fingerprint": "a" * 64}
        finish_with(services, run, value)
        addresses[visit.site.url] = f"/compare?runs={visit.site.run.id},{run.id}"
    return addresses[visit.site.url]


def test_the_page_shows_sentence_picture_and_numbers(visit: Visit, address: str) -> None:
    page = visit.open(address)
    page.wait_for_selector(".plot-compare[data-drawn]")
    stream = page.locator(".finding p").first.inner_text()
    page.get_by_role("button", name="Update").click()
    page.wait_for_function(f"() => document.querySelector('.finding p').innerText !== `{stream}`")

    rows = page.locator(".compared tbody tr")
    assert "differ" in stream
    assert rows.count() == MODEL.blocks
    assert page.locator(".compare-numbers", has_text="R² of the update").count() == 1
    assert "score=update" in page.url
    assert violations(page) == []
    assert visit.errors == []


def test_the_numbers_are_taken_along_as_csv(visit: Visit, address: str) -> None:
    page = visit.open(address)
    page.wait_for_selector(".plot-compare[data-drawn]")

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()

    lines = Path(download.value.path()).read_text().splitlines()
    assert download.value.suggested_filename.startswith("comparison-")
    assert lines[0].startswith("score,block,first_dataset,first,")
    assert len(lines) == 1 + 2 * MODEL.blocks


def test_a_run_leads_to_the_comparison_with_another_of_its_model(
    visit: Visit, address: str
) -> None:
    page = visit.open_result()
    choice = page.get_by_label("Compare this run with")
    choice.wait_for()
    other = address.rpartition(",")[2]
    choice.select_option(other)
    page.wait_for_url("**/compare?runs=*")
    page.wait_for_selector(".plot-compare[data-drawn]")

    assert page.url.endswith(address)


def test_what_cannot_be_compared_is_said(visit: Visit) -> None:
    page = visit.open("/compare?runs=nothing,nowhere")
    page.get_by_role("alert").wait_for()

    assert "There is no run with this id." in page.get_by_role("alert").inner_text()


def test_a_comparison_fits_a_phone_in_japanese(phone: Visit, visit: Visit, address: str) -> None:
    page = phone.open(f"{address}&lang=ja&theme=dark")
    page.wait_for_selector(".plot-compare[data-drawn]")

    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert "区間" in page.locator("p.finding").inner_text()
    assert violations(page) == []
    assert phone.errors == []
