"""What depends on a model, dataset or log: what the question before a deletion has to show."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.dependencies import Services
from backend.log_sets import is_made_of
from backend.refusals import BuiltinProtectedError
from backend.registrations import find_input
from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.state import InputRow, RunRow
from linearity.adapters.state_removals import InputName, digests_in
from linearity.adapters.store_removals import object_size, part_size
from linearity.contracts.canonical import canonical_json

MOST_SHOWN = 20


@dataclass(frozen=True)
class Dependents:
    """An input with everything that was made from it."""

    row: InputRow
    datasets: tuple[InputRow, ...]
    """Made from a request log."""
    series: tuple[InputRow, ...]
    """Other revisions of the same model, which stay."""
    runs: tuple[RunRow, ...]

    @property
    def open_runs(self) -> list[RunRow]:
        """Runs that still need it."""
        return [run for run in self.runs if run.status.is_open]

    @property
    def own_runs(self) -> list[RunRow]:
        """Runs of the input itself, not of what was made from it."""
        return [run for run in self.runs if _is_of(self.row, run)]


def find_dependents(services: Services, kind: str, text: str) -> Dependents:
    """Return what depends on an input.

    Raises
    ------
    UnknownInputError, BuiltinProtectedError
    """
    row = find_input(services.state, kind, text)
    if row.source == "builtin":
        raise BuiltinProtectedError(f"{row.name} is built in and stays")
    others = services.state.list_inputs(kind)
    series = [other for other in others if row.series and other.series == row.series]
    made = services.state.list_inputs("dataset") if kind == "log" else []
    datasets = tuple(item for item in made if is_made_of(item, row.id))
    gone = [row, *datasets]
    runs = tuple(run for item in gone for run in services.state.runs_of(item.kind, item.id))
    return Dependents(
        row=row,
        datasets=datasets,
        series=tuple(other for other in series if other.id != row.id),
        runs=runs,
    )


def describe_dependents(services: Services, found: Dependents) -> dict[str, object]:
    """Return what the API tells about what depends on an input."""
    finished = [run for run in found.runs if run.result is not None]
    return {
        "id": found.row.id,
        "name": found.row.name,
        "owner": found.row.owner,
        "own_files": found.row.source in ("path", "hub"),
        "runs": {
            "open": len(found.open_runs),
            "finished": len(finished),
            "ended": len(found.runs) - len(found.open_runs) - len(finished),
            "items": [_run_view(run) for run in found.runs[:MOST_SHOWN]],
        },
        "shares": services.state.count_open_shares([run.id for run in found.runs]),
        "datasets": [{"id": item.id, "name": item.name} for item in found.datasets],
        "series": [{"id": item.id, "name": item.name} for item in found.series],
        "bytes": {
            "keep": freed_bytes(services, [found.row], []),
            "delete": freed_bytes(services, [found.row, *found.datasets], found.runs),
        },
    }


def freed_bytes(services: Services, rows: Sequence[InputRow], runs: Sequence[RunRow]) -> int:
    """Return how many bytes of the store go with these rows: those that nothing else names."""
    without = [InputName(row.kind, row.id) for row in rows], [run.id for run in runs]
    named = services.state.named_objects(without=[*without[0], *without[1]])
    own: set[str] = set()
    size = 0
    for row in rows:
        files = services.state.uploads_of(row.kind, row.id)
        own |= {file.sha256 for file in files if file.sha256}
        own |= digests_in(canonical_json(row.record).decode() if row.record else None)
        size += sum(part_size(services.store, file.id) for file in files if not file.sha256)
    for run in runs:
        size += FileCheckpoints(services.store.root, run.id).size()
        if run.result:
            own |= {*run.named, *services.results.spellings(run.result)}
    return size + sum(object_size(services.store, digest) for digest in own - named)


def _is_of(row: InputRow, run: RunRow) -> bool:
    if row.kind == "dataset":
        asked = run.request["params"].get("questions")
        named = (row.record or {}).get("fingerprint")
        return run.dataset_id == row.id or (named is not None and asked == named)
    return row.kind == "model" and run.model_id == row.id


def _run_view(run: RunRow) -> dict[str, object]:
    return {
        "id": run.id,
        "kind": run.kind,
        "status": run.status,
        "model": run.model_name,
        "dataset": run.dataset_name,
    }
