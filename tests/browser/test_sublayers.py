"""A result by sublayers: attention and MLP are named wherever a block is named."""

import pytest

from tests.browser.conftest import Visit
from tests.browser.seed import MODEL, a_running_run, finish_with
from tests.builders import a_result, by_sublayers

pytestmark = pytest.mark.system


def test_attention_and_mlp_are_named_in_details_table_and_facts(visit: Visit) -> None:
    run = a_running_run(visit.site.services, granularity="sublayer")
    result = by_sublayers(a_result(blocks=2 * MODEL.blocks)).as_json()
    finish_with(visit.site.services, run, result)

    page = visit.open(f"/runs/{run.id}?table=blocks&sel=6-7")
    page.wait_for_selector(".plot-profile[data-drawn]")
    page.wait_for_selector(".plot-heatmap[data-drawn]")

    details = page.locator("#details").inner_text()
    assert "State 3 → 3.attn" in details
    assert "block 3, attention" in details
    assert "also between attention and MLP" in page.locator(".facts").inner_text()
    assert "3 MLP" in page.locator("#numbers").inner_text()
    assert page.locator("#compare-link").is_hidden()
    page.goto(f"{visit.site.url}/runs/{run.id}?lang=ja&sel=6-9")
    page.get_by_text("ブロック 3 の注意機構〜ブロック 4 の注意機構").wait_for()
    assert visit.errors == []
