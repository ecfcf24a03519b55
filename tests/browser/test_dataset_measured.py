"""A Japanese table through the page in Chromium to a real worker, and measured there."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from linearity.adapters.inputs import load_records
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

    eventually(lambda: _ready(house))
    model = house.state.get_input("model", "glass-en")
    assert model is not None
    run = house.submit(model, row, tokens=1024, context=128)
    house.wait_for(run.id, lambda found: found.status is RunStatus.FINISHED)
    assert house.result(run.id)["dataset"]["fingerprint"] == record.fingerprint


def _ready(house: House) -> bool:
    row = house.state.get_input("model", "glass-en")
    return row is not None and row.state is InputState.READY
