"""Inputs found by what they are: the registered or built-in one with a given fingerprint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from linearity.adapters.inputs import Log, prepare_dataset, prepare_model
from linearity.adapters.settings import Settings
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import (
    BUILTIN_DATASETS,
    BUILTIN_MODELS,
    DatasetRecord,
    ModelRecord,
)
from linearity.contracts.named_layout import NamedParts
from linearity.contracts.runs import InputState
from linearity.errors import InputChangedError, UnknownInputError

Named = Mapping[str, Any]
Record = TypeVar("Record", ModelRecord, DatasetRecord)


def find_model(
    named: Named,
    *,
    given: str | None,
    settings: Settings,
    store: ArtifactStore,
    log: Log,
    parts: NamedParts | None = None,
) -> ModelRecord:
    """Return the record of the model that a result names by its fingerprint.

    Parameters
    ----------
    named : mapping
        ``model`` of the result.
    given : str or None
        What the user says it is: a built-in name, hub id or folder.
    settings : Settings
        Which state database to look into; a machine may have none.
    store : ArtifactStore
    log : callable
    parts : NamedParts or None
        Where the blocks of `given` are, for a family without a reader.

    Raises
    ------
    UnknownInputError
        If it is not here.
    InputChangedError
        If `given` is another one.
    """

    def prepare(reference: str) -> ModelRecord:
        return prepare_model(reference, store=store, roots=None, log=log, parts=parts)

    if given is not None:
        return _same("model", named, prepare(given))
    row = _registered("model", named["fingerprint"], settings)
    if row is not None:
        return ModelRecord.from_json(row)
    return _builtin("model", named, BUILTIN_MODELS, prepare)


def find_dataset(
    named: Named, *, given: str | None, settings: Settings, store: ArtifactStore, log: Log
) -> DatasetRecord:
    """Return the record of the dataset that a result names; as `find_model`."""

    def prepare(reference: str) -> DatasetRecord:
        return prepare_dataset(reference, store=store, roots=None, log=log)

    if given is not None:
        return _same("dataset", named, prepare(given))
    row = _registered("dataset", named["fingerprint"], settings)
    if row is not None:
        return DatasetRecord.from_json(row)
    return _builtin("dataset", named, BUILTIN_DATASETS, prepare)


def _registered(kind: str, fingerprint: str, settings: Settings) -> dict[str, Any] | None:
    """Return the record of a registered input; None where there is none, or no database at all."""
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    if not file.is_file():
        return None  # opening it would make it
    try:
        from linearity.adapters.state import State
    except ModuleNotFoundError:
        return None
    state = State(settings.database_url)
    try:
        rows = [row for row in state.list_inputs(kind) if row.state is InputState.READY]
    finally:
        state.close()
    records = [row.record for row in rows if row.record is not None]
    return next((item for item in records if item.get("fingerprint") == fingerprint), None)


def _builtin(
    kind: str, named: Named, builtin: Mapping[str, str], prepare: Callable[[str], Record]
) -> Record:
    if named.get("id") in builtin:
        return _same(kind, named, prepare(named["id"]))
    raise UnknownInputError(
        f"no {kind} with the fingerprint {named['fingerprint'][:12]} is registered here "
        f"(the result calls it {str(named.get('name'))[:80]})",
        next_step=f"Name it with --{kind}, or register it with `linearscope {kind}s add`.",
        fingerprint=named["fingerprint"],
    )


def _same(kind: str, named: Named, found: Record) -> Record:
    if found.fingerprint == named["fingerprint"]:
        return found
    raise InputChangedError(
        f"the {kind} {found.name} has the fingerprint {found.fingerprint[:12]}, the result was "
        f"computed on one with {named['fingerprint'][:12]}",
        next_step=f"Name the one that the result was computed on with --{kind}; other files, "
        "another version or another reading of the same files give another fingerprint.",
        wanted=named["fingerprint"],
        found=found.fingerprint,
    )
