"""A `Progress` that remembers, and can stop a run at a given share."""

from collections.abc import Callable

from linearity.contracts.canonical import Json
from linearity.errors import RunCancelledError


class Recorder:
    """Keeps every step, partial result and line."""

    def __init__(self, *, stop_at: float | None = None) -> None:
        self.steps: list[tuple[int, int, str, float]] = []
        self.partials: list[dict[str, Json]] = []
        self.lines: list[str] = []
        self._stop_at = stop_at

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        self.steps.append((done, total, unit, share))
        if self._stop_at is not None and share >= self._stop_at:
            raise RunCancelledError("stopped by the test")

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        self.partials.append(build())

    def log(self, message: str) -> None:
        self.lines.append(message)
