"""Models from a folder, from what was uploaded, and those that are built in: files to record."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from linearity.adapters.beside import is_copied
from linearity.adapters.builtin_models import builtin_licence, builtin_version, convert_builtin
from linearity.adapters.given_files import TEMPLATE, GivenFile
from linearity.adapters.model_folder import Log, ModelFolder
from linearity.adapters.model_inspection import OfferedModel, inspect_model, model_fingerprint
from linearity.adapters.naming import InputName, name_input
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord, StoredFile
from linearity.contracts.model_files import is_fetched_file, is_side_file
from linearity.contracts.named_layout import NamedParts
from linearity.errors import UnknownInputError

MOST_ENTRIES = 10_000
"""Of a folder that are looked at."""


def offered_files(folder: Path, parts: NamedParts | None = None) -> OfferedModel:
    """Return the files of a folder that may be part of a model, and the names of a few others."""
    entries = sorted(islice(folder.iterdir(), MOST_ENTRIES)) if folder.is_dir() else []
    files = [
        GivenFile(entry.name, entry.resolve())
        for entry in entries
        if is_fetched_file(entry.name) and entry.is_file()
    ]
    others = [entry.name for entry in entries if not is_fetched_file(entry.name)]
    return OfferedModel(tuple(files), tuple(others[:100]), parts=parts)


def received_model(
    named: InputName,
    files: Sequence[StoredFile],
    *,
    store: ArtifactStore,
    log: Log,
    parts: NamedParts | None = None,
) -> ModelRecord:
    """Check everything about a model whose files are objects of the store; return its record.

    Raises
    ------
    UnknownInputError, RejectedInputError, CorruptObjectError
    """
    given = [GivenFile(file.name, store.path(file.sha256).absolute()) for file in files]
    gone = [file.name for file in given if not file.path.is_file()]
    if gone:
        raise UnknownInputError(
            f"the uploaded file {gone[0]} is no longer here", next_step="Upload the model again."
        )
    digests = {file.name: file.sha256 for file in files}
    offered = OfferedModel(tuple(given), digests=digests, parts=parts)
    return inspect_model(offered, named, store=store, log=log)


def prepare_builtin_model(name: str, store: ArtifactStore, log: Log) -> ModelRecord:
    """Convert a built-in model once and return its record."""
    key: Json = {"builtin": name, "version": builtin_version(name), "format": 3}
    known = store.get_ref(key)
    if isinstance(known, dict):
        record = ModelRecord.from_json(dict(known))
        if all(store.has(file.sha256) for file in record.files):
            return record
    with tempfile.TemporaryDirectory(dir=store.root / "staging") as temporary:
        folder = Path(temporary)
        convert_builtin(name, folder, log)
        record = _converted_model(folder, name_input("model", name), store, log)
    store.set_ref(key, record.as_json())
    return record


def _converted_model(folder: Path, named: InputName, store: ArtifactStore, log: Log) -> ModelRecord:
    """Return the record of files that were made here; they are copied into the store."""
    offered = offered_files(folder)
    model = ModelFolder(offered.files, (), log).inspect(is_trusted=True)
    files = [_stored(folder / name, store) for name in model.files]
    beside = [_stored(file.path, store) for file in offered.files if is_side_file(file.name)]
    facts = asdict(model.facts) | {"dtype": "float32"}
    return ModelRecord(
        **asdict(named),
        **facts,
        fingerprint=model_fingerprint({file.name: file.sha256 for file in files}),
        size=sum(file.size for file in files),
        files=tuple(files),
        has_template=TEMPLATE in model.cleaned,
        side=tuple(file for file in (*files, *beside) if is_copied(file.name)),
        licence=builtin_licence(named.reference),
    )


def _stored(path: Path, store: ArtifactStore) -> StoredFile:
    sha256, size = store.put_file(path)
    return StoredFile(path.name, sha256, size)
