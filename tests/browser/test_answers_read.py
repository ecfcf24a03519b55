"""Records with answers on the page: what may be asked about them, and what a result says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.seed import DATASET, MODEL, another_run, finish_with
from tests.browser.test_access import violations
from tests.builders import a_result

pytestmark = pytest.mark.system

QUESTIONS = replace(
    DATASET, id="questions", name="Questions", fingerprint="c" * 64, prompts=79, answers=79
)
UPLOADED = replace(
    MODEL, id="own", name="own-model", source="upload", reference="upload:own", has_template=True
)


def register(visit: Visit) -> None:
    """Register a text with answers, and an uploaded model that has a template."""
    state = visit.site.services.state
    for kind, record in (("dataset", QUESTIONS), ("model", UPLOADED)):
        state.add_input(
            kind, id=record.id, name=record.name, source=record.source, reference=record.id
        )
        state.input_ready(kind, record.id, dict(record.as_json()))
    state.allow_template("own", allowed=False)


def asked(page: Page) -> list[str]:
    """Return which of the two fields can be seen."""
    return [name for name in ("template", "score") if page.locator(f"#{name}").is_visible()]


def test_what_is_scored_is_asked_only_of_a_text_with_answers(visit: Visit) -> None:
    register(visit)
    page = visit.open("/")
    page.locator("#dataset option", has_text="Questions").wait_for(state="attached")
    page.get_by_text("Advanced settings").click()
    seen = {"plain": asked(page)}
    page.get_by_label("Dataset", exact=True).select_option("questions")
    seen["answers"] = asked(page)
    page.get_by_label("Model", exact=True).select_option("own")
    seen["withheld"] = asked(page)
    visit.site.services.state.allow_template("own", allowed=True)
    page.reload()
    page.locator("#dataset option", has_text="Questions").wait_for(state="attached")
    page.get_by_label("Dataset", exact=True).select_option("questions")
    page.get_by_label("Model", exact=True).select_option("own")
    page.get_by_text("Advanced settings").click()
    seen["allowed"] = asked(page)

    assert seen == {
        "plain": [],
        "answers": ["template", "score"],
        "withheld": ["score"],
        "allowed": ["template", "score"],
    }
    assert visit.errors == []


def test_what_was_chosen_is_sent_and_what_is_hidden_is_not(visit: Visit) -> None:
    register(visit)
    page = visit.open("/?model=smollm2&dataset=questions")
    page.locator("#dataset option", has_text="Questions").wait_for(state="attached")
    page.get_by_text("Advanced settings").click()
    page.get_by_label("What is scored").select_option("all")
    page.get_by_label("Chat template").select_option("none")

    def sent(action: Callable[[], object]) -> dict[str, Any]:
        with page.expect_request(lambda request: "estimate=1" in request.url) as request:
            action()
        body: dict[str, Any] = request.value.post_data_json or {}
        return body

    dataset = page.get_by_label("Dataset", exact=True)
    without = sent(lambda: dataset.select_option("python-docs"))
    with_it = sent(lambda: dataset.select_option("questions"))

    assert without["params"] == {}
    assert with_it["params"] == {"score": "all", "template": "none"}


@pytest.mark.parametrize(
    ("language", "allow", "used"),
    [
        ("en", "Allow the chat template", "own-model: Its chat template is used."),
        ("ja", "チャットテンプレートを許可", "own-model: チャットテンプレートを使います。"),
    ],
)
def test_an_administrator_allows_a_template_after_being_told_what_it_is(
    visit: Visit, language: str, allow: str, used: str
) -> None:
    register(visit)
    state = visit.site.services.state
    page = visit.open(f"/library?lang={language}")
    card = page.locator(".card", has_text="own-model")

    card.get_by_role("button", name=allow).click()
    question = page.get_by_role("dialog")
    question.wait_for()
    found = violations(page)
    page.keyboard.press("Escape")
    question.wait_for(state="detached")
    kept = state.get_input("model", "own")
    card.get_by_role("button", name=allow).click()
    question.get_by_role("button", name=allow).click()
    page.get_by_text(used).wait_for()
    after = state.get_input("model", "own")

    assert found == []
    assert kept is not None
    assert after is not None
    assert kept.record is not None
    assert after.record is not None
    assert (kept.record["template_allowed"], after.record["template_allowed"]) == (False, True)
    assert visit.errors == []


def test_others_see_whether_a_template_is_used_and_no_button(visit: Visit) -> None:
    register(visit)
    page = visit.page
    me = {"name": "ann", "role": "analyst", "way": "token"}
    page.route("**/api/v1/me", lambda route: route.fulfill(json=me))
    visit.open("/library")
    card = page.locator(".card", has_text="own-model")

    card.get_by_text("Its chat template is not used.").wait_for()

    assert card.get_by_role("button", name="Allow the chat template").count() == 0


def a_measured_run(visit: Visit) -> str:
    """Return a finished run on answers that stood in much context."""
    run = another_run(visit.site.services, "linearity", seed=77)
    result = a_result(blocks=MODEL.blocks)
    tokens = replace(result.tokens, context=70_321, passed_over=1_204, template="chat")
    finish_with(visit.site.services, run, replace(result, id=run.id, tokens=tokens).as_json())
    return run.id


def test_a_result_says_how_many_tokens_were_only_read(visit: Visit) -> None:
    id = a_measured_run(visit)
    page = visit.open(f"/runs/{id}")
    facts = page.locator("dl.numbers")
    facts.get_by_text("70,321").wait_for()
    told = facts.last.inner_text()

    assert "Tokens only read as context" in told
    assert "1,204" in told
    assert "chat template for prompts" not in told
    assert "with the chat template" in told
    assert visit.errors == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_fields_fit_on_a_screen(visit: Visit, size: Any) -> None:
    register(visit)
    page = visit.page
    page.set_viewport_size(size)
    visit.open("/?dataset=questions")
    page.locator("#dataset option", has_text="Questions").wait_for(state="attached")
    page.get_by_text("Advanced settings").click()
    page.locator("#score").wait_for()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
