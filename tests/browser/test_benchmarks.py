"""Multiple choice on the page: asking, both pictures, every question, the lines to copy."""

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from linearity.contracts.redaction import without_texts
from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.measured import drawn
from tests.browser.seed import DATASET, another_run, finish_with
from tests.browser.test_access import violations
from tests.figures.benchmark_results import a_benchmark

pytestmark = pytest.mark.system

ASKED = replace(DATASET, id="exam", name="Exam", fingerprint="c" * 64, questions=40, prompts=40)
NAMES = ("task_scores", "task_differences")


def a_measured_run(visit: Visit, *, texts: bool = True, seed: int = 0) -> str:
    """Return a finished benchmark of its own."""
    services = visit.site.services
    run = another_run(
        services, "benchmark", plan="12:drop", questions="c" * 64, tasks=["piqa"], limit=seed
    )
    result = a_benchmark(tasks=("own_questions", "piqa")).as_json()
    finish_with(services, run, result if texts else without_texts(result))
    return run.id


def register(visit: Visit) -> None:
    state = visit.site.services.state
    state.add_input("dataset", id="exam", name="Exam", source="upload", reference="exam")
    state.input_ready("dataset", "exam", dict(ASKED.as_json()))


def wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_questions_are_chosen_from_the_datasets_that_hold_some(visit: Visit) -> None:
    register(visit)
    page = visit.open("/?kind=benchmark&plan=12:drop&model=smollm2")
    choose = page.get_by_label("Own questions", exact=True)
    page.locator("#questions option", has_text="Exam (40)").wait_for(state="attached")
    options = choose.locator("option").all_inner_texts()
    with page.expect_request(lambda request: "estimate=1" in request.url) as request:
        choose.select_option("exam")
    body: dict[str, Any] = request.value.post_data_json or {}

    assert options == ["None", "Exam (40)"]
    assert body["kind"] == "benchmark"
    assert body["params"]["questions"] == "exam"
    assert body["params"]["ending"] == "\nAnswer:"
    page.get_by_role("button", name="Ask").wait_for()
    assert violations(page) == []
    assert visit.errors == []


def test_questions_can_be_pasted_and_are_seen_as_such(visit: Visit) -> None:
    page = visit.open("/library/add/dataset")
    page.get_by_text("Paste text instead").click()
    row = '{"question": "2 + %d = ?", "choices": ["seven", "eleven"], "answer": "B"}'
    page.get_by_label("Text, or one JSON object a line").fill("\n".join(row % n for n in (5, 9)))
    page.get_by_role("button", name="Take this text").click()
    page.wait_for_selector(".plain-table.records")
    records = page.locator(".plain-table.records").inner_text()

    assert "seven" in records
    assert "2 + 9 = ?" in records
    assert "Multiple-choice questions" in page.locator(".dataset-facts").inner_text()
    assert violations(page) == []
    assert visit.errors == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_result_reads_everywhere(visit: Visit, size: Any, lang: str) -> None:
    number = 1 + 2 * (lang == "ja") + (size is PHONE)
    run = a_measured_run(visit, seed=number)
    visit.page.set_viewport_size(size)
    page = visit.open(f"/runs/{run}?lang={lang}&theme={'dark' if lang == 'ja' else 'light'}")
    drawn(page, *NAMES)

    assert not wide(page)
    assert violations(page) == []
    assert visit.errors == []


def test_lost_and_gained_questions_can_be_read_one_by_one(visit: Visit) -> None:
    run = a_measured_run(visit, seed=9)
    page = visit.open(f"/runs/{run}")
    drawn(page, *NAMES)
    result = a_benchmark(tasks=("own_questions", "piqa"))
    lost = sum(task.scores[0].lost for task in result.tasks)
    items = page.locator("#benchmark-items")
    items.get_by_role("button", name=f"Lost ({lost})").click()

    assert items.locator("article").count() == min(lost, 20)
    assert "items=lost" in page.url
    first = items.locator("article").first
    assert "lost: only the dense model was right" in first.inner_text()
    assert first.locator("li.gold").inner_text().count("Dense model") == 1
    line = page.get_by_label("Dense model", exact=True)
    assert line.input_value() == "lm-eval run --model hf"
    assert "linearscope questions" in page.get_by_label("Own questions as a task").input_value()


def test_without_its_texts_a_result_still_says_which_choice(visit: Visit) -> None:
    page = visit.open(f"/runs/{a_measured_run(visit, texts=False, seed=10)}?items=all")
    first = page.locator("#benchmark-items article").first
    first.wait_for()

    assert "(The text was left out.)" in first.inner_text()
    assert "Choice 4" in first.inner_text()
