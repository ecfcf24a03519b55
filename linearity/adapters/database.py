"""How the state database is opened and reached, and the values that its rows become."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url

from linearity.adapters.tables import metadata
from linearity.contracts.runs import InputState, RunStatus
from linearity.errors import ConflictError

TABLES_VERSION = 4
BUSY_SECONDS = 10
MAXIMUM_DEATHS = 3
OPEN_STATUSES = (RunStatus.QUEUED, RunStatus.RUNNING)

Pulse = Literal["ok", "cancelled", "stale"]


@dataclass(frozen=True)
class InputRow:
    """A registered model or dataset; `record` is there once it is ready, `problem` if rejected."""

    kind: str
    id: str
    name: str
    source: str
    reference: str
    state: InputState
    record: dict[str, Any] | None
    problem: dict[str, Any] | None
    created: str
    attempt: int
    deaths: int = 0
    worker: str | None = None
    heartbeat: str | None = None
    options: dict[str, Any] | None = None
    owner: str = "local"
    series: str | None = None


@dataclass(frozen=True)
class AttemptRow:
    """One start of a run."""

    number: int
    worker: str | None
    started: str
    heartbeat: str
    ended: str | None
    outcome: str | None


@dataclass(frozen=True)
class RunRow:
    """A run with its attempts; `attempt` is the number of the current or next one."""

    id: str
    kind: str
    model_id: str
    dataset_id: str
    model_name: str
    dataset_name: str
    request: dict[str, Any]
    status: RunStatus
    attempt: int
    deaths: int
    created: str
    started: str | None
    finished: str | None
    error: dict[str, Any] | None
    result: str | None
    seconds: float | None
    quarantined: bool
    owner: str = "local"
    imported: dict[str, Any] | None = None
    objects: list[dict[str, Any]] | None = None
    attempts: tuple[AttemptRow, ...] = field(default=())

    @property
    def named(self) -> set[str]:
        """The stored objects that it names: its result, and what that keeps beside itself."""
        kept = {str(item["sha256"]) for item in self.objects or ()}
        return kept | ({self.result} if self.result else set())

    @property
    def heartbeat(self) -> str | None:
        """The last sign of life of the current attempt, None before it starts."""
        return None if self._current is None else self._current.heartbeat

    @property
    def worker(self) -> str | None:
        """Who works on the current attempt, None before it starts."""
        return None if self._current is None else self._current.worker

    @property
    def _current(self) -> AttemptRow | None:
        return next((item for item in self.attempts if item.number == self.attempt), None)


class Transactions:
    """Short read and write transactions on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with (
            self._engine.connect().execution_options(write=True) as connection,
            connection.begin(),
        ):
            yield connection


def open_engine(url: str) -> Engine:
    """Return an engine on the state database, its tables made, safe for many processes.

    Raises
    ------
    ConflictError
        If it cannot be written, or a newer version of this program wrote it.
    """
    file = make_url(url).database or ":memory:"
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        pool_size=8,
        max_overflow=56,
        hide_parameters=True,  # errors end in logs, and parameters hold texts of users
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    try:
        if file != ":memory:":
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            _make_tables(connection)
    except (sa.exc.OperationalError, OSError) as error:
        reason = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
        raise ConflictError(
            f"the state database {file} cannot be written: {reason}",
            next_step="Give its folder to the user that runs LinearScope, or name another one "
            "with LINEARSCOPE_DATA.",
        ) from error
    return engine


def input_row(row: sa.Row[Any]) -> InputRow:
    """Return the value of a row of `inputs`."""
    values = dict(row._mapping)
    return InputRow(**(values | {"state": InputState(values["state"])}))


def run_row(row: sa.Row[Any], tries: list[AttemptRow]) -> RunRow:
    """Return the value of a row of `runs` with its attempts."""
    values = dict(row._mapping)
    return RunRow(**(values | {"status": RunStatus(values["status"])}), attempts=tuple(tries))


def lost_problem(deaths: int) -> dict[str, Any]:
    """Return the problem of something whose workers died, as an error's `as_json`."""
    return {
        "code": "worker_lost",
        "message": f"the worker process died {deaths} times while working on this",
        "next_step": "Look at the worker's log and at the memory of the machine; "
        "then start it again with force.",
        "retryable": False,
        "data": {"deaths": deaths},
    }


def _prepare_connection(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # deleting means deleting, in the file too
    cursor.close()


def _begin(connection: Connection) -> None:
    # sqlite3's own implicit BEGIN comes too late and asks for the write lock even later; a writer
    # takes it at once, so that what it read cannot change before it writes.
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _make_tables(connection: Connection) -> None:
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > TABLES_VERSION:
        raise ConflictError(
            "the data folder was written by a newer version of LinearScope",
            next_step="Install that version, or set LINEARSCOPE_DATA to another folder.",
            found=version,
            supported=TABLES_VERSION,
        )
    metadata.create_all(connection)
    _add_columns(connection)
    connection.exec_driver_sql(f"PRAGMA user_version={TABLES_VERSION}")


def _add_columns(connection: Connection) -> None:
    """Bring tables of an older version up to date; `create_all` only makes whole tables."""
    for table in metadata.sorted_tables:
        known = {row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table.name})")}
        for column in table.c:
            if column.name not in known:
                text = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {text}")
