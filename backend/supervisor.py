"""`linearscope up`: queue server, web process and workers as children, ended together.

Children are started from the main thread with the kernel's promise to end them when this process
ends, so that even kill -9 leaves nothing behind.
"""

import contextlib
import dataclasses
import fcntl
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from backend.api_client import ApiClient
from backend.children import Child, python_command, python_environ
from backend.demo import run_demo
from backend.embedded import EmbeddedValkey
from backend.tokens import address_of, welcome
from linearity.adapters.settings import Settings
from linearity.adapters.state import State
from linearity.errors import ConflictError

TICK_SECONDS = 0.1
API_START_SECONDS = 60.0
STOP_SECONDS = 5.0

Say = Callable[[str], None]


@dataclasses.dataclass
class StopFlag:
    """Set by a signal; a `threading.Event` would lock up when set from inside its own `wait`."""

    is_set: bool = False

    def wait(self, seconds: float) -> bool:
        """Sleep, and return whether it is time to stop."""
        if not self.is_set:
            time.sleep(seconds)
        return self.is_set


def run_up(settings: Settings, *, workers: int, environ: Mapping[str, str], say: Say) -> int:
    """Run everything until Ctrl-C, SIGTERM or a failure to start; return the exit status.

    Raises
    ------
    LinearScopeError
        If it cannot start: the port or the data folder is taken or cannot be written.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.locks), contextlib.ExitStack() as stack:
        settings = dataclasses.replace(
            settings,
            port=free_port(settings.host, settings.port),
            internal_token=secrets.token_urlsafe(32),
        )
        stop = _stop_on_signals()
        if settings.redis_url is None:
            valkey = EmbeddedValkey(settings.data / "valkey")
            stack.callback(valkey.stop)
            valkey.start()
            settings = dataclasses.replace(settings, redis_url=valkey.url)
        else:
            valkey = None
        with _open_state(settings) as state:
            is_fresh = state.count_runs() == 0
        company = Company(settings, workers=workers, environ=environ, say=say, valkey=valkey)
        stack.callback(company.stop)
        return company.run(stop, is_fresh=is_fresh)


class Company:
    """The children, and the loop that tends them."""

    def __init__(
        self,
        settings: Settings,
        *,
        workers: int,
        environ: Mapping[str, str],
        say: Say,
        valkey: EmbeddedValkey | None,
    ) -> None:
        self._say = say
        self._valkey = valkey
        self._settings = settings
        inner = child_environ(settings, environ)
        logs = settings.data / "logs"
        self._address = address_of(dataclasses.replace(settings, public_url=None))
        # Only the web process knows what this one says to it; workers have no use for it.
        spoken = {"LINEARSCOPE_INTERNAL_TOKEN": settings.internal_token or ""}
        self._api = Child("the web process", _api_command(), inner | spoken, logs / "api.log")
        self._workers = [
            Child(
                f"worker {number}",
                _worker_command("analysis"),
                inner,
                logs / f"worker-{number}.log",
            )
            for number in range(1, workers + 1)
        ]
        if workers:
            command = _worker_command("interactive")
            log = logs / "worker-interactive.log"
            self._workers.append(Child("the interactive worker", command, inner, log))
        self._demo_stop = threading.Event()

    def run(self, stop: StopFlag, *, is_fresh: bool) -> int:
        """Start everything and tend it until `stop`; return the exit status."""
        client = ApiClient(self._address, self._settings.internal_token)
        self._api.start()
        for worker in self._workers:
            worker.start()
        if not self._wait_for_api(client, stop):
            return 0 if stop.is_set else 1
        link = self._settings.public_url or self._address
        self._say(f"LinearScope is at {link}")
        with _open_state(self._settings) as state:
            welcome(self._settings, state, self._say)
        if is_fresh:
            self._start_demo(client, link)
        while not stop.wait(TICK_SECONDS):
            self._tend()
        self._say("stopping")
        return 0

    def stop(self) -> None:
        """End every child, politely for a while."""
        self._demo_stop.set()
        children = [*self._workers, self._api]
        for child in children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            child.wait(deadline)

    def _wait_for_api(self, client: ApiClient, stop: StopFlag) -> bool:
        deadline = time.monotonic() + API_START_SECONDS
        while not stop.is_set and time.monotonic() < deadline:
            if self._api.process is not None and self._api.process.poll() is not None:
                break
            if client.is_alive():
                return True
            stop.wait(TICK_SECONDS)
        if not stop.is_set:
            self._say(
                f"the web process did not start; its log ends with:\n{self._api.last_lines()}"
            )
        return False

    def _tend(self) -> None:
        if self._valkey is not None and self._valkey.poll() is not None:
            self._say("the queue server ended, starting it again")
            self._valkey.start()
        for child in (self._api, *self._workers):
            if news := child.tend():
                self._say(news)

    def _start_demo(self, client: ApiClient, link: str) -> None:
        threading.Thread(
            target=run_demo,
            args=(client, link),
            kwargs={"say": self._say, "stop": self._demo_stop},
            name="demo",
            daemon=True,
        ).start()


def free_port(host: str, port: int) -> int:
    """Return `port` if nobody listens there; for 0, one that is free.

    Raises
    ------
    ConflictError
        If the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise ConflictError(
                f"cannot listen on {host} port {port}: {error.strerror}",
                next_step="Stop the program that uses it, or choose another with --port.",
                port=port,
            ) from error
        return int(probe.getsockname()[1])


def child_environ(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the children: what was given, and what was decided here."""
    return python_environ(environ) | {
        "LINEARSCOPE_DATA": str(settings.data),
        "LINEARSCOPE_HOST": settings.host,
        "LINEARSCOPE_PORT": str(settings.port),
        "REDIS_URL": settings.queue_url,
        "LINEARSCOPE_SUPERVISED": "1",
    }


def _api_command() -> list[str]:
    return python_command("backend.cli", "api")


def _worker_command(queue: str) -> list[str]:
    return python_command("workers", "--queue", queue)


@contextlib.contextmanager
def _open_state(settings: Settings) -> Iterator[State]:
    state = State(settings.database_url)
    try:
        yield state
    finally:
        state.close()


@contextlib.contextmanager
def _only_one(locks: Path) -> Iterator[None]:
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"another `linearscope up` uses the data folder {locks.parent}",
                next_step="Stop it, or choose another folder with --data.",
            ) from error
        yield


def _stop_on_signals() -> StopFlag:
    stop = StopFlag()

    def request(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set:
            os._exit(130)  # a second Ctrl-C: the kernel ends the children with us
        stop.is_set = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request)
    return stop
