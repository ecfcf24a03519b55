"""An export becomes a registered model: its files are in the store already, so none is copied."""

from collections.abc import Mapping

from backend.archives import kept_files
from backend.dependencies import Services
from backend.inspections import ask_for_inspection
from backend.refusals import RunNotFinishedError, RunNotFoundError
from backend.strict_json import check_fields
from backend.visitors import Visitor
from linearity.adapters.naming import safe_id
from linearity.adapters.state import InputRow
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json

SOURCE = "run"


def is_export(body: Mapping[str, Json]) -> bool:
    """Whether a body names an export rather than files."""
    return body.get("source") == SOURCE


def register_export(body: Mapping[str, Json], services: Services, visitor: Visitor) -> InputRow:
    """Register the folder that an `export` run made; a second time finds the first.

    Raises
    ------
    RunNotFoundError, RunNotFinishedError, InvalidParameterError, FilesNotHereError
    """
    check_fields(body, required={"source": str, "run": str}, optional={})
    run = services.state.get_run(str(body["run"]))
    if run is None:
        raise RunNotFoundError(str(body["run"]))
    if run.result is None:
        raise RunNotFinishedError(
            f"the run is {run.status}, so it has no files",
            next_step="Wait for it, or start it again.",
            run_status=str(run.status),
        )
    result = services.results.parsed(run.result)
    kept_files(run, result, services.store)
    name = str(result["delivery"]["name"])
    services.live.ping()  # nothing is promised that nobody could start
    row, is_new = services.state.add_input(
        "model",
        id=safe_id(name, run.id),
        name=name,
        source=SOURCE,
        reference=run.id,
        intake=Intake(owner=visitor.name),
    )
    if is_new:
        ask_for_inspection(row, services.queue, services.live)
    return row
