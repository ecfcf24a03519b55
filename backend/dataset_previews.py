"""Looking at a dataset before it is used, and confirming how it is to be read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.dependencies import Services
from backend.inspections import ask_for_inspection
from backend.preview_places import preview_place
from backend.refusals import NotReadyError
from backend.registrations import find_input
from backend.strict_json import check_fields
from linearity.adapters.dataset_intake import dataset_files, preview_files, uploaded_files
from linearity.adapters.hub_datasets import first_rows
from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.state import InputRow
from linearity.contracts.canonical import Json
from linearity.contracts.reading import HubDataset, ReadingOptions
from linearity.contracts.runs import InputState
from linearity.errors import ConflictError, InvalidRequestError


def preview_dataset(row: InputRow, body: Mapping[str, Json], services: Services) -> dict[str, Any]:
    """Return what the dataset would be with the options in `body`.

    Raises
    ------
    NotReadyError
        While its files are being received.
    """
    check_fields(body, required={}, optional={"options": dict, "model": str})
    options = ReadingOptions.from_json(body.get("options") or row.options or {})
    model = body.get("model")
    with preview_place():
        files = _files(row, services)
        facts = preview_files(
            files, options, tokenizer=_tokenizer(str(model), services) if model else None
        )
    return {"id": row.id, "name": row.name, "state": row.state, "model": model} | facts


def confirm_dataset(row: InputRow, body: Mapping[str, Json], services: Services) -> InputRow:
    """Let the inspection of a received dataset begin, read as `body` says.

    Raises
    ------
    ConflictError
        If it is not being received any more.
    NotReadyError
        While its files are still on their way.
    """
    check_fields(body, required={}, optional={"options": dict})
    options = ReadingOptions.from_json(body.get("options") or {})
    if row.state is InputState.RECEIVING and row.source == "upload":
        _files(row, services)
    services.live.ping()  # nothing is promised that nobody could start
    begun = services.state.input_received("dataset", row.id, options.as_json())
    if begun is None:
        raise ConflictError(
            f"the dataset {row.name} is {row.state} already",
            next_step="To read it in another way, remove it and add it again.",
        )
    ask_for_inspection(begun, services.queue, services.live)
    return begun


def _files(row: InputRow, services: Services) -> list[InputFile]:
    if row.source == "upload":
        uploads = services.state.uploads_of("dataset", row.id)
        if missing := [upload.name for upload in uploads if upload.sha256 is None]:
            raise NotReadyError(
                f"{missing[0]} has not been received as a whole",
                next_step="Wait until every file is sent.",
                missing=missing[:20],
            )
        if uploads:
            return uploaded_files(uploads, services.store)
    if row.source == "hub":
        return [first_rows(HubDataset.from_reference(row.reference), services.store).file]
    if row.source == "path":
        return dataset_files(row.reference, roots=services.settings.model_roots)
    raise InvalidRequestError(
        f"the dataset {row.name} has no files to look into",
        next_step="Only uploads, local files and datasets of the hub have a preview.",
    )


def _tokenizer(text: str, services: Services) -> Path:
    row = find_input(services.state, "model", text)
    for file in (row.record or {}).get("files", []):
        if file["name"] == "tokenizer.json":
            return Path(file["path"]) if file["path"] else services.store.path(file["sha256"])
    raise NotReadyError(
        f"the tokenizer of {row.name} is not known yet",
        next_step="Wait until the model is ready, or choose another one.",
    )
