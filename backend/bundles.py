"""Bundles of runs, out and in: the decisions, without HTTP."""

from collections.abc import Mapping
from typing import Any

from backend.catalogue import LANGUAGES
from backend.exports import to_csv
from backend.snapshot import snapshot
from backend.version import read_version
from linearity.adapters.bundles import Bundle, read_bundle, write_bundle
from linearity.adapters.clock import utc_now
from linearity.adapters.state import RunRow, State
from linearity.adapters.state_runs import InputNames
from linearity.adapters.store import ArtifactStore
from linearity.contracts.results import request_of
from linearity.contracts.runs import InputState
from linearity.errors import ConflictError, InvalidBundleError, LinearScopeError

_CANNOT_BE_SHOWN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def export_run(row: RunRow, result: Mapping[str, Any], data: bytes, *, texts: bool) -> bytes:
    """Return the bundle of a finished run; `data` is its stored result.

    An imported run is passed on with the version that wrote it, not as one of this server's.

    Raises
    ------
    InvalidParameterError
        If texts cannot be left out.
    """
    software = row.imported["software"] if row.imported else read_version()
    return write_bundle(result, data, texts=texts, software=software)


def bundle_name(row: RunRow) -> str:
    """Return the name of the file."""
    return f"{row.kind}-{row.id}.zip"


def import_bundle(
    data: bytes, *, state: State, store: ArtifactStore, owner: str
) -> tuple[RunRow, bool]:
    """Take in a run; return it and whether it is new here.

    Raises
    ------
    InvalidBundleError, OtherVersionError
        If it cannot be trusted to be what it says, or cannot be shown.
    ConflictError
        If there is a run with its id already.
    """
    bundle = read_bundle(data)
    check_can_be_shown(bundle.result)
    result = bundle.result
    names = InputNames(
        **_named(state, "model", result["model"]),
        **_named(state, "dataset", result["dataset"]),
        owner=owner,
    )
    sha256 = store.put(bundle.data)
    try:
        submission = state.import_run(
            request_of(result), names, result=sha256, imported=_origin(bundle, owner)
        )
    except ConflictError:
        state.add_removals([sha256])  # unless a run names it
        raise
    return submission.run, submission.outcome == "new"


def check_can_be_shown(result: Mapping[str, Any]) -> None:
    """Refuse a result whose parts do not fit together, before any page stumbles over it.

    Raises
    ------
    InvalidBundleError
    """
    try:
        for language in LANGUAGES:
            snapshot(result, {"lang": language})
        to_csv(result)
    except (*_CANNOT_BE_SHOWN, LinearScopeError) as error:
        raise InvalidBundleError(
            "result.json: its parts do not fit together",
            next_step="Export the run again, and leave the file as it is.",
            reason="bad_result",
        ) from error


def _named(state: State, kind: str, named: Mapping[str, Any]) -> dict[str, str]:
    """Return id and name of an input: the registered one of this fingerprint, else nobody's id."""
    rows = [row for row in state.list_inputs(kind) if row.state is InputState.READY and row.record]
    fingerprint = named["fingerprint"]
    same = next((r for r in rows if r.record and r.record["fingerprint"] == fingerprint), None)
    # An id with a colon can never be that of a registered input, whatever theirs was called.
    id = same.id if same else f"sha256:{fingerprint[:16]}"
    return {f"{kind}_id": id, f"{kind}_name": same.name if same else named["name"]}


def _origin(bundle: Bundle, owner: str) -> dict[str, Any]:
    environment, model = bundle.result["environment"], bundle.result["model"]
    return {
        "when": utc_now(),
        "by": owner,
        "software": bundle.software,
        "computed": bundle.result["created"],
        "texts": bundle.texts,
        "device": str(environment.get("device", ""))[:40],
        "blocks": model.get("blocks"),
        "width": model.get("width"),
    }
