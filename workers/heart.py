"""The heartbeat of an attempt: renews its lease, and ends the process when nobody wants it."""

import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from linearity.adapters.state import Pulse

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
GRACE_SECONDS = 0.5
EXIT_UNWANTED = 75


class Heart:
    """Calls `beat` again and again from its own thread while the block runs.

    When `beat` answers that the attempt was cancelled or replaced, the study has `grace` seconds
    to notice (`unwanted`); then the process ends, whatever it is doing. So a cancel works even
    when the queue's own stop command was lost.
    """

    def __init__(
        self,
        beat: Callable[[], Pulse],
        *,
        every: float = BEAT_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.unwanted = False
        self._beat = beat
        self._every = every
        self._grace = grace
        self._done = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._nudged.set()
        self._thread.join()

    def nudge(self) -> None:
        """Beat at once: somebody heard that the attempt may not be wanted any more."""
        self._nudged.set()

    def _run(self) -> None:
        while not self._is_over():
            try:
                pulse = self._beat()
            except SQLAlchemyError as error:
                # Without a renewed lease another worker may take over; the attempt number then
                # fences this one, so it is right to go on trying.
                log.warning("heartbeat could not be written: %s", error)
                continue
            if pulse != "ok":
                self.unwanted = True
                log.info("the attempt is %s, stopping", pulse)
                if not self._done.wait(self._grace):
                    os._exit(EXIT_UNWANTED)
                return

    def _is_over(self) -> bool:
        self._nudged.wait(self._every)
        self._nudged.clear()
        return self._done.is_set()
