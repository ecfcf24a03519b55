"""The board of a wide run: shards in the state database, their bytes in the artifact store.

Whatever is stored for a shard has its digest written down for removal, like any object that no row
names yet; while the run is open a row names it, and when it is over nothing does.
"""

import time
from collections.abc import Callable

from linearity.adapters.collected_file import (
    read_collected,
    read_opening,
    write_collected,
    write_opening,
)
from linearity.adapters.machine import free_disk_bytes
from linearity.adapters.state import ShardRow, State
from linearity.adapters.store import ArtifactStore, file_sha256
from linearity.errors import CorruptObjectError, RunCancelledError
from linearity.studies.collect import Collected, Opening
from linearity.studies.shards import Claim, Layout

WAIT_SECONDS = 0.2
SPARE_BYTES = 1 << 30
"""Shards leave so much of the disk free."""


class ShardBoard:
    """Claims shards of one run for one worker; meets `linearity.studies.shards.Board`.

    Parameters
    ----------
    run_id, worker : str
    state : State
    store : ArtifactStore
    shard_tokens : int
        Of the owner; a helper takes what is there.
    attempt : int
        Of the owner: an old one divides nothing.
    summon : callable
        Hears how many shards are free once the run is divided.
    has_to_stop : callable
        Asked before each claim: a helper may have something better to do.
    log : callable
    """

    def __init__(  # noqa: PLR0913  # all by name
        self,
        run_id: str,
        worker: str,
        *,
        state: State,
        store: ArtifactStore,
        shard_tokens: int = 0,
        attempt: int = 0,
        summon: Callable[[int], object] = lambda _: None,
        has_to_stop: Callable[[], bool] = lambda: False,
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.shard_tokens = shard_tokens
        self._run_id, self._worker, self._attempt = run_id, worker, attempt
        self._state, self._store = state, store
        self._summon, self._has_to_stop, self._log = summon, has_to_stop, log
        self._division: list[ShardRow] = []
        self._claimed: ShardRow | None = None
        self._tokens = 0
        self._opening: tuple[str, Opening] | None = None

    def divide(self, layout: Layout, make: Callable[[], Opening]) -> Opening:
        """Offer the shards of a stream, or find those that an attempt before left.

        Raises
        ------
        RunCancelledError
            If the attempt is no longer wanted.
        """
        known = self._state.find_shards(self._run_id, layout.part, layout.plan)
        if known and self._read_opening(known[0].opening) is None:
            self._state.undivide_run(self._run_id, layout.part)
            known = []
        sha256 = known[0].opening if known else self._store_opening(make())
        rows = [
            ShardRow(
                run_id=self._run_id,
                part=layout.part,
                number=number,
                plan=layout.plan,
                stream=layout.stream,
                opening=sha256,
                start=start,
                stop=stop,
                device=layout.device,
            )
            for number, (start, stop) in enumerate(layout.cuts)
        ]
        self._division = self._state.divide_run(self._attempt, rows)
        opening = self._read_opening(sha256)
        if not self._division or opening is None:
            raise RunCancelledError("the run is not wanted any more")
        there = sum(row.sha256 is not None for row in self._division)
        self._log(f"divided into {len(rows)} shards, {there} of them computed before")
        self._summon(len(rows) - there)
        return opening

    def claim(self) -> Claim | None:
        """Take the next free shard."""
        stops = self._has_to_stop()
        row = None if stops else self._state.claim_shard(self._run_id, self._worker)
        self._tokens, self._claimed = 0, row
        return None if row is None else Claim(row.part, row.number, row.start, row.stop, row.stream)

    def opening(self) -> Opening:
        """Return the opening of the claimed shard.

        Raises
        ------
        CorruptObjectError
            If it is no longer what was stored.
        """
        assert self._claimed is not None
        opening = self._read_opening(self._claimed.opening)
        if opening is None:
            raise CorruptObjectError(
                "what the shards of the run share is damaged or gone",
                next_step="Start the run again.",
                sha256=self._claimed.opening,
            )
        return opening

    def report(self, tokens: int) -> None:
        """Remember how far the claimed shard is, for the next `beat`."""
        self._tokens = tokens

    def beat(self) -> None:
        """Renew the lease on the claimed shard; called from the thread of the heart."""
        claimed = self._claimed
        if claimed is not None:
            self._state.shard_heartbeat(claimed, self._tokens)

    def hand_in(self, collected: Collected) -> None:
        """Store the claimed shard; dropped if somebody else was given it meanwhile."""
        claimed = self._claimed
        assert claimed is not None
        with self._store.writer() as writer:
            write_collected(writer, collected)
        if not self._state.hand_in_shard(claimed, writer.sha256, collected.tokens):
            self._log(f"shard {claimed.number} came too late")
        self._claimed = None

    def done(self) -> int:
        """Return how many tokens of the present stream are done, by whomever."""
        mine = self._claimed
        rows = self._present()
        return sum(
            self._tokens if mine is not None and row.number == mine.number else row.done
            for row in rows
        )

    def load(self, number: int) -> Collected | None:
        """Return a shard that was handed in, checked against its name."""
        row = self._present()[number]
        if row.sha256 is None:
            return None
        path = self._store.path(row.sha256)
        try:
            if file_sha256(path) == row.sha256:
                return read_collected(path)
        except (FileNotFoundError, CorruptObjectError):
            pass
        self._log(f"shard {number} is damaged or gone, so it is computed again")
        self._state.reopen_shard(row)
        return None

    def wait(self) -> None:
        """Wait a moment for others."""
        time.sleep(WAIT_SECONDS)

    def has_room(self, size: int) -> bool:
        """Whether the disk of the store takes so many bytes more."""
        if free_disk_bytes(self._store.root) > size + SPARE_BYTES:
            return True
        self._log(f"no room for shards of {size:,} bytes, so the run is not divided")
        return False

    def used(self) -> dict[str, int]:
        """Return how many shards the run was divided into, and how many workers computed them."""
        rows = self._state.shards_of(self._run_id)
        if not rows:
            return {}
        return {"shards": len(rows), "workers": len({row.worker for row in rows if row.sha256})}

    def _present(self) -> list[ShardRow]:
        one = self._division[0]
        rows = self._state.find_shards(self._run_id, one.part, one.plan)
        if len(rows) != len(self._division):  # cancelled, or over
            raise RunCancelledError("the run is not wanted any more")
        return rows

    def _store_opening(self, opening: Opening) -> str:
        with self._store.writer() as writer:
            write_opening(writer, opening)
        return writer.sha256

    def _read_opening(self, sha256: str) -> Opening | None:
        if self._opening is None or self._opening[0] != sha256:
            path = self._store.path(sha256)
            try:
                if file_sha256(path) != sha256:
                    return None
                self._opening = sha256, read_opening(path)
            except (FileNotFoundError, CorruptObjectError):
                return None
        return self._opening[1]
