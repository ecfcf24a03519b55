"""A real Valkey on a unix socket, a temporary data folder, and the application on both."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.embedded import server_program
from backend.main import create_app
from linearity.adapters.settings import Settings, sqlite_url, unix_url
from tests.backend.builders import ORIGIN

START_SECONDS = 20.0


@dataclass
class Valkey:
    """A server that a test may stop and start."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return unix_url(self.folder / "valkey.sock")

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        arguments = {
            "port": "0",
            "unixsocket": str(self.folder / "valkey.sock"),
            "dir": str(self.folder),
            "save": "",
            "logfile": str(self.folder / "valkey.log"),
        }
        flags = [part for name, value in arguments.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen([str(server_program()), *flags])
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with self.client as client:
                    client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("the Valkey server did not come up")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_SECONDS)
            self.process = None


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """The server, empty and running."""
    if valkey_server.process is None:
        valkey_server.start()
    with valkey_server.client as client:
        client.flushall()
    return valkey_server


@pytest.fixture
def settings(tmp_path: Path, valkey: Valkey) -> Settings:
    roots = tmp_path / "models"
    roots.mkdir()
    return Settings(
        data=tmp_path,
        model_roots=(roots,),
        store=tmp_path / "store",
        database_url=sqlite_url(tmp_path / "state.db"),
        redis_url=valkey.url,
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    yield from open_app(settings)


@pytest.fixture
def locked_app(settings: Settings) -> Iterator[FastAPI]:
    """The application behind an access token."""
    yield from open_app(replace(settings, token="correct horse battery staple"))


@pytest.fixture
def services(app: FastAPI) -> Services:
    services: Services = app.state.services
    return services


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)


def open_app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app(settings)
    yield app
    app.state.services.live.close()
    app.state.services.state.close()
