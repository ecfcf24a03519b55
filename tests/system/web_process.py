"""The web process of an installation as a process of its own, which a test can kill."""

import socket
import subprocess
from typing import Any

import httpx

from backend.children import python_command
from tests.servers import eventually
from tests.system.house import House


class WebProcess:
    """The web process of an installation, on one port through all its lives."""

    def __init__(self, house: House) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {**house.environ, "LINEARSCOPE_PORT": str(self.port)}
        self._log = house.settings.data / "api.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                python_command("backend.cli", "api"), env=self._environ, stdout=log, stderr=log
            )
        eventually(self.is_alive)

    def is_alive(self) -> bool:
        try:
            return httpx.get(f"{self.url}/livez").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}/api/v1{path}", timeout=30).json()
