"""Citing a run, taking it along, and bringing one in."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from linearity.adapters.bundles import read_bundle, write_bundle
from linearity.adapters.results import result_bytes
from linearity.contracts.results import request_of
from tests.browser.conftest import Visit
from tests.browser.seed import MODEL
from tests.builders import a_result

pytestmark = pytest.mark.system


def a_bundle(folder: Path, *, seed: int) -> tuple[Path, str]:
    """Write a run that this site does not know into a file; return it with its id."""
    value: Any = json.loads(result_bytes(a_result(blocks=MODEL.blocks, model="theirs").as_json()))
    value["params"]["seed"] = seed
    value["model"] |= {"fingerprint": "e" * 64, "name": "Their model"}
    value["id"] = request_of(value).run_id
    file = folder / "run.zip"
    file.write_bytes(write_bundle(value, result_bytes(value), texts=True, software="0.0.9"))
    return file, value["id"]


def shot(visit: Visit, name: str) -> None:
    """Keep a picture where somebody asked for one."""
    if folder := os.environ.get("LINEARSCOPE_SHOTS"):
        visit.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_run_is_cited_as_text_and_bibtex(visit: Visit) -> None:
    page = visit.open_result()
    text, bibtex = page.locator("#cite_text"), page.locator("#cite_bibtex")

    assert visit.site.run.id in text.input_value()
    assert "arXiv:2405.12250" in text.input_value()
    assert visit.site.run.id in bibtex.input_value()
    assert "b" * 64 in bibtex.input_value()
    copy = page.locator(".citation button").first
    copy.click()
    page.locator(".citation button", has_text="Copied").wait_for()
    shot(visit, "cite")
    visit.open_result("?lang=ja")
    assert "の線形性" in page.locator("#cite_text").input_value()
    shot(visit, "cite-ja")


def test_a_bundle_is_downloaded_and_read_again(visit: Visit) -> None:
    page = visit.open_result()

    with page.expect_download() as started:
        page.locator(".downloads a", has_text="ZIP").click()
    data = Path(str(started.value.path())).read_bytes()

    assert started.value.suggested_filename == f"linearity-{visit.site.run.id}.zip"
    members = data.count(b"PK\x01\x02")
    assert members == 6
    # The site's run has a result of another question, which a reader finds out.
    with pytest.raises(Exception, match="digest of the question"):
        read_bundle(data)


def test_a_run_is_brought_in_and_says_where_it_comes_from(visit: Visit, tmp_path: Path) -> None:
    file, id = a_bundle(tmp_path, seed=41)
    page = visit.open("/jobs")
    page.wait_for_selector("#import-run")
    shot(visit, "import")

    page.set_input_files("#bundle-file", file)
    page.wait_for_url(f"**/runs/{id}*")
    visit.pictures()

    note = page.locator(".imported-note")
    assert "LinearScope 0.0.9" in note.inner_text()
    assert "Their model" in page.locator("h1").inner_text()
    assert "0.0.9" in page.locator("#cite_text").input_value()
    shot(visit, "imported")
    visit.open("/jobs")
    row = page.locator(".runs-table tr", has_text="Their model")
    assert "imported" in row.inner_text()
    assert visit.errors == []


def test_a_file_that_is_no_bundle_is_refused_on_the_page(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "photo.zip"
    file.write_bytes(b"PK\x03\x04 nothing")
    page = visit.open("/jobs?lang=ja")

    page.set_input_files("#bundle-file", file)
    problem = page.locator(".import-run .problem")
    problem.wait_for()

    assert "読み取れるアーカイブではありません" in problem.inner_text()
    assert page.locator("#import-run").is_enabled()
