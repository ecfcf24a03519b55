"""A Japanese table through the page in Chromium to a real worker, and measured there."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from linearity.adapters.inputs import load_records
from linearity.adapters.naming import name_input
from linearity.adapters.state import InputRow
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.runs import InputState, RunStatus
from tests.browser.test_datasets import ANSWERS, QUESTIONS, choose, table_file
from tests.servers import eventually
from tests.system.house import House
from tests.system.web_process import WebProcess

pytestmark = [pytest.mark.system, pytest.mark.slow]

__all__ = ["table_file"]  # a fixture


def test_a_cp932_table_is_uploaded_read_by_a_worker_and_measured(
    house: House, web: WebProcess, browser: Browser, table_file: Path
) -> None:
    house.start_worker()
    page = browser.new_page(locale="ja-JP")
    page.goto(f"{web.url}/library/add/dataset?lang=ja")
    choose(page, table_file)
    page.get_by_role("button", name="このデータセットを使う").click()
    page.get_by_role("link", name="このテキストで測定する").wait_for(timeout=60_000)
    page.close()

    row = house.state.get_input("dataset", "toiawase")
    assert row is not None
    assert row.record is not None
    record = DatasetRecord.from_json(row.record)
    first = load_records(record, house.store)[0]
    assert (first.prompt, first.response) == (f"{QUESTIONS[0]} (0)", ANSWERS[0])
    assert record.languages == {"ja": 60}

    run = house.submit(smollm2(house), row, tokens=1024, context=128, pairs="adjacent")
    house.wait_for(run.id, lambda found: found.status is RunStatus.FINISHED)
    result = house.result(run.id)
    assert result["dataset"]["fingerprint"] == record.fingerprint
    assert {"kanji", "hiragana", "katakana", "byte"} <= set(result["token_classes"]["names"])

    page = browser.new_page(locale="ja-JP")
    page.goto(f"{web.url}/runs/{run.id}?lang=ja")
    page.locator(".plot-token_classes[data-drawn]").wait_for()
    shown = page.locator(".plot-token_classes .ytick").all_text_contents()
    assert {"漢字", "ひらがな", "カタカナ", "文字の一部(バイト)"} <= set(shown)
    page.close()


def smollm2(house: House) -> InputRow:
    """Register the demo's model, whose tokenizer writes Japanese in characters and in bytes."""
    name = name_input("model", "smollm2")
    added, _ = house.state.add_input(
        "model", id=name.id, name=name.name, source=name.source, reference=name.reference
    )
    house.queue.enqueue_registration(added)
    eventually(lambda: _found(house).state is InputState.READY, seconds=120)
    return _found(house)


def _found(house: House) -> InputRow:
    row = house.state.get_input("model", "smollm2")
    assert row is not None
    return row
