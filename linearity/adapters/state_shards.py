"""What the state database says about the shards of wide runs: who computes which.

A shard is claimed by compare-and-set, and each claim has a number: whoever was given up for dead,
and was not, cannot hand in any more. A shard belongs to its run and not to one attempt of it, so
the next attempt finds what was handed in, and helpers go on while it starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.clock import utc_before, utc_now
from linearity.adapters.database import OPEN_STATUSES, Pulse, Transactions
from linearity.adapters.state_removals import write_down
from linearity.adapters.tables import runs, shards
from linearity.contracts.runs import RunStatus

LEASE_SECONDS = 10.0
"""A shard whose worker was not heard of for so long is given to another."""


@dataclass(frozen=True)
class ShardRow:
    """A part of a run's text: batches from `start` to the one before `stop`."""

    run_id: str
    part: int
    number: int
    plan: str
    stream: str
    opening: str
    start: int
    stop: int
    device: str = "cpu"
    done: int = 0
    claim: int = 0
    worker: str | None = None
    heartbeat: str | None = None
    sha256: str | None = None


class ShardStates(Transactions):
    """Dividing a run, claiming its shards and handing them in."""

    def divide_run(self, attempt: int, rows: Sequence[ShardRow]) -> list[ShardRow]:
        """Make the shards of one part of a run, or find those that an attempt before made.

        Returns
        -------
        list of ShardRow
            As they stand, in their order; empty if the attempt is no longer wanted.
        """
        one = rows[0]
        with self._write() as connection:
            is_current = (runs.c.id == one.run_id, runs.c.attempt == attempt)
            running = runs.c.status == RunStatus.RUNNING
            if connection.execute(sa.select(runs.c.id).where(*is_current, running)).first() is None:
                return []
            if not self._find(connection, one.run_id, one.part, one.plan):
                _forget(connection, shards.c.run_id == one.run_id, shards.c.part == one.part)
                connection.execute(shards.insert(), [vars(row) for row in rows])
            return self._find(connection, one.run_id, one.part, one.plan)

    def undivide_run(self, run_id: str, part: int) -> None:
        """Forget the shards of one part of a run."""
        with self._write() as connection:
            _forget(connection, shards.c.run_id == run_id, shards.c.part == part)

    def shards_of(self, run_id: str) -> list[ShardRow]:
        """Return the shards of a run, in their order."""
        wanted = sa.select(shards).where(shards.c.run_id == run_id)
        with self._read() as connection:
            return _rows(connection, wanted)

    def find_shards(self, run_id: str, part: int, plan: str) -> list[ShardRow]:
        """Return the shards that were made after a plan, in their order."""
        with self._read() as connection:
            return self._find(connection, run_id, part, plan)

    def claim_shard(
        self, run_id: str, worker: str, *, lease_seconds: float = LEASE_SECONDS
    ) -> ShardRow | None:
        """Take the first shard that nobody computes, if anybody still wants the run."""
        moment = utc_now()
        with self._write() as connection:
            found = _rows(connection, _free(run_id, lease_seconds).limit(1))
            if not found:
                return None
            taken = replace(
                found[0], claim=found[0].claim + 1, worker=worker, heartbeat=moment, done=0
            )
            connection.execute(
                _row(taken, claim=found[0].claim).values(
                    claim=taken.claim, worker=worker, heartbeat=moment, done=0
                )
            )
            return taken

    def has_free_shards(self, run_id: str, *, lease_seconds: float = LEASE_SECONDS) -> bool:
        """Whether there is a shard that could be claimed now."""
        with self._read() as connection:
            return connection.execute(_free(run_id, lease_seconds).limit(1)).first() is not None

    def shard_heartbeat(self, claimed: ShardRow, done: int) -> None:
        """Renew the lease on a claimed shard, and say how many of its tokens are done."""
        with self._write() as connection:
            unfinished = _row(claimed, claim=claimed.claim).where(shards.c.sha256.is_(None))
            connection.execute(unfinished.values(heartbeat=utc_now(), done=done))

    def hand_in_shard(self, claimed: ShardRow, sha256: str, done: int) -> bool:
        """Record where a shard is stored; False if it was given to somebody else meanwhile."""
        with self._write() as connection:
            unfinished = _row(claimed, claim=claimed.claim).where(shards.c.sha256.is_(None))
            changed = connection.execute(unfinished.values(sha256=sha256, done=done))
            return changed.rowcount == 1

    def reopen_shard(self, row: ShardRow) -> None:
        """Let a shard be computed again, because what was stored of it is lost."""
        with self._write() as connection:
            lost = _row(row, claim=row.claim).where(shards.c.sha256 == row.sha256)
            changed = connection.execute(lost.values(sha256=None, worker=None, done=0))
            write_down(connection, [row.sha256] if row.sha256 and changed.rowcount else [])

    def release_shards(self, run_id: str, worker: str) -> None:
        """Let others compute what a worker has claimed and not handed in."""
        with self._write() as connection:
            release_shards(connection, run_id, worker)

    def helper_pulse(self, run_id: str) -> Pulse:
        """Return whether anybody wants the shards of a run, also between two attempts."""
        with self._read() as connection:
            found = sa.select(runs.c.status).where(runs.c.id == run_id)
            status = connection.execute(found).scalar()
        if status in OPEN_STATUSES:
            return "ok"
        return "cancelled" if status == RunStatus.CANCELLED else "stale"

    def _find(self, connection: Connection, run_id: str, part: int, plan: str) -> list[ShardRow]:
        is_ours = (shards.c.run_id == run_id, shards.c.part == part, shards.c.plan == plan)
        return _rows(connection, sa.select(shards).where(*is_ours))


def release_shards(connection: Connection, run_id: str, worker: str | None) -> None:
    """Let others compute what a worker has claimed and not handed in."""
    held = (shards.c.run_id == run_id, shards.c.worker == worker, shards.c.sha256.is_(None))
    connection.execute(shards.update().where(*held).values(worker=None, done=0))


def forget_shards(connection: Connection, run_id: str) -> None:
    """Forget the shards of a run that is over, and have what is stored of them taken away."""
    _forget(connection, shards.c.run_id == run_id)


def _forget(connection: Connection, *which: sa.ColumnElement[bool]) -> None:
    named = connection.execute(sa.select(shards.c.opening, shards.c.sha256).where(*which)).all()
    write_down(connection, {digest for row in named for digest in row if digest})
    connection.execute(shards.delete().where(*which))


def _free(run_id: str, lease_seconds: float) -> sa.Select[Any]:
    return (
        sa.select(shards)
        .join(runs, runs.c.id == shards.c.run_id)
        .where(
            shards.c.run_id == run_id,
            runs.c.status.in_(OPEN_STATUSES),
            shards.c.sha256.is_(None),
            shards.c.worker.is_(None) | (shards.c.heartbeat < utc_before(lease_seconds)),
        )
        .order_by(shards.c.part, shards.c.number)
    )


def _row(row: ShardRow, *, claim: int) -> sa.Update:
    return shards.update().where(
        shards.c.run_id == row.run_id,
        shards.c.part == row.part,
        shards.c.number == row.number,
        shards.c.plan == row.plan,
        shards.c.claim == claim,
    )


def _rows(connection: Connection, wanted: sa.Select[Any]) -> list[ShardRow]:
    found = connection.execute(wanted.order_by(None).order_by(shards.c.part, shards.c.number))
    return [ShardRow(**row) for row in found.mappings()]
