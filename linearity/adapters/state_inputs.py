"""What the state database says about models, datasets and request logs: the table `inputs`."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.clock import utc_before, utc_now
from linearity.adapters.database import (
    MAXIMUM_DEATHS,
    OPEN_STATUSES,
    InputRow,
    Pulse,
    Transactions,
    input_row,
    lost_problem,
)
from linearity.adapters.tables import inputs, runs
from linearity.contracts.runs import InputState
from linearity.errors import ConflictError


@dataclass(frozen=True)
class Intake:
    """How an input comes in, beside its name.

    Parameters
    ----------
    owner : str
        Whose quota it counts for and who may delete it.
    options : dict or None
        How it is to be read, as the user confirmed it.
    series : str or None
        Shared by the revisions of one model.
    receiving : bool
        Whether its files are still to be uploaded, so that nothing is inspected yet.
    worker : str or None
        Who inspects it from the first moment on, so that nobody else is asked to.
    """

    owner: str = "local"
    options: dict[str, Any] | None = None
    series: str | None = None
    receiving: bool = False
    worker: str | None = None


class InputStates(Transactions):
    """Registering, inspecting and forgetting inputs."""

    def add_input(  # the columns of one row
        self,
        kind: str,
        *,
        id: str,
        name: str,
        source: str,
        reference: str,
        intake: Intake = Intake(),
    ) -> tuple[InputRow, bool]:
        """Register an input; a rejected one gets another attempt.

        Returns the row and whether this call made a new attempt: then an inspection has to be
        queued, unless its files are still to be received.

        Raises
        ------
        ConflictError
            If something else has this id: nothing may pass for what it is not.
        """
        with self._write() as connection:
            row = _find_row(connection, kind, id)
            if row is not None and (row.source, row.reference) != (source, reference):
                raise _taken(row)
            if row is not None and row.state is not InputState.REJECTED:
                return row, False
            fresh = {
                "name": name,
                "source": source,
                "reference": reference,
                "state": InputState.RECEIVING if intake.receiving else InputState.INSPECTING,
                "owner": intake.owner,
                "options": intake.options,
                "series": intake.series,
                "record": None,
                "problem": None,
                "deaths": 0,
                **_begun(intake.worker),
            }
            if intake.receiving:
                fresh["created"] = utc_now()  # the days that it may wait begin anew
            return begin_input(connection, kind, id, fresh), True

    def input_received(
        self,
        kind: str,
        id: str,
        options: dict[str, Any] | None = None,
        *,
        worker: str | None = None,
    ) -> InputRow | None:
        """Let the inspection of a received input begin; None if it is not being received."""
        change = _input(kind, id).where(inputs.c.state == InputState.RECEIVING)
        values = {"state": InputState.INSPECTING} | _begun(worker)
        values |= {"options": options} if options else {}
        with self._write() as connection:
            if connection.execute(change.values(**values)).rowcount != 1:
                return None
            return _require_input(connection, kind, id)

    def join_series(
        self, kind: str, id: str, series: str, options: dict[str, Any], *, name: str
    ) -> bool:
        """Say that an input belongs to a series, where in it and under which name."""
        with self._write() as connection:
            row = _find_row(connection, kind, id)
            if row is None:
                return False
            named = {"name": name, "record": row.record and {**row.record, "name": name}}
            joined = _input(kind, id).values(series=series, options=options, **named)
            return connection.execute(joined).rowcount == 1

    def allow_template(self, id: str, *, allowed: bool) -> InputRow | None:
        """Say whether the chat template of a model may be rendered; None if it is not ready."""
        with self._write() as connection:
            row = _find_row(connection, "model", id)
            if row is None or row.record is None or row.state is not InputState.READY:
                return None
            record = {**row.record, "template_allowed": allowed}
            connection.execute(_input("model", id).values(record=record))
            return _require_input(connection, "model", id)

    def get_input(self, kind: str, id: str) -> InputRow | None:
        """Return the input, or None."""
        with self._read() as connection:
            return _find_row(connection, kind, id)

    def find_input(self, kind: str, text: str) -> InputRow | None:
        """Return the input whose id, else reference, else name is `text`."""
        with self._read() as connection:
            for column in (inputs.c.id, inputs.c.reference, inputs.c.name):
                wanted = sa.select(inputs).where(inputs.c.kind == kind, column == text)
                # Of several with one name, one that can be used, and of those the oldest.
                order = (inputs.c.state != InputState.READY, inputs.c.created)
                row = connection.execute(wanted.order_by(*order)).first()
                if row is not None:
                    return input_row(row)
        return None

    def list_inputs(self, kind: str) -> list[InputRow]:
        """Return every input of a kind, oldest first."""
        return self._inputs_where(inputs.c.kind == kind)

    def open_inputs(self) -> list[InputRow]:
        """Return the inputs that wait for, or are under, inspection."""
        return self._inputs_where(inputs.c.state == InputState.INSPECTING)

    def stale_inputs(self, lease_seconds: float) -> list[InputRow]:
        """Return the inputs whose inspection began and has not been heard of for the lease."""
        return self._inputs_where(
            inputs.c.state == InputState.INSPECTING,
            inputs.c.heartbeat < utc_before(lease_seconds),
        )

    def start_input(self, kind: str, id: str, number: int, worker: str) -> bool:
        """Begin the inspection if `number` is current and nobody else did."""
        return self._set_input(
            kind, id, number, inputs.c.heartbeat.is_(None), worker=worker, heartbeat=utc_now()
        )

    def input_heartbeat(self, kind: str, id: str, number: int) -> Pulse:
        """Renew the lease on an inspection."""
        return "ok" if self._set_input(kind, id, number, heartbeat=utc_now()) else "stale"

    def input_ready(
        self, kind: str, id: str, record: dict[str, Any], *, number: int | None = None
    ) -> bool:
        """Accept an input with what is known about it."""
        return self._set_input(kind, id, number, state=InputState.READY, record=record)

    def input_rejected(
        self, kind: str, id: str, problem: dict[str, Any], *, number: int | None = None
    ) -> bool:
        """Refuse an input with the reason, as an error's `as_json`."""
        return self._set_input(kind, id, number, state=InputState.REJECTED, problem=problem)

    def lose_input(self, kind: str, id: str, number: int, reason: str) -> InputRow | None:
        """Take an inspection from a worker that is gone; None if `number` is not current."""
        with self._write() as connection:
            row = _find_row(connection, kind, id)
            if row is None or row.attempt != number or row.state is not InputState.INSPECTING:
                return None
            deaths = row.deaths + (reason != "interrupted")
            changes: dict[str, Any] = {"attempt": number + 1, "worker": None, "heartbeat": None}
            if deaths >= MAXIMUM_DEATHS:
                changes = {"state": InputState.REJECTED, "problem": lost_problem(deaths)}
            connection.execute(_input(kind, id).values(deaths=deaths, **changes))
            return _require_input(connection, kind, id)

    def delete_input(self, kind: str, id: str) -> bool:
        """Forget an input; its finished runs stay.

        Raises
        ------
        ConflictError
            While an open run needs it.
        """
        column = runs.c.model_id if kind == "model" else runs.c.dataset_id
        with self._write() as connection:
            users = sa.select(runs.c.id).where(column == id, runs.c.status.in_(OPEN_STATUSES))
            if user := connection.execute(users).scalars().first():
                raise ConflictError(
                    f"the {kind} {id} is used by the open run {user}",
                    next_step="Cancel the run first, or wait until it ends.",
                    run=user,
                )
            removed = connection.execute(
                inputs.delete().where(inputs.c.kind == kind, inputs.c.id == id)
            )
            return removed.rowcount == 1

    def _inputs_where(self, *conditions: sa.ColumnElement[bool]) -> list[InputRow]:
        wanted = sa.select(inputs).where(*conditions).order_by(inputs.c.created, inputs.c.id)
        with self._read() as connection:
            return [input_row(row) for row in connection.execute(wanted)]

    def _set_input(
        self,
        kind: str,
        id: str,
        number: int | None,
        *conditions: sa.ColumnElement[bool],
        **values: Any,
    ) -> bool:
        change = _input(kind, id).where(inputs.c.state == InputState.INSPECTING, *conditions)
        if number is not None:
            change = change.where(inputs.c.attempt == number)
        with self._write() as connection:
            return connection.execute(change.values(**values)).rowcount == 1


