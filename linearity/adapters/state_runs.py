"""What the state database says about runs and their attempts."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.clock import utc_before, utc_now
from linearity.adapters.database import (
    MAXIMUM_DEATHS,
    OPEN_STATUSES,
    AttemptRow,
    InputRow,
    Pulse,
    RunRow,
    Transactions,
    lost_problem,
    run_row,
)
from linearity.adapters.run_inputs import needs_input
from linearity.adapters.state_removals import forget_run, write_down
from linearity.adapters.state_shards import forget_shards, release_shards
from linearity.adapters.tables import attempts, openings, runs
from linearity.contracts.kept import KeptObject
from linearity.contracts.runs import RunRequest, RunStatus
from linearity.errors import ConflictError, InvalidParameterError, UnknownRunError

MAXIMUM_PAGE = 200

Outcome = Literal["new", "joined", "finished", "quarantined"]


@dataclass(frozen=True)
class Submission:
    """What became of a request: its run, and whether this call made it, met it or was refused."""

    run: RunRow
    outcome: Outcome


@dataclass(frozen=True)
class InputNames:
    """Ids and names of the inputs of an imported run, and its owner."""

    model_id: str
    model_name: str
    dataset_id: str
    dataset_name: str
    owner: str


class RunStates(Transactions):
    """Submitting, attempting and ending runs."""

    def submit(
        self,
        request: RunRequest,
        *,
        model: InputRow,
        dataset: InputRow,
        force: bool = False,
        owner: str = "local",
    ) -> Submission:
        """Make the run of a request, or meet the one that exists, whoever owns that.

        A failed or cancelled run gets a new attempt; a quarantined one only with `force`. A run
        that was imported answers no question asked here: it is computed, and that takes its place.
        """
        with self._write() as connection:
            row = _find_run(connection, request.run_id)
            if row is None:
                _insert_run(connection, request, model, dataset, owner)
            elif row.status.is_open:
                return Submission(row, "joined")
            elif row.status is RunStatus.FINISHED and row.imported is None:
                return Submission(row, "finished")
            elif row.quarantined and not force:
                return Submission(row, "quarantined")
            else:
                write_down(connection, row.named)
                _requeue(connection, row, deaths=0)
                _name_inputs(connection, request.run_id, model, dataset)
            return Submission(_require_run(connection, request.run_id), "new")

    def import_run(
        self, request: RunRequest, named: InputNames, *, result: str, imported: dict[str, Any]
    ) -> Submission:
        """Take in a run that was computed elsewhere, or meet the same one.

        Parameters
        ----------
        request : RunRequest
        named : InputNames
            Under which ids and names its inputs are shown, and who brings it.
        result : str
            sha256 of the stored result.
        imported : dict
            Where it comes from.

        Raises
        ------
        ConflictError
            If there is a run with this id that is not the same import: nothing that was computed
            here, or is about to be, gives way.
        """
        with self._write() as connection:
            row = _find_run(connection, request.run_id)
            if row is not None and row.imported is not None and row.result == result:
                return Submission(row, "finished")
            if row is not None:
                raise _in_the_way(row)
            _insert_imported(connection, request, named, result=result, imported=imported)
            return Submission(_require_run(connection, request.run_id), "new")

    def get_run(self, id: str) -> RunRow | None:
        """Return the run, or None."""
        with self._read() as connection:
            return _find_run(connection, id)

    def list_runs(
        self,
        *,
        kind: str | None = None,
        model: str | None = None,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[list[RunRow], str | None]:
        """Return one page of runs, newest first, and the cursor of the next page.

        Raises
        ------
        InvalidParameterError
            If `cursor` did not come from this method.
        """
        limit = min(max(limit, 1), MAXIMUM_PAGE)
        wanted = sa.select(runs).order_by(runs.c.created.desc(), runs.c.id.desc()).limit(limit + 1)
        for column, value in ((runs.c.kind, kind), (runs.c.model_id, model)):
            if value is not None:
                wanted = wanted.where(column == value)
        if status is not None:
            wanted = wanted.where(runs.c.status == status)
        if cursor is not None:
            wanted = wanted.where(sa.tuple_(runs.c.created, runs.c.id) < _read_cursor(cursor))
        found = self._runs(wanted)
        more = len(found) > limit
        return found[:limit], _cursor(found[limit - 1]) if more else None

    def count_runs(self) -> int:
        """Return how many runs there are, of any status."""
        with self._read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one()

    def count_report_openings(self, model: str, dataset: str) -> int:
        """Return how many plans have opened split B of two inputs, named by their fingerprints.

        An attempt that began may have shown something, whatever became of it; deleting its run
        does not undo that.
        """
        wanted = sa.select(sa.func.count()).where(
            openings.c.model == model, openings.c.dataset == dataset
        )
        with self._read() as connection:
            return connection.execute(wanted).scalar_one()

    def runs_of(self, kind: str, id: str) -> list[RunRow]:
        """Return every run of a model or dataset, newest first; a log has none of its own."""
        return self._runs(
            sa.select(runs).where(needs_input(kind, id)).order_by(runs.c.created.desc())
        )

    def open_runs(self) -> list[RunRow]:
        """Return the runs that somebody still has to work on, oldest first."""
        return self._runs(
            sa.select(runs).where(runs.c.status.in_(OPEN_STATUSES)).order_by(runs.c.created)
        )

    def stale_attempts(self, lease_seconds: float) -> list[RunRow]:
        """Return the running runs whose current attempt has not been heard of for the lease."""
        current = (attempts.c.run_id == runs.c.id) & (attempts.c.number == runs.c.attempt)
        late = attempts.c.heartbeat < utc_before(lease_seconds)
        running = runs.c.status == RunStatus.RUNNING
        return self._runs(sa.select(runs).join(attempts, current).where(running, late))

    def start_attempt(self, run_id: str, number: int, worker: str) -> bool:
        """Begin an attempt if it is the current one and the run is still queued."""
        moment = utc_now()
        with self._write() as connection:
            changed = connection.execute(
                _run(run_id, number, RunStatus.QUEUED).values(
                    status=RunStatus.RUNNING, started=moment
                )
            )
            if changed.rowcount != 1:
                return False
            connection.execute(
                attempts.insert().values(
                    run_id=run_id, number=number, worker=worker, started=moment, heartbeat=moment
                )
            )
            _remember_opening(connection, run_id, moment)
            return True

    def heartbeat(self, run_id: str, number: int) -> Pulse:
        """Renew the lease on an attempt, and hear whether anybody still wants it."""
        with self._write() as connection:
            row = connection.execute(
                sa.select(runs.c.status, runs.c.attempt).where(runs.c.id == run_id)
            ).first()
            if row is None or row.attempt != number:
                return "stale"
            if row.status != RunStatus.RUNNING:
                return "cancelled" if row.status == RunStatus.CANCELLED else "stale"
            connection.execute(_attempt(run_id, number).values(heartbeat=utc_now()))
            return "ok"

    def finish(
        self,
        run_id: str,
        number: int,
        result: str,
        seconds: float,
        *,
        objects: Sequence[KeptObject] = (),
    ) -> bool:
        """Record the stored result and the objects that it names; False if nobody wants it."""
        kept = [item.as_json() for item in objects] or None
        values = {"result": result, "seconds": seconds, "objects": kept}
        return self._end(run_id, number, RunStatus.FINISHED, "finished", **values)

    def fail(self, run_id: str, number: int, problem: dict[str, Any]) -> bool:
        """Record why the run failed; False if the attempt is no longer wanted."""
        return self._end(run_id, number, RunStatus.FAILED, "failed", error=problem)

    def lose_attempt(self, run_id: str, number: int, reason: str) -> RunRow | None:
        """Take a run from a worker that is gone; None if `number` is not current.

        The run goes back to the queue with the next number. Three attempts that died quarantine
        it; an attempt that was ``interrupted`` on purpose does not count.
        """
        with self._write() as connection:
            row = _find_run(connection, run_id)
            if row is None or row.attempt != number or not row.status.is_open:
                return None
            deaths = row.deaths + (reason != "interrupted")
            _end_attempt(connection, row, reason)
            if deaths < MAXIMUM_DEATHS:
                release_shards(connection, run_id, row.worker)
                _requeue(connection, row, deaths=deaths)
            else:
                forget_shards(connection, run_id)
                connection.execute(
                    _run(run_id, number, row.status).values(
                        status=RunStatus.FAILED,
                        finished=utc_now(),
                        error=lost_problem(deaths),
                        deaths=deaths,
                        quarantined=True,
                    )
                )
            return _require_run(connection, run_id)

    def cancel(self, run_id: str) -> RunRow:
        """Cancel an open run; cancelling twice is harmless.

        Raises
        ------
        UnknownRunError
        ConflictError
            If the run has finished or failed.
        """
        with self._write() as connection:
            row = _require_run(connection, run_id)
            if row.status is RunStatus.CANCELLED:
                return row
            if not row.status.is_open:
                raise ConflictError(
                    f"the run has already {row.status}, so it cannot be cancelled",
                    next_step="Delete it if nobody needs it.",
                    status=str(row.status),
                )
            connection.execute(
                _run(run_id, row.attempt, row.status).values(
                    status=RunStatus.CANCELLED, finished=utc_now()
                )
            )
            _end_attempt(connection, row, "cancelled")
            forget_shards(connection, run_id)
            return _require_run(connection, run_id)

    def reopen(self, run_id: str, *, model: InputRow, dataset: InputRow) -> RunRow | None:
        """Queue a finished run again because its stored result is lost; None if not finished.

        What is left of that result is noted, to be taken away.
        """
        with self._write() as connection:
            row = _find_run(connection, run_id)
            if row is None or row.status is not RunStatus.FINISHED:
                return None
            write_down(connection, row.named)
            _requeue(connection, row, deaths=0)
            _name_inputs(connection, run_id, model, dataset)
            return _require_run(connection, run_id)

    def delete_run(self, run_id: str) -> RunRow:
        """Forget a run and return what it was; whatever links led to it end for good.

        Raises
        ------
        UnknownRunError
        ConflictError
            While the run is open.
        """
        with self._write() as connection:
            row = _require_run(connection, run_id)
            if row.status.is_open:
                raise ConflictError(
                    f"the run is {row.status}, so it cannot be deleted",
                    next_step="Cancel it first.",
                    status=str(row.status),
                )
            forget_shards(connection, run_id)
            write_down(connection, forget_run(connection, run_id))
            return row

    # How the database is reached.

    def _runs(self, wanted: sa.Select[Any]) -> list[RunRow]:
        with self._read() as connection:
            return _with_attempts(connection, connection.execute(wanted).all())

    def _end(
        self, run_id: str, number: int, status: RunStatus, outcome: str, **values: Any
    ) -> bool:
        with self._write() as connection:
            changed = connection.execute(
                _run(run_id, number, RunStatus.RUNNING).values(
                    status=status, finished=utc_now(), **values
                )
            )
            if changed.rowcount != 1:
                return False
            _end_attempt(connection, _require_run(connection, run_id), outcome)
            forget_shards(connection, run_id)
            return True


def _run(run_id: str, number: int, status: RunStatus) -> sa.Update:
    return runs.update().where(
        runs.c.id == run_id, runs.c.attempt == number, runs.c.status == status
    )


def _remember_opening(connection: Connection, run_id: str, moment: str) -> None:
    """Write down that a plan opens split B, once a run."""
    row = connection.execute(
        sa.select(runs.c.kind, runs.c.request).where(runs.c.id == run_id)
    ).one()
    if row.kind not in ("plan", "heal") or row.request["params"].get("split") != "report":
        return
    known = sa.select(openings.c.run_id).where(openings.c.run_id == run_id)
    if connection.execute(known).first() is None:
        connection.execute(
            openings.insert().values(
                run_id=run_id,
                model=row.request["model"],
                dataset=row.request["dataset"],
                opened=moment,
            )
        )


def _attempt(run_id: str, number: int) -> sa.Update:
    return attempts.update().where(attempts.c.run_id == run_id, attempts.c.number == number)


def _find_run(connection: Connection, run_id: str) -> RunRow | None:
    found = connection.execute(sa.select(runs).where(runs.c.id == run_id)).all()
    return next(iter(_with_attempts(connection, found)), None)


def _require_run(connection: Connection, run_id: str) -> RunRow:
    row = _find_run(connection, run_id)
    if row is None:
        raise UnknownRunError(
            f"there is no run {run_id[:40]!r}", next_step="Look at /jobs for the runs there are."
        )
    return row


def _with_attempts(connection: Connection, rows: Sequence[sa.Row[Any]]) -> list[RunRow]:
    tries: dict[str, list[AttemptRow]] = defaultdict(list)
    wanted = sa.select(attempts).where(attempts.c.run_id.in_([row.id for row in rows]))
    for item in connection.execute(wanted.order_by(attempts.c.number)).mappings():
        values = dict(item)
        tries[values.pop("run_id")].append(AttemptRow(**values))
    return [run_row(row, tries[row.id]) for row in rows]


def _insert_run(
    connection: Connection, request: RunRequest, model: InputRow, dataset: InputRow, owner: str
) -> None:
    connection.execute(
        runs.insert().values(
            id=request.run_id,
            kind=request.kind,
            model_id=model.id,
            dataset_id=dataset.id,
            model_name=model.name,
            dataset_name=dataset.name,
            request=request.as_json(),
            status=RunStatus.QUEUED,
            attempt=1,
            created=utc_now(),
            owner=owner,
        )
    )


def _requeue(connection: Connection, row: RunRow, *, deaths: int) -> None:
    connection.execute(
        _run(row.id, row.attempt, row.status).values(
            status=RunStatus.QUEUED,
            attempt=row.attempt + 1,
            deaths=deaths,
            started=None,
            finished=None,
            error=None,
            result=None,
            objects=None,
            seconds=None,
            quarantined=False,
            imported=None,
        )
    )


def _insert_imported(
    connection: Connection,
    request: RunRequest,
    named: InputNames,
    *,
    result: str,
    imported: dict[str, Any],
) -> None:
    moment = utc_now()
    connection.execute(
        runs.insert().values(
            id=request.run_id,
            kind=request.kind,
            **asdict(named),
            request=request.as_json(),
            status=RunStatus.FINISHED,
            attempt=0,  # none was made here
            created=moment,
            finished=moment,
            result=result,
            imported=imported,
        )
    )


def _in_the_way(row: RunRow) -> ConflictError:
    what = "was imported before, with other numbers" if row.imported else f"is {row.status} here"
    return ConflictError(
        f"the run {row.id} {what}, and an import does not replace it",
        next_step="Compare the two with `linearscope verify`, or delete the one that is here.",
        run=row.id,
        run_status=str(row.status),
    )


def _name_inputs(connection: Connection, run_id: str, model: InputRow, dataset: InputRow) -> None:
    """Write under which ids the inputs are registered now: the fingerprints are still the same."""
    connection.execute(
        runs.update()
        .where(runs.c.id == run_id)
        .values(
            model_id=model.id,
            dataset_id=dataset.id,
            model_name=model.name,
            dataset_name=dataset.name,
        )
    )


def _end_attempt(connection: Connection, row: RunRow, outcome: str) -> None:
    open_one = _attempt(row.id, row.attempt).where(attempts.c.ended.is_(None))
    connection.execute(open_one.values(ended=utc_now(), outcome=outcome))


def _cursor(row: RunRow) -> str:
    return base64.urlsafe_b64encode(f"{row.created} {row.id}".encode()).decode()


def _read_cursor(text: str) -> sa.Tuple:
    try:
        created, id = base64.b64decode(text, b"-_", validate=True).decode().split(" ")
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterError(
            "cursor", wanted="the `next` of the page before", got=text
        ) from error
    return sa.tuple_(sa.literal(created), sa.literal(id))
