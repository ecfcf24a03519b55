"""Wrong guesses of share links are counted by client address and minute, then refused.

Who holds a valid link is never asked.
"""

import time
from collections.abc import Callable

from backend.minute_counts import MinuteCounts
from backend.refusals import TooManyGuessesError
from linearity.adapters.live import Live

MOST_A_MINUTE = 20


class Guesses:
    """Counts misses; `now` is the server's clock in seconds."""

    def __init__(self, live: Live, now: Callable[[], float] = time.time) -> None:
        self._counts = MinuteCounts(live, "wrong guesses", now)

    def miss(self, address: str) -> None:
        """Count a wrong guess of a client.

        Raises
        ------
        TooManyGuessesError
            If there were too many within this minute.
        """
        count, wait = self._counts.add(address)
        if count > MOST_A_MINUTE:
            raise TooManyGuessesError(retry_after=wait)
