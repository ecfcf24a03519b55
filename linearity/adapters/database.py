"""Tables of the state database, the values their rows become, and how SQLite is opened."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url

from linearity.contracts.runs import InputState, RunStatus
from linearity.errors import ConflictError

TABLES_VERSION = 1
BUSY_SECONDS = 10

metadata = sa.MetaData()

inputs = sa.Table(
    "inputs",
    metadata,
    sa.Column("kind", sa.String, primary_key=True),  # "model" or "dataset"
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("reference", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("record", sa.JSON(none_as_null=True)),
    sa.Column("problem", sa.JSON(none_as_null=True)),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("worker", sa.String),  # set while somebody inspects it
    sa.Column("heartbeat", sa.String),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("model_id", sa.String, nullable=False, index=True),
    sa.Column("dataset_id", sa.String, nullable=False, index=True),
    sa.Column("model_name", sa.String, nullable=False),
    sa.Column("dataset_name", sa.String, nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created", sa.String, nullable=False, index=True),
    sa.Column("started", sa.String),
    sa.Column("finished", sa.String),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("result", sa.String),
    sa.Column("seconds", sa.Float),
    sa.Column("quarantined", sa.Boolean, nullable=False, server_default=sa.false()),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String),
    sa.Column("started", sa.String, nullable=False),
    sa.Column("heartbeat", sa.String, nullable=False),
    sa.Column("ended", sa.String),
    sa.Column("outcome", sa.String),
)

openings = sa.Table(
    "openings",
    metadata,
    # No foreign key: an opening of split B stays, whatever becomes of its run.
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("model", sa.String, nullable=False, index=True),
    sa.Column("dataset", sa.String, nullable=False),
    sa.Column("opened", sa.String, nullable=False),
)


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
    attempts: tuple[AttemptRow, ...] = field(default=())

    @property
    def heartbeat(self) -> str | None:
        """The last sign of life of the current attempt, None before it starts."""
        current = [item for item in self.attempts if item.number == self.attempt]
        return current[0].heartbeat if current else None


def open_engine(url: str) -> Engine:
    """Return an engine on the state database, its tables made, safe for many processes.

    Raises
    ------
    ConflictError
        If a newer version of this program wrote the database.
    """
    file = make_url(url).database
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        pool_size=8,
        max_overflow=56,
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        _make_tables(connection)
    return engine


def input_row(row: sa.Row[Any]) -> InputRow:
    """Return the value of a row of `inputs`."""
    values = dict(row._mapping)
    return InputRow(**(values | {"state": InputState(values["state"])}))


def run_row(row: sa.Row[Any], tries: list[AttemptRow]) -> RunRow:
    """Return the value of a row of `runs` with its attempts."""
    values = dict(row._mapping)
    return RunRow(**(values | {"status": RunStatus(values["status"])}), attempts=tuple(tries))


def _prepare_connection(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
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
    connection.exec_driver_sql(f"PRAGMA user_version={TABLES_VERSION}")
