"""The paper's values on the page: only for models that it measured, and only when asked for."""

from dataclasses import asdict, replace

import pytest

from linearity.adapters.naming import name_input
from linearity.contracts.linearity import linearity_request
from tests.browser.conftest import Visit
from tests.browser.seed import DATASET, MODEL, finish_with, ready
from tests.builders import a_result

pytestmark = pytest.mark.system

OPT = replace(
    MODEL, id="facebook--opt-125m", name="facebook/opt-125m", source="hub",
    reference="facebook/opt-125m", fingerprint="c" * 64, family="opt", blocks=12, width=768,
    vocabulary=50_272, context=2048, parameters=125_000_000,
)  # fmt: skip


def test_the_paper_s_values_are_a_switch_with_their_source(visit: Visit) -> None:
    services = visit.site.services
    named = asdict(name_input("model", OPT.reference))
    services.state.add_input("model", **named)
    services.state.input_ready("model", OPT.id, dict(OPT.as_json()))
    model = services.state.get_input("model", OPT.id)
    dataset = ready(services, DATASET, "dataset")
    assert model is not None
    request = linearity_request({"pairs": "all"}, model=OPT, dataset=DATASET)
    run = services.state.submit(request, model=model, dataset=dataset).run
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    found = a_result(blocks=12, model=OPT.name)
    finish_with(services, run, replace(found, model=found.model | {"width": 768}).as_json())

    page = visit.open(f"/runs/{run.id}")
    page.wait_for_selector(".plot-profile[data-drawn]")
    switch = page.get_by_role("button", name="The paper’s values")
    key = page.locator(".plot-profile .legendtext", has_text="in-sample, read off")
    before = key.count()
    switch.click()
    page.wait_for_url("**?published=1")
    key.wait_for()

    said = page.locator("#published").inner_text()
    assert before == 0
    assert "Update 0.33 to 0.65 (all 24 models)" in said
    assert "read off the picture" in said
    assert "0.217 ± 0.038 (BoolQ)" in said
    assert "in sample, every token kept" in said
    assert switch.get_attribute("aria-pressed") == "true"
    visit.open_result()
    assert page.get_by_role("button", name="The paper’s values").count() == 0
    assert visit.errors == []
