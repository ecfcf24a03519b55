"""How a run in this process shows how far it is: one line on standard error."""

import sys
import time
from collections.abc import Callable

from linearity.contracts.canonical import Json
from linearity.errors import LinearScopeError

OPENS_REPORT = "this opens the report split; a server counts openings, a command line cannot"


class ProgressBar:
    """A progress line on standard error; no partial results."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._live = sys.stderr.isatty()

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Say how far it is; `share` is in [0, 1]."""
        seconds = time.monotonic() - self._started
        left = seconds / share - seconds if share > 0.0 else 0.0
        text = f"{done:,} of {total:,} {unit}  {100 * share:3.0f} %  about {left:.0f} s left"
        if self._live:
            sys.stderr.write(f"\r{text:<70}")
            sys.stderr.flush()

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Nobody watches a command line's partial results."""

    def log(self, message: str) -> None:
        """Say a line."""
        say(message)

    def close(self) -> None:
        """End the line."""
        if self._live:
            sys.stderr.write("\n")


class NoProgress:
    """Says nothing."""

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Nobody watches."""

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Nobody watches."""

    def log(self, message: str) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing was begun."""


def say(message: str) -> None:
    """Write a line for people; standard output is for results."""
    sys.stderr.write(message + "\n")


def say_problem(error: LinearScopeError) -> None:
    """Say what went wrong, and the next step if there is one."""
    say(f"error: {error.message}" + (f"\n{error.next_step}" if error.next_step else ""))
