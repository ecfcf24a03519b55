"""What is forgotten, and which stored objects go with it: deleting means deleting.

The rows go first and, in the same transaction, the digests of what they named are written down in
`removals`. Whoever sweeps takes the objects away that nothing names any more; a crash in between
loses nothing but time.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.clock import utc_now
from linearity.adapters.database import OPEN_STATUSES, Transactions
from linearity.adapters.run_inputs import needs_input
from linearity.adapters.tables import inputs, removals, runs, shards, shares, uploads
from linearity.contracts.runs import InputState
from linearity.errors import ConflictError

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class InputName:
    """What an input is found by."""

    kind: str
    id: str


class RemovalStates(Transactions):
    """Forgetting inputs and runs, and what was in the store for them alone."""

    def forget(self, gone: Collection[InputName], run_ids: Collection[str] = ()) -> None:
        """Forget inputs with their uploads, and runs with their links; note what they named.

        Raises
        ------
        ConflictError
            While an open run needs one of them; then nothing is forgotten.
        """
        with self._write() as connection:
            _refuse_open_runs(connection, gone, run_ids)
            named: set[str] = set()
            for name in gone:
                named |= _forget_input(connection, name)
            for id in run_ids:
                named |= forget_run(connection, id)
            write_down(connection, named)

    def removals(self) -> list[str]:
        """Return the digests that are to be taken away, oldest first."""
        wanted = sa.select(removals.c.sha256).order_by(removals.c.since)
        with self._read() as connection:
            return list(connection.execute(wanted).scalars())

    def add_removals(self, digests: Iterable[str]) -> None:
        """Write down digests that are to be taken away."""
        with self._write() as connection:
            write_down(connection, digests)

    def settle_removals(self, digests: Collection[str], is_there: Callable[[str], bool]) -> None:
        """Cross out digests that are gone, or that somebody needs again.

        Both are looked at once more while nobody else writes: a row that named one may have been
        deleted a moment ago, and its note be this very one; or the same bytes came and went again.
        """
        with self._write() as connection:
            named = _named(connection, ())
            settled = [d for d in digests if d in named or not is_there(d)]
            connection.execute(removals.delete().where(removals.c.sha256.in_(settled)))

    def named_objects(self, *, without: Collection[InputName | str] = ()) -> set[str]:
        """Return every digest that a row names, as if the rows `without` were gone.

        A run's request names its inputs by their digests too, but needs them no more once it is
        over; what a derived dataset was made of is history as well. Both do not count.
        """
        with self._read() as connection:
            return _named(connection, without)

    def results_of(self, run_ids: Collection[str]) -> set[str]:
        """Return the stored results of runs: the present ones and those that links froze."""
        present = sa.select(runs.c.result).where(runs.c.id.in_(run_ids))
        frozen = sa.select(shares.c.result).where(shares.c.run_id.in_(run_ids))
        with self._read() as connection:
            found = [*connection.execute(present).scalars(), *connection.execute(frozen).scalars()]
        return {digest for digest in found if digest}

    def is_inspecting(self) -> bool:
        """Whether somebody may be about to name an object that no row names yet."""
        begun = (inputs.c.state == InputState.INSPECTING, inputs.c.heartbeat.is_not(None))
        with self._read() as connection:
            return connection.execute(sa.select(inputs.c.id).where(*begun)).first() is not None

    def count_open_shares(self, run_ids: Collection[str]) -> int:
        """Return how many links to these runs have not been ended."""
        wanted = sa.select(sa.func.count()).where(
            shares.c.run_id.in_(run_ids), shares.c.revoked.is_(None), shares.c.expires > utc_now()
        )
        with self._read() as connection:
            return connection.execute(wanted).scalar_one()

    def erase_traces(self) -> None:
        """Let the database's journal go, where deleted rows may still be read."""
        with self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _named(connection: Connection, without: Collection[InputName | str]) -> set[str]:
    named: set[str] = set()
    for row in connection.execute(sa.select(inputs.c.kind, inputs.c.id, _text(inputs.c.record))):
        if InputName(row.kind, row.id) not in without:
            named |= digests_in(row.record)
    found = connection.execute(sa.select(uploads.c.kind, uploads.c.input, uploads.c.sha256))
    named |= {row.sha256 for row in found if InputName(row.kind, row.input) not in without}
    for run in connection.execute(sa.select(runs.c.id, runs.c.result, _text(runs.c.objects))):
        if run.id not in without:
            named |= {run.result} | digests_in(run.objects)
    frozen = sa.select(shares.c.run_id, shares.c.result).where(shares.c.revoked.is_(None))
    named |= {row.result for row in connection.execute(frozen) if row.run_id not in without}
    pieces = connection.execute(sa.select(shards.c.opening, shards.c.sha256))
    named |= {digest for row in pieces for digest in row}
    return {digest for digest in named if digest}


def digests_in(text: str | None) -> set[str]:
    """Return everything in `text` that may be the name of a stored object."""
    return set(_DIGEST.findall(text or ""))


def _text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """Return a column of JSON as the text that it is in the database."""
    return sa.type_coerce(column, sa.Text).label(column.name)


def _refuse_open_runs(
    connection: Connection, gone: Collection[InputName], run_ids: Collection[str]
) -> None:
    users = [needs_input(name.kind, name.id) for name in gone]
    wanted = sa.select(runs.c.id).where(
        runs.c.status.in_(OPEN_STATUSES), sa.or_(runs.c.id.in_(run_ids), *users)
    )
    if user := connection.execute(wanted).scalars().first():
        raise ConflictError(
            f"the open run {user} still needs it",
            next_step="Cancel the run first, or wait until it ends.",
            run=user,
        )


def _forget_input(connection: Connection, name: InputName) -> set[str]:
    one = (inputs.c.kind == name.kind, inputs.c.id == name.id)
    row = connection.execute(sa.select(_text(inputs.c.record)).where(*one)).first()
    files = (uploads.c.kind == name.kind, uploads.c.input == name.id)
    sent = connection.execute(sa.select(uploads.c.sha256).where(*files)).scalars()
    named = {digest for digest in sent if digest} | digests_in(row.record if row else None)
    connection.execute(uploads.delete().where(*files))
    connection.execute(inputs.delete().where(*one))
    return named


def forget_run(connection: Connection, id: str) -> set[str]:
    """Forget a run, end the links to it, and return the objects that it named."""
    links = shares.c.run_id == id
    frozen = connection.execute(sa.select(shares.c.result).where(links)).scalars()
    named = {digest for digest in frozen if digest}
    own = sa.select(runs.c.result, _text(runs.c.objects)).where(runs.c.id == id)
    row = connection.execute(own).first()
    open_links = shares.update().where(links, shares.c.revoked.is_(None))
    connection.execute(open_links.values(revoked=utc_now()))
    # Its parameters may hold a text that somebody wrote.
    connection.execute(shares.update().where(links).values(frozen=None))
    connection.execute(runs.delete().where(runs.c.id == id))
    if row is not None:
        named |= digests_in(row.result) | digests_in(row.objects)
    return named


def write_down(connection: Connection, digests: Iterable[str]) -> None:
    """Note objects that are to be taken away."""
    known = set(connection.execute(sa.select(removals.c.sha256)).scalars())
    moment = utc_now()
    for digest in sorted(set(digests) - known):
        connection.execute(removals.insert().values(sha256=digest, since=moment))
