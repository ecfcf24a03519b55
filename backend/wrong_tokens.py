"""How many wrong tokens an address may offer before it is told to wait."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from backend.refusals import TooManyWrongTokensError

MOST_A_MINUTE = 20
WINDOW_SECONDS = 60.0
MOST_ADDRESSES = 10_000


class WrongTokens:
    """Counts wrong tokens by address and minute, in memory; `now` is a clock in seconds.

    Sessions are not counted: a colleague behind the same address goes on working.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise while an address has to wait, before its token is even looked at.

        Raises
        ------
        TooManyWrongTokensError
        """
        with self._lock:
            began, count = self._counts.get(address, (0.0, 0))
        left = began + WINDOW_SECONDS - self._now()
        if count >= MOST_A_MINUTE and left > 0:
            raise TooManyWrongTokensError(retry_after=math.ceil(left))

    def count(self, address: str) -> None:
        """Count a wrong token."""
        moment = self._now()
        with self._lock:
            began, count = self._counts.pop(address, (moment, 0))
            if moment - began >= WINDOW_SECONDS:
                began, count = moment, 0
            self._counts[address] = (began, count + 1)
            if len(self._counts) > MOST_ADDRESSES:
                self._counts.popitem(last=False)
