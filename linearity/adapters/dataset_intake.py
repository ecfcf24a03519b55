"""From files of a user to a dataset in the store; the files are read in a limited child."""

import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from linearity.adapters.allowed_paths import allowed_path
from linearity.adapters.limited import Limits, call_limited
from linearity.adapters.naming import InputName
from linearity.adapters.readers.layouts import SUFFIXES, InputFile
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import BUILTIN_DATASETS, DatasetRecord
from linearity.contracts.reading import MOST_BYTES, ReadingOptions
from linearity.contracts.uploads import UploadRow
from linearity.errors import RejectedInputError, UnknownInputError

MEMORY_BYTES = 3 << 30
SECONDS = 600
BYTES_A_SECOND = 1 << 20
"""A slow machine reads rows at least this fast; the time a file may take follows its size."""
PREVIEW_SECONDS = 60
LIBRARY_FILES_BYTES = 512 << 20
"""The language library unpacks its model into a file."""
MOST_FILES = 10_000


def take_in(
    files: Sequence[InputFile],
    options: ReadingOptions,
    named: InputName,
    *,
    store: ArtifactStore,
    log: Callable[[str], None],
) -> DatasetRecord:
    """Read files into the store and return the dataset's record.

    Parameters
    ----------
    files : sequence of InputFile
        In the order of the documents.
    options : ReadingOptions
    named : InputName
    store : ArtifactStore
    log : callable
        Receives lines for people.

    Raises
    ------
    RejectedInputError
        If they cannot be read, with what is wrong and where.
    """
    size = sum(file.path.stat().st_size for file in files)
    seconds = SECONDS + size // BYTES_A_SECOND
    with tempfile.TemporaryDirectory(dir=store.root / "staging") as folder:
        output = Path(folder).absolute() / "documents"
        facts: Any = call_limited(
            "linearity.adapters.readers.intake:read_dataset",
            {
                "files": _as_json(files),
                "options": options.as_json(),
                "output": str(output),
            },
            limits=Limits(MEMORY_BYTES, seconds, 2.0 * seconds, 2 * MOST_BYTES),
            log=log,
        )
        fingerprint, stored = store.put_file(output)
    return DatasetRecord(**dataclasses.asdict(named), fingerprint=fingerprint, size=stored, **facts)


def dataset_files(reference: str, *, roots: Sequence[Path] | None) -> list[InputFile]:
    """Return the files of a dataset on this machine; `roots` as for `inputs.prepare_dataset`.

    Raises
    ------
    UnknownInputError, PathNotAllowedError, RejectedInputError
    """
    path = allowed_path(reference, roots)
    if path is None:
        raise UnknownInputError(
            f"no dataset {reference[:120]!r}: not a built-in, and no such file or folder",
            next_step=f"Built in are {', '.join(BUILTIN_DATASETS)}; or give a path.",
        )
    return text_files(path)


def preview_files(
    files: Sequence[InputFile], options: ReadingOptions, *, tokenizer: Path | None
) -> dict[str, Any]:
    """Return what a dataset of these files would be, from their beginning.

    Parameters
    ----------
    files : sequence of InputFile
    options : ReadingOptions
    tokenizer : Path or None
        The ``tokenizer.json`` that tokens are counted with.

    Raises
    ------
    LinearScopeError
        If there is nothing to show.
    """
    facts: Any = call_limited(
        "linearity.adapters.readers.preview:preview",
        {
            "files": _as_json(files),
            "options": options.as_json(),
            "tokenizer": None if tokenizer is None else str(tokenizer.absolute()),
        },
        limits=Limits(MEMORY_BYTES, PREVIEW_SECONDS, 1.5 * PREVIEW_SECONDS, LIBRARY_FILES_BYTES),
    )
    return dict(facts)


def uploaded_files(uploads: Sequence[UploadRow], store: ArtifactStore) -> list[InputFile]:
    """Return the files of an upload that are here as a whole.

    Raises
    ------
    RejectedInputError
        If one of them is no longer in the store.
    """
    files = []
    for upload in uploads:
        if upload.sha256 is None or not store.has(upload.sha256):
            raise RejectedInputError(
                f"{upload.name} has not been received as a whole",
                reason="not_received",
                next_step="Send the rest of it, or upload it again.",
                file=upload.name,
            )
        files.append(InputFile(upload.name, store.path(upload.sha256)))
    return files


def _as_json(files: Sequence[InputFile]) -> list[dict[str, str]]:
    return [{"name": file.name, "path": str(file.path.absolute())} for file in files]


def text_files(path: Path) -> list[InputFile]:
    """Return a file, or every file of a folder that can be read, in the order of their paths.

    Raises
    ------
    RejectedInputError
        If a link leaves the folder, or there are too many files.
    """
    if path.is_file():
        return [InputFile(path.name, path)]
    found = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    files = sorted(itertools.islice(found, MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise RejectedInputError(
            f"{path.name} holds more than the {MOST_FILES:,} files that are read at most",
            reason="too_many_files",
            next_step="Join them into one .jsonl file.",
            limit=MOST_FILES,
        )
    for file in files:
        if not file.resolve().is_relative_to(path.resolve()):
            raise RejectedInputError(
                f"{file.name} is a link that leaves the folder",
                reason="link_outside",
                next_step="Copy the file into the folder.",
                file=file.name,
            )
    return [InputFile(file.name, file) for file in files]
