"""What a task works with, opened from the environment in the process that does the work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import redis
from sqlalchemy.exc import SQLAlchemyError

from linearity.adapters.live import Live
from linearity.adapters.settings import Settings, read_settings
from linearity.adapters.state import InputRow, RunRow, State
from linearity.adapters.store import ArtifactStore


@dataclass(frozen=True)
class Workplace:
    """Settings and open connections."""

    settings: Settings
    state: State
    live: Live
    store: ArtifactStore

    def announce_run(self, row: RunRow | None) -> None:
        """Tell who listens what has become of a run, if Redis is there."""
        # The page asks the state database again when it hears nothing.
        with suppress(redis.RedisError):
            if row is not None:
                self.live.announce_run(row)

    def announce_input(self, row: InputRow | None) -> None:
        """Tell who listens what has become of a model or dataset, if Redis is there."""
        with suppress(redis.RedisError):
            if row is not None:
                self.live.announce_input(row)


@contextmanager
def open_workplace() -> Iterator[Workplace]:
    """Open what the environment names, and close it again."""
    settings = read_settings(os.environ)
    state = State(settings.database_url)
    live = Live(settings.queue_url, settings.cache_url, quick=True)
    try:
        store = ArtifactStore(settings.store, tell=lambda sha256: _write_down(sha256, state))
        yield Workplace(settings, state, live, store)
    finally:
        live.close()
        state.close()


def _write_down(sha256: str, state: State) -> None:
    """Have an object taken away again, unless a row names it before it is old.

    Whoever dies before its row, is cancelled, or works for what has been deleted leaves nothing.
    """
    with suppress(SQLAlchemyError):
        state.add_removals([sha256])
