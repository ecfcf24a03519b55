"""What a study asks of the outside world.

A study computes; it neither knows Redis nor a database nor a disk. It reports through these small
protocols, met by the worker (queue, events), the command line (progress bar) and the tests
(recorder).
"""

from collections.abc import Callable
from typing import Protocol

from linearity.contracts.canonical import Json


class Progress(Protocol):
    """How far a study is, and whether somebody wants it to stop."""

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Say that `done` of `total` `unit`, and `share` of all work (0 to 1), are done.

        Raises
        ------
        RunCancelledError
            If the run was cancelled; the study lets it pass.
        """

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Offer an intermediate result; `build` is called only if somebody may look at it."""

    def log(self, message: str) -> None:
        """Record one line for people."""


class Checkpoints(Protocol):
    """What a long run has finished, kept across attempts."""

    def load(self) -> dict[str, Json]:
        """Return what was saved last, by name; empty for a first attempt."""

    def save(self, name: str, value: Json) -> None:
        """Keep one more finished piece; it is there when the run is taken up again."""

    def load_bytes(self) -> bytes | None:
        """Return the bytes that were kept last, or None."""

    def save_bytes(self, data: bytes) -> None:
        """Keep bytes in the place of those that were kept before: an unfinished piece."""


class NoCheckpoints:
    """For runs that nobody takes up again."""

    def load(self) -> dict[str, Json]:
        """Return nothing."""
        return {}

    def save(self, name: str, value: Json) -> None:
        """Forget it."""

    def load_bytes(self) -> bytes | None:
        """Return nothing."""
        return None

    def save_bytes(self, data: bytes) -> None:
        """Forget them."""
