"""The desk of a worker that computes in its own process: what stays on it between runs.

RQ calls a task by its dotted name, so the desk cannot be an argument; the interactive worker lays
it out for the time of one job, and the task looks whether it sits at one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from linearity.adapters.resident import Resident
from linearity.adapters.state import Pulse
from workers.heart import Heart

LANE = "interactive"
BEAT_SECONDS = 0.5
GRACE_SECONDS = 1.5
"""A study gets this long to notice a cancel; it costs a warm model when it does not."""

_here: ContextVar["Desk | None"] = ContextVar("desk", default=None)


class Desk:
    """Models, states and maps that the next run may use again, and the heart of the present one."""

    def __init__(self) -> None:
        self.resident = Resident()
        self._heart: Heart | None = None

    def heart(self, beat: Callable[[], Pulse]) -> Heart:
        """Return the heart of an attempt at this desk, which `nudge` then reaches."""
        self._heart = Heart(beat, every=BEAT_SECONDS, grace=GRACE_SECONDS)
        return self._heart

    def nudge(self) -> None:
        """Let the present attempt ask at once whether it is still wanted."""
        if self._heart is not None:
            self._heart.nudge()

    def clear(self) -> None:
        """Let go of everything: after some failures nothing here can be relied on."""
        self.resident.clear()


@contextmanager
def sitting_at(desk: Desk) -> Iterator[None]:
    """Let tasks find `desk` while the block runs."""
    token = _here.set(desk)
    try:
        yield
    finally:
        _here.reset(token)


def desk_here() -> Desk | None:
    """Return the desk that this task sits at; None in a child that ends with its job."""
    return _here.get()
