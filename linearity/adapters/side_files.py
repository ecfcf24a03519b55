"""Copying what lies beside a model into what is exported: bytes, checked by their digests."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linearity.adapters.beside import is_copied
from linearity.adapters.given_files import open_given
from linearity.adapters.hugging_face import stored_path
from linearity.adapters.store import CHUNK_BYTES, ArtifactStore, disk_errors
from linearity.contracts.inputs import ModelRecord, StoredFile
from linearity.contracts.model_files import CONFIG, GENERATION, NOTICE
from linearity.contracts.runs import RunWarning
from linearity.errors import CorruptObjectError, InputChangedError


@dataclass(frozen=True)
class Copied:
    """What was copied beside exported weights.

    Parameters
    ----------
    names : tuple of str
    warnings : list of RunWarning
        What a server or a lawyer would miss.
    """

    names: tuple[str, ...]
    warnings: list[RunWarning]


def copy_side_files(record: ModelRecord, store: ArtifactStore, folder: Path) -> Copied:
    """Copy what lies beside a model into `folder`, byte for byte.

    Parameters
    ----------
    record : ModelRecord
        One that was registered before its own files were kept has those that were made of them.
    store : ArtifactStore
    folder : Path
        Files of the same names give way: the model's own settings lead.

    Raises
    ------
    InputChangedError
        If a file is gone or is not the one that was registered.
    CorruptObjectError
        If a stored one is damaged.
    DiskFullError
    """
    own = [file for file in record.side if is_copied(file.name)]
    files = own or [file for file in record.files if is_copied(file.name)]
    for file in files:
        _copy(file, stored_path(file, store), folder / file.name)
    names = tuple(sorted(file.name for file in files))
    return Copied(names, _missed(record, names, is_own=bool(own)))


def _copy(file: StoredFile, source: Path, target: Path) -> None:
    hasher = hashlib.sha256()
    with disk_errors(), open_given(source) as (stream, _), target.open("wb") as copy:
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            copy.write(chunk)
    if hasher.hexdigest() == file.sha256:
        return
    if file.path is None:
        raise CorruptObjectError(
            f"the stored {file.name} of this model is damaged",
            next_step="Remove the model and register it again.",
            file=file.name,
        )
    raise InputChangedError(
        f"{file.name} was changed after this model was registered",
        next_step="Register the model again; its results will stand apart.",
        file=file.name,
    )


def _missed(record: ModelRecord, names: Sequence[str], *, is_own: bool) -> list[RunWarning]:
    missed = []
    if not is_own:
        missed.append(
            RunWarning(
                "side_files_made",
                "this model was registered before its own small files were kept: the tokenizer's "
                "settings in the export are those that were read here; register it again to have "
                "its own copied",
            )
        )
    if GENERATION not in names:
        missed.append(
            RunWarning(
                "no_generation_config",
                f"the model has no {GENERATION}: servers take its stop tokens from {CONFIG}",
                {"file": GENERATION},
            )
        )
    if not record.has_template:
        missed.append(
            RunWarning(
                "no_chat_template",
                "the model has no chat template: chat endpoints refuse it or choose one",
            )
        )
    if not any(NOTICE.fullmatch(name) for name in names):
        known = f"its card names {record.licence}" if record.licence else "its licence is unknown"
        missed.append(
            RunWarning(
                "no_licence_file",
                f"no LICENSE or NOTICE lies beside the model ({known}): add what its terms ask for",
                {"licence": record.licence},
            )
        )
    return missed
