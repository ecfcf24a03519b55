"""Request logs: from a file to a registered log, decided here and worked out by a worker.

A log waits in the state `receiving` until its owner has confirmed on the preview which column
holds what; then a worker reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backend.dependencies import Services
from backend.inspections import ask_for_inspection
from backend.preview_places import preview_place
from backend.refusals import NotReadyError
from backend.registrations import find_input, parse_name
from backend.strict_json import check_fields
from backend.visitors import Visitor
from linearity.adapters.logs import preview
from linearity.adapters.naming import InputName
from linearity.adapters.readers.encodings import known_encoding
from linearity.adapters.state import InputRow
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json, digest
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.logs import LOG_FORMATS, LogRecord, parse_log_options
from linearity.contracts.model_files import TOKENIZER
from linearity.contracts.parameters import choice, only_known
from linearity.contracts.runs import InputState
from linearity.errors import ConflictError, InvalidParameterError, UnknownInputError

PREVIEW_CHOICES = ["format", "encoding", "delimiter"]


def register_log(body: Mapping[str, Json], services: Services, visitor: Visitor) -> InputRow:
    """Register a log that lies on this machine; it waits to be confirmed."""
    check_fields(body, required={"source": str, "path": str}, optional={})
    choice("source", body["source"], ("path",))
    name = parse_name("log", body, roots=services.settings.model_roots)
    row = _add(name, services, visitor)
    if row.state is InputState.RECEIVING and row.owner != visitor.name:
        # Only its owner may confirm that one.
        row = _add(replace(name, id=f"{name.id}-{digest(visitor.name)[:8]}"), services, visitor)
    return row


def _add(name: InputName, services: Services, visitor: Visitor) -> InputRow:
    row, _ = services.state.add_input(
        "log",
        id=name.id,
        name=name.name,
        source=name.source,
        reference=name.reference,
        intake=Intake(owner=visitor.name, receiving=True),
    )
    return row


def preview_log(id: str, asked: Mapping[str, str], services: Services) -> dict[str, Json]:
    """Return the first rows of a log that is not read yet, and how it seems to be laid out."""
    row = find_input(services.state, "log", id)
    only_known(asked, PREVIEW_CHOICES)
    known: dict[str, Json] = {name: value for name, value in asked.items() if value}
    if "format" in known:
        choice("format", known["format"], LOG_FORMATS)
    if "encoding" in known:
        known["encoding"] = known_encoding(str(known["encoding"]))
    located = _with_file(row, services)
    with preview_place():
        return preview(located, known, roots=_roots(services), store=services.store)


def confirm_log(id: str, body: Mapping[str, Json], services: Services) -> InputRow:
    """Let a worker read a log as `body` says."""
    check_fields(body, required={"options": dict}, optional={})
    row = find_input(services.state, "log", id)
    given = body["options"]
    assert isinstance(given, Mapping)
    read = parse_log_options(given)
    known_encoding(read.encoding)
    options: dict[str, Json] = {"read": read.as_json()}
    options["tokenizer"] = _tokenizer(read.tokenizer, services)
    if row.source == "upload":
        options["file"] = _uploaded(row, services)
    services.live.ping()  # nothing is promised that nobody could start
    fresh = services.state.input_received("log", row.id, options) or _again(row, options, services)
    if fresh is None:
        raise ConflictError(
            f"the log {row.name} is {row.state}, so it cannot be confirmed again",
            next_step="Delete it and register the file once more to read it another way.",
            state=row.state,
        )
    ask_for_inspection(fresh, services.queue, services.live)
    return fresh


def require_log(id: str, services: Services) -> LogRecord:
    """Return the record of a log that has been read.

    Raises
    ------
    UnknownInputError, NotReadyError
    """
    row = find_input(services.state, "log", id)
    if row.state is not InputState.READY or row.record is None:
        raise NotReadyError(
            f"the log {row.name} is {row.state}",
            next_step="Wait until it is read, or look at its problem.",
            state=row.state,
        )
    return LogRecord.from_json(row.record)


def _again(row: InputRow, options: dict[str, Json], services: Services) -> InputRow | None:
    """Read a rejected log another way."""
    if row.state is not InputState.REJECTED:
        return None
    services.state.add_input(
        "log",
        id=row.id,
        name=row.name,
        source=row.source,
        reference=row.reference,
        intake=Intake(owner=row.owner, receiving=True),
    )
    return services.state.input_received("log", row.id, options)


def _with_file(row: InputRow, services: Services) -> InputRow:
    """Return the row as `linearity.adapters.logs` wants it: an uploaded file named by digest."""
    if row.source != "upload":
        return row
    return replace(row, options={"file": _uploaded(row, services)})


def _uploaded(row: InputRow, services: Services) -> str:
    files = services.state.uploads_of("log", row.id)
    if len(files) != 1:
        raise InvalidParameterError("files", wanted="one file for a log", got=len(files))
    if files[0].sha256 is None:
        raise NotReadyError(
            f"{files[0].name} is still being received",
            next_step="Wait until the upload is complete.",
            state=row.state,
        )
    return files[0].sha256


def _tokenizer(model: str | None, services: Services) -> Json:
    if model is None:
        return None
    row = find_input(services.state, "model", model)
    if row.record is None:
        raise NotReadyError(
            f"the model {row.name} is {row.state}", next_step="Wait until it is ready."
        )
    files = ModelRecord.from_json(row.record).files
    for file in files:
        if file.name == TOKENIZER:
            return {"sha256": file.sha256, "path": file.path}
    raise UnknownInputError(
        f"the model {row.name} has no {TOKENIZER}",
        next_step="Choose another model, or estimate tokens from characters.",
    )


def _roots(services: Services) -> Sequence[Path]:
    return services.settings.model_roots