def begin_input(connection: Connection, kind: str, id: str, fresh: dict[str, Any]) -> InputRow:
    """Insert an input, or begin the next attempt of the one that is there."""
    if _find_row(connection, kind, id) is None:
        first = {"kind": kind, "id": id, "created": utc_now(), "attempt": 1}
        connection.execute(inputs.insert().values(**{**first, **fresh}))
    else:
        connection.execute(_input(kind, id).values(**fresh, attempt=inputs.c.attempt + 1))
    return _require_input(connection, kind, id)


def _begun(worker: str | None) -> dict[str, Any]:
    return {"worker": worker, "heartbeat": utc_now() if worker else None}


def _taken(row: InputRow) -> ConflictError:
    return ConflictError(
        f"there is another {row.kind} with the id {row.id}",
        next_step="Remove that one first, or choose another name.",
        reason="name_taken",
        name=row.name,
    )


def _input(kind: str, id: str) -> sa.Update:
    return inputs.update().where(inputs.c.kind == kind, inputs.c.id == id)


def _find_row(connection: Connection, kind: str, id: str) -> InputRow | None:
    wanted = sa.select(inputs).where(inputs.c.kind == kind, inputs.c.id == id)
    row = connection.execute(wanted).first()
    return None if row is None else input_row(row)


def _require_input(connection: Connection, kind: str, id: str) -> InputRow:
    row = _find_row(connection, kind, id)
    assert row is not None
    return row
