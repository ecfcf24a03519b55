"""``linearscope logs add``, ``show`` and ``list``: request logs from a terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.log_views import totals_view
from linearity.adapters.logs import prepare_log, preview
from linearity.adapters.naming import name_path
from linearity.adapters.settings import Settings
from linearity.adapters.state import InputRow, State
from linearity.adapters.state_inputs import Intake
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import strict_loads
from linearity.contracts.logs import COLUMN_NAMES, LogRecord, parse_log_options
from linearity.contracts.runs import InputState
from linearity.errors import InvalidParameterError, LinearScopeError, UnknownInputError

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default LINEARSCOPE_DATA or ./data.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="WHAT=COLUMN", help=f"WHAT: {', '.join(COLUMN_NAMES)}."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPTION=VALUE", help="encoding, latency_unit, currency, ..."),
]
WHOLE = ("offset_minutes",)


@dataclass(frozen=True)
class _Place:
    """Where logs are registered."""

    state: State
    store: ArtifactStore


def install(
    app: typer.Typer,
    settings_of: Callable[[Path | None], Settings],
    sentences: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the commands to `app`; `sentences` turns errors into words and a status."""
    logs = typer.Typer(help="Request logs: list, add, show.", no_args_is_help=True)
    app.add_typer(logs, name="logs")

    @logs.command("add")
    def add(
        path: Path, map: MapOption = None, set: SetOption = None, data: DataOption = None
    ) -> None:
        """Read a request log; columns are found by their usual names, or named with --map."""
        with sentences(), _open(settings_of(data)) as place:
            row = add_log(place.state, place.store, path, _pairs(map or []), _pairs(set or []))
            _print(row, place.store)

    @logs.command("show")
    def show(name: str, data: DataOption = None) -> None:
        """Say where requests, tokens, time and money of a log go."""
        with sentences(), _open(settings_of(data)) as place:
            row = place.state.find_input("log", name)
            if row is None:
                raise UnknownInputError(f"there is no log {name!r}; see `linearscope logs list`")
            _print(row, place.store)

    @logs.command("list")
    def list_logs(data: DataOption = None) -> None:
        """List the registered request logs."""
        with sentences(), _open(settings_of(data)) as place:
            for row in place.state.list_inputs("log"):
                typer.echo(f"{row.id:<24}  {row.state:<10}  {row.source:<8}  {row.name}")


def add_log(
    state: State,
    store: ArtifactStore,
    path: Path,
    columns: Mapping[str, str],
    options: Mapping[str, str],
) -> InputRow:
    """Register and read a log in this process; whoever types this may read the file anyway."""
    named = name_path(str(path))
    row, _ = state.add_input("log", **asdict(named), intake=Intake(receiving=True))
    if row.state is InputState.READY:
        return row
    proposed: Any = preview(row, {}, roots=None, store=store)["options"]
    chosen = {name: int(text) if name in WHOLE else text for name, text in options.items()}
    read = parse_log_options(proposed | chosen | {"columns": proposed["columns"] | columns})
    row = state.input_received("log", row.id, {"read": read.as_json()}) or row
    try:
        record = prepare_log(row, roots=None, store=store, log=lambda _: None)
    except LinearScopeError as error:
        state.input_rejected("log", row.id, error.as_json())
        raise
    state.input_ready("log", row.id, record.as_json())
    return state.get_input("log", row.id) or row


def _print(row: InputRow, store: ArtifactStore) -> None:
    if row.record is None:
        problem = (row.problem or {}).get("message", "")
        typer.echo(f"{row.name}: {row.state} {problem}".strip())
        return
    record = LogRecord.from_json(row.record)
    summary: Any = strict_loads(store.get(record.summary))
    view = totals_view(row, summary)
    typer.echo(
        f"{row.name} ({row.id}): {record.requests:,} requests, {record.skipped:,} rows skipped"
    )
    typer.echo(view["finding"]["text"]["en"])
    for line in _table(view):
        typer.echo(line)


def _table(view: Mapping[str, Any]) -> Iterator[str]:
    measures = view["measures"]
    yield "  ".join([f"{'route':<24}", *(f"{name:>22}" for name in measures)])
    for route in sorted(view["routes"], key=lambda row: -row[view["finding"]["measure"]]):
        cells = [f"{_amount(name, route[name])} ({route['shares'][name]:.1%})" for name in measures]
        name = route["route"] or "(no route)"
        yield "  ".join([f"{name:<24}", *(f"{cell:>22}" for cell in cells)])


def _amount(measure: str, value: float) -> str:
    if measure == "time":
        return f"{value:,.1f} s"
    return f"{value:,.4f}" if measure == "cost" else f"{value:,}"


def _pairs(items: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise InvalidParameterError("option", wanted="NAME=VALUE", got=item)
        pairs[name] = value
    return pairs


@contextmanager
def _open(settings: Settings) -> Iterator[_Place]:
    state = State(settings.database_url)
    try:
        yield _Place(state, ArtifactStore(settings.store))
    finally:
        state.close()
