"""A child process of `linearscope up` that is started again when it ends by itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from linearity.adapters.lifetime import parent_guard

MAXIMUM_DELAY_SECONDS = 15.0
STEADY_SECONDS = 30.0
LOG_BYTES_KEPT = 10 << 20
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Child:
    """One process by name; `start` and `tend` are called from the main thread only.

    The kernel ends a child when the *thread* that started it ends.
    """

    name: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _delay: float = field(default=0.0)
    _restart_at: float | None = None

    def start(self) -> None:
        """Start the process, in a group of its own so that Ctrl-C reaches only the parent."""
        _shorten(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.arguments),
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=parent_guard(),
            )
        self._started = time.monotonic()
        self._restart_at = None

    def tend(self) -> str | None:
        """Start the process again if it has ended; return a sentence when there is news."""
        moment = time.monotonic()
        if self._restart_at is not None:
            if moment >= self._restart_at:
                self.start()
            return None
        status = None if self.process is None else self.process.poll()
        if status is None:
            return None
        if moment - self._started >= STEADY_SECONDS:
            self._delay = 0.0
        self._restart_at = moment + self._delay
        news = f"{self.name} ended ({describe_status(status)}), starting it again"
        self._delay = min(max(2 * self._delay, 0.5), MAXIMUM_DELAY_SECONDS)
        return f"{news}; its log is {self.log}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, deadline: float) -> None:
        """Wait until the process has ended; kill it when the deadline passes."""
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_lines(self, count: int = 8) -> str:
        """Return the end of the log, for the sentence that says what went wrong."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-count:])


def python_command(module: str, *arguments: str) -> list[str]:
    """Return how a module of this program is run, whatever lies in the working directory."""
    return [sys.executable, "-P", "-m", module, *arguments]


def python_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with this program's own folder on the module path."""
    parts = [str(ROOT), *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(parts)}


def describe_status(status: int) -> str:
    """Return an exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _shorten(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".old.log"))
