"""`linearscope api`: uvicorn around the application, with the settings that suit both."""

import dataclasses
import os

import uvicorn

from backend.main import create_app
from backend.tokens import welcome
from linearity.adapters.lifetime import watch_parent
from linearity.adapters.settings import Settings
from linearity.adapters.state import State

SHUTDOWN_SECONDS = 3


def serve(settings: Settings) -> None:
    """Serve until a signal arrives.

    Raises
    ------
    ConflictError
        If the state database cannot be written.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    if os.environ.get("LINEARSCOPE_SUPERVISED"):
        watch_parent()
        spoken = os.environ.get("LINEARSCOPE_INTERNAL_TOKEN") or None
        settings = dataclasses.replace(settings, internal_token=spoken)
    else:
        greet(settings)  # `up` does it itself: what a child prints goes into a log
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the peer's address decides whom we trust; nobody may rewrite it
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def greet(settings: Settings) -> None:
    """Say how to sign in."""
    state = State(settings.database_url)
    try:
        welcome(settings, state, lambda line: print(line, flush=True))  # noqa: T201  # its purpose
    finally:
        state.close()
