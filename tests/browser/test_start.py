"""The start page: one question away from a result."""

from dataclasses import replace

import pytest

from linearity.contracts.estimate import estimate
from linearity.contracts.linearity import linearity_request
from tests.browser.conftest import Visit
from tests.browser.seed import DATASET, MODEL

pytestmark = pytest.mark.system


def test_the_demo_is_preselected_and_the_button_says_what_it_does(visit: Visit) -> None:
    page = visit.open("/")

    page.get_by_role("button", name=f"Measure linearity of {MODEL.name}").wait_for()

    assert page.get_by_label("Model", exact=True).input_value() == MODEL.id
    assert page.get_by_label("Dataset", exact=True).input_value() == DATASET.id


def test_an_estimate_stands_beside_the_button_and_a_result_that_exists_is_offered(
    visit: Visit,
) -> None:
    page = visit.open("/")

    estimate = page.locator(".estimate")
    estimate.get_by_text("This result exists already.").wait_for()

    assert "16,384 tokens" in estimate.inner_text()
    assert "of memory" in estimate.inner_text()
    estimate.get_by_role("link", name="Open it").click()
    page.wait_for_url(f"**/runs/{visit.site.run.id}")


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_model_that_will_stream_says_so_with_memory_and_disk(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    request = linearity_request({"pairs": "adjacent"}, model=MODEL, dataset=DATASET)
    cost = estimate(request, MODEL, flops_per_second=None)
    monkeypatch.setattr("backend.submissions.memory_bytes", lambda: cost.memory_bytes - 1)
    page = visit.open(f"/?lang={lang}")

    words = {"en": "on the disk meanwhile", "ja": "計算中はディスクに"}[lang]
    page.locator(".estimate", has_text=words).wait_for()
    reason = {"en": "block by block", "ja": "ブロックごとに"}[lang]
    assert reason in page.locator(".estimate").inner_text()


def test_the_estimate_follows_what_is_typed(visit: Visit) -> None:
    page = visit.open("/")
    page.locator(".estimate a").wait_for()

    page.get_by_label("Tokens").fill("65536")

    page.locator(".estimate").get_by_text("65,536 tokens").wait_for()
    assert page.locator(".estimate a").count() == 0


def test_a_value_out_of_range_is_explained_where_the_estimate_stands(visit: Visit) -> None:
    page = visit.open("/")
    page.locator(".estimate a").wait_for()
    page.get_by_text("Advanced settings").click()

    page.get_by_label("Context").fill("3")

    page.locator(".estimate [role=alert]").wait_for()
    assert "from 8 to 131,072" in page.locator(".estimate").inner_text()


def test_the_papers_procedure_switches_off_what_it_decides(visit: Visit) -> None:
    page = visit.open("/?protocol=paper")
    page.locator(".estimate", has_text="of memory").wait_for()
    page.get_by_text("Advanced settings").click()

    with page.expect_request(lambda request: "seed" in (request.post_data or "")) as asked:
        page.get_by_label("Seed").fill("7")

    assert (asked.value.post_data_json or {})["params"] == {"protocol": "paper", "seed": 7}
    assert page.get_by_label("Tokens").is_disabled()
    assert page.get_by_label("Leave out").is_disabled()
    page.get_by_label("Procedure").select_option("standard")
    assert page.get_by_label("Tokens").is_enabled()


def test_models_that_are_still_prepared_are_shown_as_such(visit: Visit) -> None:
    page = visit.open("/")
    page.locator("#model option", has_text="GlassLM English").wait_for(state="attached")

    page.get_by_label("Model", exact=True).select_option("glass-en")

    page.locator(".field-note", has_text="repared").wait_for()
    assert page.locator("button.primary").is_disabled()


def test_a_path_that_is_not_allowed_is_refused_with_the_next_step(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_text("Use another model or dataset").click()

    page.get_by_label("Hub id, or path on the server").fill("/etc")
    page.get_by_role("button", name="Add", exact=True).click()

    problem = page.locator(".add-input [role=alert]")
    problem.wait_for()
    assert "LINEARSCOPE_MODEL_ROOTS" in problem.inner_text()


def test_recent_runs_lead_to_their_pages(visit: Visit) -> None:
    page = visit.open("/")

    page.locator(".runs-table tr", has_text="finished").first.get_by_role("link").click()

    page.wait_for_url("**/runs/*")


def test_the_newest_finding_is_seen_before_anything_is_measured(visit: Visit) -> None:
    page = visit.open("/")

    page.get_by_text(visit.site.result["finding"]["en"]).wait_for()

    assert visit.errors == []


def test_measuring_asks_the_queue_and_opens_the_run(visit: Visit) -> None:
    page = visit.open("/")
    page.locator(".estimate a").wait_for()
    page.get_by_label("Tokens").fill("32768")
    page.locator(".estimate").get_by_text("32,768 tokens").wait_for()

    page.locator("button.primary").click()

    page.wait_for_url("**/runs/*")
    page.get_by_text("queued", exact=True).first.wait_for()
    run = visit.site.services.state.get_run(page.url.rsplit("/", 1)[1])
    assert run
    assert run.request["params"]["tokens"] == 32_768


def test_jobs_and_library_open_without_errors(visit: Visit) -> None:
    page = visit.open("/jobs")
    page.locator(".runs-table").wait_for()
    page.get_by_role("link", name="Library").click()
    page.locator(".card", has_text=MODEL.name).wait_for()

    assert visit.errors == []


def test_a_model_becomes_available_by_itself_when_it_is_prepared(visit: Visit) -> None:
    services = visit.site.services
    page = visit.open("/?model=glass-pt")
    page.locator(".estimate", has_text="is being prepared").wait_for()
    button = page.locator("button.primary")
    waiting = button.is_disabled()

    record = replace(MODEL, id="glass-pt", name="GlassLM Portuguese (4 blocks)", blocks=4)
    assert services.state.input_ready("model", "glass-pt", dict(record.as_json()))

    page.locator(".estimate", has_text="of memory").wait_for()
    assert waiting
    assert button.is_enabled()
