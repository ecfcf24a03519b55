"""What a task works with, opened from the environment in the process that does the work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

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
        """Tell who listens what has become of a run."""
        if row is not None:
            body = {"status": str(row.status), "attempt": row.attempt, "error": row.error}
            self._publish(row.id, body)

    def announce_input(self, row: InputRow | None) -> None:
        """Tell who listens what has become of a model or dataset."""
        if row is not None:
            body = {"kind": row.kind, "id": row.id, "state": str(row.state)}
            self._publish(f"{row.kind}:{row.id}", body | {"problem": row.problem})

    def _publish(self, run: str, body: dict[str, Any]) -> None:
        try:
            self.live.publish(run, "status", body)
        except redis.RedisError:
            return  # the page asks the state database again when it hears nothing


@contextmanager
def open_workplace() -> Iterator[Workplace]:
    """Open what the environment names, and close it again."""
    settings = read_settings(os.environ)
    state = State(settings.database_url)
    live = Live(settings.queue_url, settings.cache_url)
    try:
        yield Workplace(settings, state, live, ArtifactStore(settings.store))
    finally:
        live.close()
        state.close()
