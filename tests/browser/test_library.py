"""The library: why an input is refused, and removing one."""

from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from linearity.contracts.linearity import linearity_request
from tests.browser.conftest import Visit
from tests.browser.seed import DATASET, MODEL, finish
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


def a_text_with_runs(visit: Visit, name: str) -> None:
    """Register a dataset of the user's own with a finished and a running run on it."""
    services = visit.site.services
    sha256 = services.store.put(f"the text of {name}".encode() * 1000)
    services.state.add_input("dataset", id=name, name=name, source="path", reference=f"/{name}")
    record = replace(DATASET, id=name, name=name, source="path", fingerprint=sha256)
    services.state.input_ready("dataset", name, dict(record.as_json()))
    dataset = services.state.get_input("dataset", name)
    model = services.state.get_input("model", MODEL.id)
    assert dataset
    assert model
    for seed in (1, 2):
        request = linearity_request({"pairs": "all", "seed": seed}, model=MODEL, dataset=record)
        run = services.state.submit(request, model=model, dataset=dataset).run
        services.state.start_attempt(run.id, run.attempt, "worker-1")
        if seed == 1:
            finish(services, run)


def test_what_depends_on_it_is_shown_and_goes_only_when_asked(visit: Visit) -> None:
    a_text_with_runs(visit, "told-text")
    state = visit.site.services.state
    page = visit.open("/library")

    question = ask_to_remove(page, "told-text")
    remove = question.get_by_role("button", name="Remove told-text")
    assert "Finished runs: 1" in question.inner_text()
    assert "not touched" in question.inner_text()
    assert "needed by open runs: 1" in question.get_by_role("alert").inner_text()
    assert remove.is_disabled()
    page.keyboard.press("Escape")
    question.wait_for(state="detached")
    state.cancel(
        next(run.id for run in state.runs_of("dataset", "told-text") if run.status.is_open)
    )

    question = ask_to_remove(page, "told-text")
    kept = question.locator(".remove-size").inner_text()
    question.get_by_label("Also delete what was made from it").check()
    deleted = question.locator(".remove-size").inner_text()
    found = violations(page)
    remove.click()
    page.get_by_text("told-text was removed").wait_for()

    assert found == []
    assert kept != deleted
    assert state.runs_of("dataset", "told-text") == []
    assert visit.errors == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_question_fits_a_phone(phone: Visit, lang: str) -> None:
    name = f"phone-text-{lang}-with-quite-a-long-name-of-its-own"
    a_text_with_runs(phone, name)
    page = phone.open(f"/library?lang={lang}")

    page.locator(".card", has_text=name).get_by_role("button").click()
    page.get_by_role("dialog").wait_for()

    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert page.get_by_role("dialog").evaluate("(e) => e.scrollWidth <= e.clientWidth")


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


def test_a_long_library_is_looked_through_by_name(visit: Visit) -> None:
    for number in range(12):
        add(visit, f"many-{number:02d}")
    page = visit.open("/library")
    page.locator(".card", has_text="many-11").wait_for()

    page.get_by_label("Find by name").fill("MANY-07")
    page.get_by_text("many-06").wait_for(state="detached")
    shown = page.locator(".card h3").all_inner_texts()
    page.get_by_label("Find by name").fill("nowhere")
    page.get_by_text("Nothing matches.").first.wait_for()
    page.get_by_role("button", name="日本語").click()

    assert shown == ["many-07"]
    expect(page.get_by_label("名前で絞り込む")).to_have_value("nowhere")
    expect(page.get_by_text("一致するものはありません。")).to_have_count(3)
    assert violations(page) == []
    assert visit.errors == []


def test_what_is_worth_knowing_of_a_dataset_is_told_in_words(visit: Visit) -> None:
    state = visit.site.services.state
    state.add_input("dataset", id="part", name="part", source="path", reference="/part")
    told = {"code": "sampled", "message": "20 of 40 documents were kept, drawn evenly"}
    record = replace(DATASET, id="part", name="part", source="path", warnings=[told])
    state.input_ready("dataset", "part", dict(record.as_json()))
    page = visit.open("/library?lang=ja")

    card = page.locator(".card", has=page.get_by_role("heading", name="part", exact=True))
    card.locator("summary").click()

    expect(card.locator("li")).to_have_text(f"一部の文書だけを使います: {told['message']}")
