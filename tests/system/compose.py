"""docker-compose.yml read as Compose reads it, and its services as plain processes."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from backend.embedded import server_program
from linearity.adapters.lifetime import parent_guard

ROOT = Path(__file__).resolve().parents[2]
HEALTH_SECONDS = 60.0
STOP_SECONDS = 20.0

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<rule>:[-?])(?P<text>[^}]*))?\}")

# The wheel that brings the server has no valkey-cli; this speaks the one sentence we need of it.
_CLI = """#!{python}
import sys, redis
answer = redis.Redis(port={port}, socket_timeout=5, retry=None).execute_command(sys.argv[-1])
print("PONG" if answer is True else answer)
"""


class MissingVariableError(Exception):
    """What Compose refuses to start with."""


def read_compose(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return docker-compose.yml with variables filled in and anchors merged."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    filled: dict[str, Any] = _fill(yaml.safe_load(text), environ)
    return filled


def _fill(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, environ) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        given = environ.get(match["name"], "")
        if not given and match["rule"] == ":?":
            raise MissingVariableError(f"{match['name']}: {match['text']}")
        return given or match["text"] or ""

    return _VARIABLE.sub(replace, value)


@dataclass
class Host:
    """Stands in for the machine and its networks: folders for volumes, ports for host names."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

    def port(self, service: str) -> int:
        """Return the service's port on the loopback, chosen when first asked for."""
        if service not in self.ports:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.ports[service] = probe.getsockname()[1]
        return self.ports[service]

    def place(self, text: str) -> str:
        """Return `text` with what a container would see replaced by what there is here."""
        for server in ("queue", "cache"):
            text = text.replace(f"{server}:6379", f"127.0.0.1:{self.port(server)}")
        text = re.sub(r"\b8000\b", str(self.port("api")), text)
        for mount in ("/data", "/models"):
            target = self.folder / mount.strip("/")
            target.mkdir(parents=True, exist_ok=True)
            text = re.sub(rf"^{mount}\b", str(target), text)
        return text


@dataclass
class Container:
    """One service as a process of this machine."""

    name: str
    service: Mapping[str, Any]
    host: Host
    overrides: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """Its own folder: home, working directory, log."""
        folder = self.host.folder / self.name
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def log(self) -> str:
        """What it has printed."""
        path = self.home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Run the service's command; it dies with this process."""
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.home,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=parent_guard(),
            )

    def is_healthy(self) -> bool:
        """Run the service's health check once."""
        first, *check = self.service["healthcheck"]["test"]
        assert first == "CMD"
        done = subprocess.run(
            [self.host.place(part) for part in check],
            cwd=self.home,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HEALTH_SECONDS,
            check=False,
        )
        return done.returncode == 0

    def stop(self) -> int | None:
        """Ask it to end as Compose does, and return its exit status."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _command(self) -> list[str]:
        command = [str(part) for part in self.service["command"]]
        if command[0] == "valkey-server":
            # An image has one fixed port and folder; here they are added, nothing is changed.
            return [
                str(server_program()), *command[1:],
                "--port", str(self.host.port(self.name)), "--bind", "127.0.0.1",
                "--dir", str(self.home),
            ]  # fmt: skip
        program = Path(sys.executable).parent / command[0]
        return [str(program), *map(self.host.place, command[1:])]

    def _environ(self) -> dict[str, str]:
        given = {
            name: self.host.place(str(value))
            for name, value in self.service.get("environment", {}).items()
        }
        programs = [str(self._tools()), str(Path(sys.executable).parent), "/usr/bin", "/bin"]
        path = os.pathsep.join(programs)
        return {"PATH": path, "HOME": str(self.home), **given, **self.overrides}

    def _tools(self) -> Path:
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        if self.service["command"][0] == "valkey-server":
            program = folder / "valkey-cli"
            port = self.host.port(self.name)
            program.write_text(_CLI.format(python=sys.executable, port=port))
            program.chmod(0o755)
        return folder
