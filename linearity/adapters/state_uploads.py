"""What the state database says about files that are being uploaded: the table `uploads`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.clock import utc_before, utc_now
from linearity.adapters.database import InputRow, Transactions, input_row
from linearity.adapters.state_inputs import begin_input
from linearity.adapters.state_quotas import UploadLimits, check_quota
from linearity.adapters.state_removals import write_down
from linearity.adapters.tables import inputs, uploads
from linearity.contracts.runs import InputState
from linearity.contracts.uploads import UploadRow


@dataclass(frozen=True)
class Declared:
    """An input whose files are to be uploaded, as its owner declares it."""

    kind: str
    id: str
    name: str
    owner: str
    files: tuple[tuple[str, int], ...]
    """Names and sizes in bytes."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files)


class UploadStates(Transactions):
    """Declaring, receiving and giving up files."""

    def declare_input(
        self, declared: Declared, limits: UploadLimits
    ) -> tuple[InputRow, list[UploadRow], bool]:
        """Register an input that waits for its files; one that is there already is returned.

        Returns the row, its files and whether this call made them. A rejected upload of the same
        owner begins anew.

        Raises
        ------
        QuotaExceededError
            If the files are more than may be kept.
        """
        kind, id = declared.kind, declared.id
        with self._write() as connection:
            row = _input(connection, kind, id)
            if row is not None and not _may_begin_anew(row, declared.owner):
                return row, _uploads(connection, _of(kind, id)), False
            _let_go(connection, kind, id)
            connection.execute(uploads.delete().where(*_of(kind, id)))
            check_quota(connection, declared.owner, declared.size, limits)
            row = begin_input(connection, kind, id, _fresh(declared))
            moment = utc_now()
            for name, size in declared.files:
                values = {"kind": kind, "input": id, "owner": declared.owner, "touched": moment}
                values |= {"id": uuid4().hex, "name": name}
                connection.execute(uploads.insert().values(**values, size=size, received=0))
            return row, _uploads(connection, _of(kind, id)), True

    def uploads_of(self, kind: str, id: str) -> list[UploadRow]:
        """Return the files of an input, in the order of their names."""
        with self._read() as connection:
            return _uploads(connection, _of(kind, id))

    def uploads_of_kind(self, kind: str) -> dict[str, list[UploadRow]]:
        """Return the files of the inputs of a kind that are still being received."""
        receiving = sa.select(inputs.c.id).where(
            inputs.c.kind == kind, inputs.c.state == InputState.RECEIVING
        )
        found: dict[str, list[UploadRow]] = {}
        with self._read() as connection:
            conditions = (uploads.c.kind == kind, uploads.c.input.in_(receiving))
            for upload in _uploads(connection, conditions):
                found.setdefault(upload.input, []).append(upload)
        return found

    def get_upload(self, id: str) -> UploadRow | None:
        """Return one file, or None."""
        with self._read() as connection:
            found = _uploads(connection, (uploads.c.id == id,))
            return found[0] if found else None

    def upload_received(self, id: str, *, before: int, after: int) -> bool:
        """Count bytes that are on the disk; False if somebody else counted in between."""
        change = uploads.update().where(uploads.c.id == id, uploads.c.received == before)
        with self._write() as connection:
            done = connection.execute(change.values(received=after, touched=utc_now()))
            return done.rowcount == 1

    def upload_digested(self, id: str, sha256: str) -> bool:
        """Remember the digest of a whole file; False if the file was deleted meanwhile."""
        change = uploads.update().where(uploads.c.id == id)
        with self._write() as connection:
            return connection.execute(change.values(sha256=sha256)).rowcount == 1

    def restart_upload(self, seen: UploadRow) -> bool:
        """Ask for a file again from its first byte; False if it went on since it was `seen`."""
        unchanged = (
            uploads.c.id == seen.id,
            uploads.c.received == seen.received,
            uploads.c.sha256.is_not_distinct_from(seen.sha256),
        )
        fresh = {"received": 0, "sha256": None, "touched": utc_now()}
        with self._write() as connection:
            change = uploads.update().where(*unchanged).values(**fresh)
            return connection.execute(change).rowcount == 1

    def delete_uploads(self, kind: str, id: str) -> list[UploadRow]:
        """Forget the files of an input and return what they were."""
        with self._write() as connection:
            gone = _uploads(connection, _of(kind, id))
            connection.execute(uploads.delete().where(*_of(kind, id)))
            return gone

    def expire_inputs(self, seconds: float, problem: dict[str, Any]) -> list[InputRow]:
        """Give up the inputs that nothing has come for in `seconds`; return them.

        An upload stays as rejected, so that it can say why; what only waited to be confirmed is
        forgotten.
        """
        oldest = utc_before(seconds)
        live = sa.exists().where(
            uploads.c.kind == inputs.c.kind,
            uploads.c.input == inputs.c.id,
            uploads.c.touched >= oldest,
        )
        abandoned = (inputs.c.state == InputState.RECEIVING, inputs.c.created < oldest, ~live)
        with self._write() as connection:
            found = connection.execute(sa.select(inputs).where(*abandoned)).all()
            rows = [input_row(row) for row in found]
            for row in rows:
                chosen = (inputs.c.kind == row.kind, inputs.c.id == row.id)
                if row.source != "upload":
                    connection.execute(inputs.delete().where(*chosen))
                    continue
                given_up = {"state": InputState.REJECTED, "problem": problem}
                connection.execute(inputs.update().where(*chosen).values(**given_up))
                _let_go(connection, row.kind, row.id)
            return rows

    def receiving_inputs(self) -> list[tuple[InputRow, list[UploadRow]]]:
        """Return every input that is being received, with its files."""
        with self._read() as connection:
            wanted = sa.select(inputs).where(inputs.c.state == InputState.RECEIVING)
            rows = [input_row(row) for row in connection.execute(wanted).all()]
            return [(row, _uploads(connection, _of(row.kind, row.id))) for row in rows]

    def upload_ids(self) -> set[str]:
        """Return the ids of all files that may still have a part on the disk."""
        with self._read() as connection:
            return set(connection.execute(sa.select(uploads.c.id)).scalars())


