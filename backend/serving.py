"""`linearscope api`: uvicorn around the application, with the settings that suit both."""

import os

import uvicorn

from backend.main import create_app
from backend.security import refuse_open_binding
from linearity.adapters.lifetime import watch_parent
from linearity.adapters.settings import Settings

SHUTDOWN_SECONDS = 3


def serve(settings: Settings) -> None:
    """Serve until a signal arrives.

    Raises
    ------
    InvalidParameterError
        If the address is open to others and no token protects it.
    """
    refuse_open_binding(settings.host, settings.token)
    if os.environ.get("LINEARSCOPE_SUPERVISED"):
        watch_parent()
    settings.data.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
