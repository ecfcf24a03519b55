"""A model folder through the page in Chromium: the line cut, the server killed, numbers equal."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request

from backend.children import python_command, python_environ
from linearity.adapters.builtin_models import convert_builtin
from linearity.contracts.model_files import is_kept_file
from tests.servers import eventually
from tests.system.house import House
from tests.system.line import Line, slow_line
from tests.system.web_process import WebProcess

pytestmark = [pytest.mark.system, pytest.mark.slow]

BYTES_PER_SECOND = 700_000
PARAMS = {"tokens": 1024, "context": 128}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """glass-en as its owner would have it on their disk, with what a hub folder also holds."""
    folder = tmp_path_factory.mktemp("own") / "glass"
    folder.mkdir()
    convert_builtin("glass-en", folder, lambda _: None)
    (folder / "README.md").write_text("A small model.")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    return folder


@pytest.fixture
def line(web: WebProcess) -> Iterator[Line]:
    """What the browser reaches the web process through."""
    with slow_line(web.port, BYTES_PER_SECOND) as line:
        yield line


def test_a_model_survives_a_cut_line_and_a_killed_server_and_gives_the_same_numbers(
    folder: Path, house: House, web: WebProcess, line: Line, browser: Browser, tmp_path: Path
) -> None:
    with visit(browser) as page:
        choose(page, line, folder)
        page.get_by_role("button", name="Start the upload").click()

        eventually(lambda: received(web) > 0)
        line.cut()
        page.get_by_text("Waiting for the connection").wait_for()
        cut_at = received(web)
        line.mend()

        eventually(lambda: received(web) > cut_at)
        web.kill()
        page.get_by_text("Waiting for the connection").wait_for()
        web.start()
        killed_at = received(web)
        house.start_worker()
        page.get_by_text("is ready.").wait_for(timeout=120_000)
        measure = page.get_by_role("link", name="Measure this model").get_attribute("href")

    assert 0 < cut_at < killed_at < (folder / "model.safetensors").stat().st_size
    assert measure is not None
    assert "model=glass" in measure
    uploads = {file.name: file.sha256 for file in house.state.uploads_of("model", "glass")}
    assert uploads == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if is_kept_file(path.name)
    }
    assert house.store.parts() == []
    assert numbers(measure_here(house, web)) == numbers(measure_built_in(tmp_path / "own-data"))


def test_an_upload_goes_on_after_the_browser_was_closed(
    folder: Path, house: House, web: WebProcess, line: Line, browser: Browser
) -> None:
    with visit(browser) as page:
        choose(page, line, folder)
        page.get_by_role("button", name="Start the upload").click()
        eventually(lambda: received(web) > 0)
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("Paused at").wait_for()
    left_at = received(web)

    with visit(browser) as page:
        sent: list[int] = []
        page.on("request", lambda request: note_offset(request, sent))
        page.goto(f"{line.url}/library/add/model")
        page.get_by_text("Choose the folder again to go on").wait_for()
        page.locator(".pick-folder").set_input_files(folder)
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("Everything is sent.").wait_for(timeout=60_000)

    assert max(sent) >= left_at > 0
    assert all(begin == 0 or begin >= left_at for begin in sent)
    row = house.state.get_input("model", "glass")
    assert row is not None
    assert row.state == "inspecting"


def received(web: WebProcess) -> int:
    """How much of the weights counts."""
    uploads = web.get("/models/glass")["uploads"]
    return next(int(file["offset"]) for file in uploads if file["name"] == "model.safetensors")


def note_offset(request: Request, sent: list[int]) -> None:
    """Note where a piece of a file begins."""
    if request.method == "PATCH":
        sent.append(int(request.headers["upload-offset"]))


@contextmanager
def visit(browser: Browser) -> Iterator[Page]:
    """A fresh browser profile."""
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def choose(page: Page, line: Line, folder: Path) -> None:
    page.goto(f"{line.url}/library/add/model")
    page.locator(".pick-folder").set_input_files(folder)
    assert "pytorch_model.bin" in page.locator(".left-out").inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == "glass"


def measure_here(house: House, web: WebProcess) -> dict[str, Any]:
    """Measure the uploaded model through the API."""
    eventually(lambda: web.get("/datasets/python-docs").get("state") == "ready", seconds=120)
    body = {"kind": "linearity", "model": "glass", "dataset": "python-docs", "params": PARAMS}
    run = httpx.post(f"{web.url}/api/v1/runs", json=body, timeout=30).json()
    house.wait_for(run["id"], lambda row: not row.status.is_open)
    return house.result(run["id"])


def measure_built_in(data: Path) -> dict[str, Any]:
    """Measure the built-in model in an installation that has never seen the uploaded one."""
    out = data / "result.json"
    data.mkdir()
    settings = [part for name, value in PARAMS.items() for part in ("--set", f"{name}={value}")]
    subprocess.run(
        python_command(
            *("linearity", "run", "linearity", "--model", "glass-en"),
            *("--dataset", "python-docs", "--out", str(out), *settings),
        ),
        env=python_environ({**os.environ, "LINEARSCOPE_DATA": str(data), "OMP_NUM_THREADS": "1"}),
        check=True,
    )
    value: dict[str, Any] = json.loads(out.read_bytes())
    return value


def numbers(result: dict[str, Any]) -> dict[str, Any]:
    """What was measured: everything but when, where and of whom."""
    about = ("id", "created", "environment", "model", "dataset", "finding")
    assert result["pairs"]
    found = {key: value for key, value in result.items() if key not in about}
    # The template of an upload is not rendered before somebody allows it; these texts need none.
    assert found["params"].pop("template") in ("auto", "none")
    assert found["tokens"]["template"] == "none"
    return found
