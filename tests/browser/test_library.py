"""The library: why an input is refused, and removing one."""

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.conftest import Visit
from tests.browser.test_access import violations

pytestmark = pytest.mark.system

REFUSAL = {
    "code": "rejected_input",
    "message": "the weights are pickled (pytorch_model.bin); loading them could run code",
    "next_step": "Convert where you trust the file.",
    "retryable": False,
    "data": {"reason": "pickle_only", "file": "pytorch_model.bin"},
}


def add(visit: Visit, name: str) -> None:
    """Register a model of the user's own that was refused."""
    state = visit.site.services.state
    state.add_input("model", id=name, name=name, source="path", reference=f"models/{name}")
    state.input_rejected("model", name, REFUSAL)


def ask_to_remove(page: Page, name: str) -> Locator:
    """Press the button of a card, with the keyboard, and return the question."""
    page.get_by_role("button", name=f"Remove {name}").focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name=f"Remove {name}?")
    question.wait_for()
    return question


def test_a_refusal_speaks_japanese_and_keeps_the_words_of_the_server(visit: Visit) -> None:
    add(visit, "pickled")
    page = visit.open("/library?lang=ja")

    told = page.locator(".card", has_text="pickled").locator(".problem").inner_text()

    assert "重みが pickle 形式です。" in told
    assert str(REFUSAL["message"]) in told
    assert "safetensors 形式に変換してください。" in told
    assert str(REFUSAL["next_step"]) not in told


def test_removing_asks_first_and_escape_keeps_the_input(visit: Visit) -> None:
    add(visit, "kept-model")
    page = visit.open("/library")

    question = ask_to_remove(page, "kept-model")
    focused = page.evaluate("() => document.activeElement.textContent")
    found = violations(page)
    page.keyboard.press("Escape")
    question.wait_for(state="detached")

    assert focused == "Keep kept-model"
    assert found == []
    assert page.evaluate("() => document.activeElement.textContent") == "Remove kept-model"
    assert visit.site.services.state.get_input("model", "kept-model")


def test_a_yes_removes_the_input_and_says_so(visit: Visit) -> None:
    add(visit, "old-model")
    page = visit.open("/library")

    question = ask_to_remove(page, "old-model")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.get_by_text("old-model was removed.").wait_for()
    assert question.count() == 0
    assert page.locator(".card", has_text="old-model").count() == 0
    assert visit.site.services.state.get_input("model", "old-model") is None
    assert visit.errors == []


REASONS = [
    {"code": "bad_config", "message": "config.json: num_labels is 100000000, wanted less"},
    {"code": "bad_tokenizer", "message": "tokenizer.json pads every text to 1,000,000,000"},
]


def test_every_reason_of_a_refusal_is_listed(visit: Visit) -> None:
    state = visit.site.services.state
    state.add_input("model", id="odd", name="odd", source="path", reference="models/odd")
    data = {"reason": "bad_config", "reasons": REASONS}
    message = f"{REASONS[0]['message']} (and 1 more)"
    state.input_rejected("model", "odd", REFUSAL | {"message": message, "data": data})
    page = visit.open("/library?lang=ja")

    items = page.locator(".card", has_text="models/odd").locator(".problem li")
    items.first.wait_for()

    assert items.all_inner_texts() == [
        f"設定(config.json)が正しくありません。 {REASONS[0]['message']}",
        f"トークナイザを読み込めません。 {REASONS[1]['message']}",
    ]
    assert page.locator(".card", has_text="models/odd").locator(".problem-detail").count() == 0


def test_what_was_accepted_though_it_is_odd_is_said_on_the_card(phone: Visit) -> None:
    state = phone.site.services.state
    warning = "model.safetensors: zero throughout: model.norm.weight"
    record = {"blocks": 2, "width": 16, "parameters": 5_000_000, "warnings": [warning]}
    state.add_input("model", id="zeros", name="zeros", source="path", reference="models/zeros")
    state.input_ready("model", "zeros", record)
    page = phone.open("/library")

    card = page.locator(".card", has_text="models/zeros")
    card.get_by_text("Accepted, but worth knowing").click()

    assert card.locator("li").inner_text() == warning
    assert page.evaluate("() => document.body.scrollWidth <= innerWidth")
    state.delete_input("model", "zeros")
