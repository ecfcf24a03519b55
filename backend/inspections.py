"""How the inspection of an input is asked for."""

import contextlib

from redis.exceptions import RedisError

from backend.queue import Queue
from linearity.adapters.live import Live
from linearity.adapters.state import InputRow


def ask_for_inspection(row: InputRow, queue: Queue, live: Live) -> None:
    """Queue the inspection of a row that is committed, and tell who listens."""
    # Should the queue fail just now, the reconciler queues it.
    with contextlib.suppress(RedisError):
        queue.enqueue_registration(row)
        live.announce_input(row)
