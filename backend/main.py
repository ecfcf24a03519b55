"""The web process: everything is opened and put together here, from one value of settings."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import FrameType

from anyio import to_thread
from fastapi import FastAPI

from backend.assets import load_assets
from backend.dependencies import Services, close_services, open_services
from backend.minute_counts import MinuteCounts
from backend.pace import Pace
from backend.problems import install_problem_handlers
from backend.reconciler import PASS_SECONDS, Reconciler
from backend.registrations import register_builtins
from backend.routes import (
    bundles,
    compare,
    datasets,
    events,
    exports,
    figures,
    folders,
    health,
    hub,
    logs,
    models,
    pages,
    runs,
    sessions,
    shared,
    shares,
    snapshots,
    tokens,
    uploads,
)
from backend.security import Guard, read_policy
from backend.shared_headers import SharedHeaders
from backend.sweeping import Sweeper
from backend.version import read_revision, read_version
from linearity.adapters.settings import Settings, read_settings

log = logging.getLogger("linearscope.web")

RESOURCES = (
    models,
    hub,
    folders,
    datasets,
    logs,
    uploads,
    runs,
    figures,
    compare,
    snapshots,
    exports,
    bundles,
    events,
    shares,
    sessions,
    tokens,
    health,
    pages,
    shared,
)


def app_from_environment() -> FastAPI:
    """Return the application that the environment asks for; what uvicorn calls."""
    return create_app(read_settings(os.environ))


def create_app(settings: Settings) -> FastAPI:
    """Return the application; it connects to Redis when first needed."""
    version = read_version()
    app = FastAPI(
        title="LinearScope",
        version=version,
        docs_url=None,  # its viewers come from another host; /docs is our own page
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    assets = load_assets(version=version, revision=read_revision())
    app.state.services = services = open_services(settings, assets)
    for resource in RESOURCES:
        app.include_router(resource.router)
    install_problem_handlers(app)
    app.add_middleware(SharedHeaders)
    counts = MinuteCounts(services.live, "changes")
    app.add_middleware(
        Pace, counts=counts, per_minute=settings.changes_per_minute, proxy=settings.proxy
    )
    app.add_middleware(Guard, policy=read_policy(settings), doorkeeper=services.doorkeeper)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    tasks = [asyncio.create_task(services.hub.run()), asyncio.create_task(_reconcile(services))]
    restore = _close_streams_on_signal(services)
    try:
        yield
    finally:
        restore()
        services.hub.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        close_services(services)


async def _reconcile(services: Services) -> None:
    """Compare database and queue every few seconds; a failure is logged and tried again."""
    reconciler = Reconciler(services.state, services.queue, services.live)
    sweeper = Sweeper(services.state, services.store, services.results)

    def one_pass() -> None:
        register_builtins(services.state)
        reconciler.run_once()
        sweeper.run_once()
        services.uploads.tidy()

    while True:
        try:
            await to_thread.run_sync(one_pass)
        except Exception as error:  # noqa: BLE001  # whatever fails here must not end the server
            log.warning("reconciling failed: %s: %s", type(error).__name__, error)
        await asyncio.sleep(PASS_SECONDS)


def _close_streams_on_signal(services: Services) -> Callable[[], None]:
    """End event streams at the first signal: uvicorn waits for them before it tells the app."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(services.hub.close)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    chained = {number: handler for number, handler in before.items() if callable(handler)}
    for number in chained:
        signal.signal(number, handle)

    def restore() -> None:
        for number, handler in chained.items():
            signal.signal(number, handler)

    return restore
