"""A result of the paper's procedure: it says everywhere that nothing was held out."""

import pytest

from tests.browser.conftest import Visit
from tests.browser.seed import MODEL, a_running_run, finish_with
from tests.builders import a_result, in_sample

pytestmark = pytest.mark.system


def test_an_in_sample_result_says_so_and_shows_no_held_out_number(visit: Visit) -> None:
    run = a_running_run(visit.site.services, protocol="paper")
    finish_with(visit.site.services, run, in_sample(a_result(blocks=MODEL.blocks)).as_json())

    page = visit.open(f"/runs/{run.id}?table=blocks")
    page.wait_for_selector(".plot-profile[data-drawn]")
    page.wait_for_selector(".plot-heatmap[data-drawn]")

    heads = page.locator("#numbers th").all_inner_texts()
    switch = page.get_by_role("button", name="Held-out", exact=True)
    assert "the paper’s, in sample" in page.locator(".facts").inner_text()
    assert "Stream R², in sample" in page.locator(".key-numbers").inner_text()
    assert not [head for head in heads if "held-out" in head.lower()]
    assert "Stream, in-sample" in heads
    assert switch.is_disabled()
    assert page.locator("#compare-link").is_hidden()
    page.get_by_role("link", name="Measure the same with held-out text").click()
    page.wait_for_url("**/?model=smollm2&dataset=python-docs")
    assert visit.errors == []
