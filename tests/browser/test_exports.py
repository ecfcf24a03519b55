"""A plan becomes a folder on the page: asked for, proven, taken away, registered again."""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from linearity.contracts.runs import RunStatus
from tests.browser.conftest import DESKTOP, Site, Visit
from tests.browser.measured import stays_on_the_site
from tests.browser.seed import another_run, finish_with
from tests.browser.test_access import violations
from tests.figures.export_results import an_export
from tests.servers import eventually
from tests.system.house import House
from tests.system.web_process import WebProcess

pytestmark = pytest.mark.system

SMALL = {"fit_tokens": 512, "select_tokens": 256, "report_tokens": 256, "context": 64}


@pytest.fixture(scope="module")
def exported(site: Site) -> str:
    """The address of a finished export, whose files are only named."""
    run = another_run(site.services, take=False, kind="export", plan="2:drop,4-5:merged")
    if run.status is not RunStatus.FINISHED:
        assert site.services.state.start_attempt(run.id, run.attempt, "worker-1")
        finish_with(site.services, run, an_export().as_json())
    return f"/runs/{run.id}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, locale="en-US", accept_downloads=True)  # type: ignore[arg-type]  # a TypedDict
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def test_a_plan_is_exported_downloaded_and_registered(
    house: House, web: WebProcess, page: Page, tmp_path: Path
) -> None:
    house.start_worker()
    eventually(lambda: is_ready(web, "/models/glass-en"), seconds=120)
    eventually(lambda: is_ready(web, "/datasets/python-docs"), seconds=120)
    body = {"kind": "plan", "model": "glass-en", "dataset": "python-docs"}
    plan = httpx.post(
        f"{web.url}/api/v1/runs", json={**body, "params": {"plan": "1:drop", **SMALL}}
    )
    house.wait_for(plan.json()["id"], lambda row: row.status is RunStatus.FINISHED)

    page.goto(f"{web.url}/runs/{plan.json()['id']}")
    page.get_by_role("button", name="Export this plan").click()
    page.get_by_role("heading", name="Proven from the disk").wait_for(timeout=120_000)
    run = page.url.rpartition("/")[2]
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the folder").click()
    archive = tmp_path / "export.tar"
    started.value.save_as(archive)
    page.get_by_role("button", name="Register as a model").click()
    page.locator("#export-files").get_by_text("GlassLM-English-4-blocks-drop1").first.wait_for()

    files = house.result(run)["files"]
    with tarfile.open(archive) as tar:
        unpacked = {
            entry.name.rpartition("/")[2]: hashlib.sha256(tar.extractfile(entry).read()).hexdigest()  # type: ignore[union-attr]
            for entry in tar
        }
    assert unpacked == {file["name"]: file["sha256"] for file in files}
    assert {"README.md", "plan.json", "mergekit.yml", "LICENSE"} <= set(unpacked)
    eventually(lambda: [m["blocks"] for m in ready_exports(web)] == [3], seconds=60)


def is_ready(web: WebProcess, address: str) -> bool:
    return bool(web.get(address).get("state") == "ready")


def ready_exports(web: WebProcess) -> list[dict[str, int]]:
    models = web.get("/models")["items"]
    return [m["record"] for m in models if m["source"] == "run" and m["state"] == "ready"]


def test_the_page_says_what_the_folder_is_and_where_it_runs(visit: Visit, exported: str) -> None:
    page = visit.open(exported)
    page.get_by_role("heading", name="Use it").wait_for()
    numbers = page.locator("#export-numbers").inner_text()
    use = page.locator("#export-use").inner_text()

    assert "LlamaForCausalLM" in numbers
    assert "2.0e-6" in numbers
    assert "No plan is harmless" in numbers
    assert "not tested" in use
    assert "apache-2.0" in use
    lines = page.locator(".command").evaluate_all("fields => fields.map(({value}) => value)")
    assert any(line.startswith("vllm serve ./SmolLM2-135M-Instruct") for line in lines)
    assert any(line.startswith("curl -C -") and line.endswith("/archive") for line in lines)
    assert "merged" in page.locator("#export-blocks").inner_text()
    assert "2:drop,4-5:merged" in page.locator("#run-header").inner_text().replace("\u200b", "")
    assert page.locator("#page-problem").inner_text() == ""
    assert stays_on_the_site(visit)


def test_files_that_are_not_there_are_said_when_somebody_registers(
    visit: Visit, exported: str
) -> None:
    page = visit.open(exported)
    page.get_by_role("button", name="Register as a model").click()

    page.get_by_text("The files of this export are not on this server.").wait_for()


@pytest.mark.parametrize("query", ["", "?theme=dark&lang=ja"])
def test_axe_finds_nothing_serious_on_an_export(visit: Visit, exported: str, query: str) -> None:
    page = visit.open(f"{exported}{query}")
    page.locator("#export-use .command").first.wait_for()

    assert violations(page) == []


def test_an_export_fits_a_phone(phone: Visit, exported: str) -> None:
    page = phone.open(exported)
    page.locator("#export-use .command").first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert stays_on_the_site(phone)


def test_the_form_asks_for_a_plan_to_export(visit: Visit, site: Site) -> None:
    page = visit.open("/?kind=export&model=smollm2&plan=12:drop")
    page.get_by_role("button", name="Export this plan of").wait_for()
    page.locator(".start-form .estimate").get_by_text("memory").first.wait_for()

    assert page.get_by_label("Plan", exact=True).input_value() == "12:drop"