def _may_begin_anew(row: InputRow, owner: str) -> bool:
    return row.state is InputState.REJECTED and row.source == "upload" and row.owner == owner


def _fresh(declared: Declared) -> dict[str, Any]:
    nothing = dict.fromkeys(("options", "series", "record", "problem", "worker", "heartbeat"))
    return nothing | {
        "name": declared.name,
        "source": "upload",
        "reference": declared.id,
        "state": InputState.RECEIVING,
        "owner": declared.owner,
        "deaths": 0,
    }


def _let_go(connection: Connection, kind: str, id: str) -> None:
    """Count nothing of an input's files any more; objects that only they named are taken away."""
    stored = sa.select(uploads.c.sha256).where(*_of(kind, id), uploads.c.sha256.is_not(None))
    write_down(connection, connection.execute(stored).scalars().all())
    connection.execute(uploads.update().where(*_of(kind, id)).values(received=0, sha256=None))


def _of(kind: str, id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (uploads.c.kind == kind, uploads.c.input == id)


def _input(connection: Connection, kind: str, id: str) -> InputRow | None:
    wanted = sa.select(inputs).where(inputs.c.kind == kind, inputs.c.id == id)
    row = connection.execute(wanted).first()
    return None if row is None else input_row(row)


def _uploads(
    connection: Connection, conditions: Sequence[sa.ColumnElement[bool]]
) -> list[UploadRow]:
    wanted = sa.select(uploads).where(*conditions).order_by(uploads.c.name)
    return [UploadRow(**row._mapping) for row in connection.execute(wanted)]
