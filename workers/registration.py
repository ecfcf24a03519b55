"""Inspecting a model, dataset or request log: from its reference to its record."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from linearity.adapters.inputs import prepare_model
from linearity.adapters.log_datasets import prepare_set
from linearity.adapters.logs import prepare_log
from linearity.adapters.model_intake import received_model
from linearity.adapters.naming import InputName, name_hub_dataset, name_input, named_apart
from linearity.adapters.state import InputRow, State, UploadRow
from linearity.adapters.state_inputs import Intake
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import digest
from linearity.contracts.inputs import ModelRecord, StoredFile
from linearity.contracts.model_files import is_kept_file
from linearity.contracts.named_layout import NamedParts, parse_parts
from linearity.contracts.reading import HubDataset, ReadingOptions
from linearity.contracts.runs import InputState
from linearity.contracts.templates import may_render
from linearity.errors import LinearScopeError, UnknownInputError
from workers.datasets import inspect_dataset
from workers.heart import Heart


@dataclass(frozen=True)
class Exported:
    """What an `export` run made: its files, and what holds of them because of the dense model."""

    files: list[StoredFile]
    licence: str | None
    renders: bool


def inspect(
    row: InputRow,
    *,
    roots: Sequence[Path] | None,
    store: ArtifactStore,
    log: Callable[[str], None],
    uploads: Sequence[UploadRow] = (),
    exported: Exported | None = None,
) -> dict[str, Any]:
    """Return the record of an input as JSON values; bytes that runs need are in the store after.

    `roots` are the folders that local files may lie in; None allows any. `uploads` are the files
    of an input that came by upload, `exported` what a run made that is registered as a model.

    Raises
    ------
    LinearScopeError
        If it cannot be used.
    """
    if row.kind == "log":
        return dict(prepare_log(row, roots=roots, store=store, log=log).as_json())
    # The registered id and name lead: links, lists and results name the input the same way.
    if row.kind == "model" and row.source in ("upload", "run"):
        named = InputName(row.id, row.name, row.source, row.reference)
        files = stored_files(uploads) if exported is None else exported.files
        received = received_model(named, files, store=store, log=log)
        if exported is not None:
            told = {"template_allowed": exported.renders, "licence": exported.licence}
            received = replace(received, **told)  # type: ignore[arg-type]  # of these fields
        return dict(received.as_json())
    if row.kind == "model":
        parts = parse_parts(row.options or {})
        model = prepare_model(row.reference, store=store, roots=roots, log=log, parts=parts)
        return dict(replace(model, id=row.id, name=row.name).as_json())
    if row.source == "log":
        return dict(prepare_set(row, store=store, log=log).as_json())
    dataset = inspect_dataset(row, uploads, roots=roots, store=store, log=log)
    return dict(replace(dataset, id=row.id, name=row.name).as_json())


def exported_model(run_id: str, state: State, store: ArtifactStore) -> Exported:
    """Return the model that a run exported.

    Raises
    ------
    UnknownInputError
        If the run is gone.
    CorruptObjectError
        If its result is damaged.
    """
    run = state.get_run(run_id)
    if run is None or run.result is None:
        raise UnknownInputError(
            "the export is no longer here", next_step="Export the plan again, then register it."
        )
    result = json.loads(store.get(run.result))
    files = [StoredFile(f["name"], f["sha256"], f["bytes"]) for f in result["files"]]
    dense = state.get_input("model", run.model_id)
    same = dense is not None and (dense.record or {}).get("fingerprint") == run.request["model"]
    renders = same and may_render(ModelRecord.from_json(dict(dense.record)))  # type: ignore[union-attr,arg-type]
    kept = [file for file in files if is_kept_file(file.name)]
    return Exported(kept, licence=result["delivery"]["licence"], renders=renders)


def stored_files(uploads: Sequence[UploadRow]) -> list[StoredFile]:
    """Return uploaded files as objects of the store."""
    return [
        StoredFile(upload.name, upload.sha256, upload.size) for upload in uploads if upload.sha256
    ]


def register_here(
    kind: str,
    text: str,
    *,
    state: State,
    store: ArtifactStore,
    log: Callable[[str], None],
    options: ReadingOptions | NamedParts | None = None,
) -> InputRow:
    """Register an input in this process, without a queue, and return its final row.

    `options` say how a dataset is read, or where the blocks of a model are.

    Raises
    ------
    LinearScopeError
        If it cannot be used; the row is then rejected with the same words.
    """
    named = _named(kind, text)
    reading = {} if options is None else options.as_json()
    if isinstance(options, NamedParts):
        named = named_apart(named, options)
    elif reading:  # the same files read in another way are another dataset
        named = replace(named, id=f"{named.id}-{digest(reading)[:8]}")
    # A server that runs beside this leaves the row to whom it belongs.
    worker = f"terminal-{os.getpid()}"
    intake = Intake(options=reading or None, worker=worker)
    row, is_new = state.add_input(kind, **asdict(named), intake=intake)
    if row.state is InputState.RECEIVING and (
        begun := state.input_received(kind, row.id, reading, worker=worker)
    ):
        row, is_new = begun, True  # somebody had only looked at it
    if is_new:
        try:
            with Heart(lambda: state.input_heartbeat(kind, row.id, row.attempt)):
                # Whoever types this command may read these files anyway.
                record = inspect(row, roots=None, store=store, log=log)
        except LinearScopeError as error:
            state.input_rejected(kind, row.id, error.as_json(), number=row.attempt)
            raise
        state.input_ready(kind, row.id, record, number=row.attempt)
    return state.get_input(kind, row.id) or row


def _named(kind: str, text: str) -> InputName:
    """Return the registration of a name, a path, or ``hub:`` and a dataset of the hub."""
    if kind == "dataset" and text.startswith("hub:"):
        return name_hub_dataset(HubDataset.from_reference(text.removeprefix("hub:")))
    return name_input(kind, text)
