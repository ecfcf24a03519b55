"""The states of the pages for one's own things: in both languages and themes nothing serious."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from backend.snapshot import snapshot
from backend.visitors import LOCAL
from linearity.adapters.state_quotas import UploadLimits
from linearity.adapters.state_uploads import Declared
from tests.browser.conftest import PHONE, Visit
from tests.browser.measured import measure_all
from tests.browser.test_access import violations
from tests.browser.test_logs import add_log
from tests.hub_server import Hub, commit_of
from tests.log_generator import write_jsonl

pytestmark = pytest.mark.system

LANGUAGES = ("en", "ja")
THEMES = ("light", "dark")

PAINT = """async (theme) => {
    document.documentElement.dataset.theme = theme;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await Promise.all(document.getAnimations().map((one) => one.finished));
}"""
"""Changes the theme and waits until no colour is on its way any more."""

Open = Callable[[str], Page]
"""Brings a page into a state, in a language."""


def looks(open_: Open, *, phone: bool = False) -> list[str]:
    """Return what is wrong with a state in any language and theme."""
    wrong = []
    for lang in LANGUAGES:
        page = open_(lang)
        for theme in THEMES:
            page.evaluate(PAINT, theme)
            wrong += [f"{lang} {theme}: {text}" for text in violations(page)]
        if phone:
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            wrong += [f"{lang}: {wide} px wide"] if wide > PHONE["width"] else []
    return wrong


def test_a_library_with_everything_in_it(phone: Visit) -> None:
    services = phone.site.services
    state = services.state
    files = (("config.json", 2), ("model.safetensors", 1000), ("tokenizer.json", 2))
    state.declare_input(Declared("model", "torn", "torn", "local", files), UploadLimits())
    state.add_input("model", id="refused", name="refused", source="path", reference="/m/refused")
    problem = {"code": "rejected_input", "message": "pickled", "data": {"reason": "pickle_only"}}
    state.input_rejected("model", "refused", problem)
    state.add_input("dataset", id="coming", name="coming", source="path", reference="/d/coming")

    def open_(lang: str) -> Page:
        page = phone.open(f"/library?lang={lang}")
        page.locator(".card", has_text="refused").wait_for()
        return page

    assert looks(open_, phone=True) == []


def test_the_question_before_removing(visit: Visit) -> None:
    visit.site.services.state.add_input(
        "dataset", id="doomed", name="doomed", source="path", reference="/d/doomed"
    )

    def open_(lang: str) -> Page:
        page = visit.open(f"/library?lang={lang}")
        page.locator(".card", has_text="doomed").get_by_role("button").click()
        page.locator("dialog.confirm").wait_for()
        return page

    assert looks(open_) == []


@pytest.fixture
def hub(visit: Visit) -> Iterator[Hub]:
    hub = visit.site.hub
    hub.repositories.clear()
    config = b'{"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 64}'
    files = {"config.json": config, "tokenizer.json": b"{}", "model.safetensors": bytes(9000)}
    steps = {name: commit_of(name) for name in ("step1", "step2")}
    hub.add("org/looked-at", files, downloads=7, branches=steps)
    visit.site.services.live.redis.flushdb()
    yield hub
    hub.repositories.clear()


@pytest.mark.usefixtures("hub")
def test_a_model_of_the_hub_that_is_looked_at(visit: Visit) -> None:
    def open_(lang: str) -> Page:
        page = visit.open(f"/library/add/model?lang={lang}")
        page.locator("#hub-search").fill("org/looked-at")
        page.get_by_role("option", name="org/looked-at").click()
        page.locator(".preflight h3").wait_for()
        return page

    assert looks(open_) == []


def test_a_dataset_on_its_preview(phone: Visit, tmp_path: Path) -> None:
    path = tmp_path / "looks.csv"
    rows = [f"What is {n}?,It is {n}.,c{n % 2}" for n in range(40)]
    path.write_text("\n".join(["question,answer,kind", *rows]))
    page = phone.open("/library/add/dataset")
    page.locator(".pick-files").set_input_files(path)
    page.locator(".plain-table.records").wait_for()
    address = f"/library/add/dataset?id={page.url.partition('id=')[2]}"

    def open_(lang: str) -> Page:
        page = phone.open(f"{address}&lang={lang}")
        page.locator(".dataset-facts").wait_for()
        return page

    assert looks(open_, phone=True) == []


def test_the_columns_of_a_log(phone: Visit) -> None:
    services = phone.site.services
    path = write_jsonl(services.settings.model_roots[0] / "looks.jsonl", 40)
    added = phone.page.request.post(
        f"{phone.site.url}/api/v1/logs", data={"source": "path", "path": str(path)}
    )

    def open_(lang: str) -> Page:
        page = phone.open(f"/library/add/log?log={added.json()['id']}&lang={lang}")
        page.locator(".preview").wait_for()
        return page

    assert looks(open_, phone=True) == []


def test_a_log(phone: Visit) -> None:
    log = add_log(phone)

    def open_(lang: str) -> Page:
        page = phone.open(f"/library/logs/{log}?lang={lang}")
        page.wait_for_selector(".plot-lengths[data-drawn]")
        return page

    assert looks(open_, phone=True) == []


@pytest.mark.parametrize("kind", ["linearity", "answers"])
def test_the_dialog_that_shares_a_run(phone: Visit, kind: str) -> None:
    run = phone.site.run.id if kind == "linearity" else measure_all(phone.site)[kind].id

    def open_(lang: str) -> Page:
        page = phone.open(f"/runs/{run}?lang={lang}")
        page.locator("#share").click()
        page.locator(".share-form button[type=submit]").click()
        page.locator("#share-url").wait_for()
        page.locator(".share-open").first.wait_for()
        return page

    assert looks(open_, phone=True) == []


@pytest.mark.parametrize("kind", ["ablation", "plan", "answers"])
def test_what_a_link_shows(phone: Visit, kind: str) -> None:
    run = measure_all(phone.site)[kind].id
    _, token = phone.site.services.shares.create({"run": run, "note": "Look at 3."}, LOCAL)

    def open_(lang: str) -> Page:
        page = phone.open(f"/s/{token}?lang={lang}")
        page.locator("#shared-banner p").first.wait_for()
        page.locator("p.finding").wait_for()
        return page

    assert looks(open_, phone=True) == []


@pytest.mark.parametrize("kind", ["plan", "answers"])
def test_a_saved_page(phone: Visit, tmp_path: Path, kind: str) -> None:
    result = measure_all(phone.site)[kind].result

    def open_(lang: str) -> Page:
        file = tmp_path / f"{lang}.html"
        file.write_bytes(snapshot(result, {"lang": lang}))
        phone.page.goto(file.as_uri())
        phone.page.locator("h1").wait_for()
        return phone.page

    assert looks(open_, phone=True) == []
