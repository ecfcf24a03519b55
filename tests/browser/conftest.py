"""A real Valkey, the real application in a real server, and a real Chromium."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from backend.dependencies import Services
from backend.embedded import EmbeddedValkey
from backend.main import create_app
from linearity.adapters.hub_place import HubPlace
from linearity.adapters.settings import Settings, sqlite_url
from linearity.adapters.state import RunRow, State
from linearity.contracts.runs import RunStatus
from tests.browser.seed import a_running_run, finish
from tests.get_browser import find_browser
from tests.hub_server import Hub, serving_hub
from tests.system.house import House, open_house
from tests.system.web_process import WebProcess

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 30.0
TIMEOUT_MS = 20_000
OPERATORS_TOKEN = "correct horse battery staple"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass
class Site:
    """The running application and what was put into it."""

    url: str
    services: Services
    run: RunRow
    result: dict[str, Any]
    hub: Hub

    @property
    def run_url(self) -> str:
        return f"{self.url}/runs/{self.run.id}"


@dataclass
class Visit:
    """One page, and everything that went wrong on it."""

    page: Page
    site: Site
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> Page:
        """Go to an address of the site and wait until the page has settled."""
        self.page.goto(f"{self.site.url}{address}")
        return self.page

    def open_result(self, query: str = "") -> Page:
        """Go to the finished run and wait until all pictures are drawn."""
        self.open(f"/runs/{self.site.run.id}{query}")
        self.pictures()
        return self.page

    def pictures(self) -> None:
        """Wait for the pictures."""
        for name in (
            "heatmap",
            "profile",
            "norms",
            "token_classes",
            "sample_sizes",
            "token_errors",
        ):
            self.page.wait_for_selector(f".plot-{name}[data-drawn]")


def watch(page: Page, site: Site) -> Visit:
    """Record console errors, exceptions and every request."""
    visit = Visit(page, site)
    page.on("console", lambda m: visit.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("request", lambda request: visit.requests.append(request.url))
    return visit


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("NO CHROME OR CHROMIUM FOUND: the page itself was NOT checked")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        yield from _open_site(tmp_path_factory, stack)


def _open_site(tmp_path_factory: pytest.TempPathFactory, stack: ExitStack) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    valkey = EmbeddedValkey(folder / "valkey")
    valkey.start()
    hub = stack.enter_context(serving_hub())
    (folder / "models").mkdir()
    app = create_app(_settings(folder, valkey.url, hub))
    services: Services = app.state.services
    run = a_running_run(services)
    result = finish(services, run)
    server, thread, url = serve(app)
    over = threading.Event()
    threading.Thread(target=_renew_leases, args=(services.state, over), daemon=True).start()
    yield Site(url, services, run, result, hub)
    over.set()
    server.should_exit = True
    thread.join(START_SECONDS)
    valkey.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=DESKTOP, locale="en-US")  # type: ignore[arg-type]  # a TypedDict
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, site: Site) -> Visit:
    return watch(context.new_page(), site)


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[Visit]:
    context = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]  # a TypedDict
        locale="en-US",
        has_touch=True,
        is_mobile=True,
    )
    context.set_default_timeout(TIMEOUT_MS)
    yield watch(context.new_page(), site)
    context.close()


def _settings(folder: Path, redis_url: str, hub: Hub) -> Settings:
    return Settings(
        data=folder,
        hub=HubPlace(endpoint=hub.endpoint, cache=folder / "hub"),
        model_roots=(folder / "models",),
        store=folder / "store",
        database_url=sqlite_url(folder / "state.db"),
        redis_url=redis_url,
    )


def _renew_leases(state: State, over: threading.Event) -> None:
    """Beat for the seeded runs, as their workers would; else the reconciler takes them back."""
    while not over.wait(1.0):
        for run in state.open_runs():
            if run.status is RunStatus.RUNNING:
                state.heartbeat(run.id, run.attempt)


def serve(app: Any) -> tuple[uvicorn.Server, threading.Thread, str]:
    """Run the application on a free port, in a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.02)
    return server, thread, f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path / "house") as house:
        yield house


@pytest.fixture
def web(house: House) -> Iterator[WebProcess]:
    web = WebProcess(house)
    web.start()
    yield web
    web.kill()


@dataclass
class Locked:
    """The same installation behind a login."""

    url: str
    site: Site

    @property
    def state(self) -> State:
        return self.site.services.state

    def token(self, role: str, name: str = "ann") -> str:
        return self.state.add_token(name, role)[1]


@pytest.fixture(scope="module")
def locked(site: Site) -> Iterator[Locked]:
    app = create_app(replace(site.services.settings, token=OPERATORS_TOKEN))
    server, thread, url = serve(app)
    yield Locked(url, site)
    server.should_exit = True
    thread.join(START_SECONDS)


def sign_in(page: Page, locked: Locked, token: str, address: str = "/") -> None:
    page.goto(locked.url + address)
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".signed-in").wait_for()
