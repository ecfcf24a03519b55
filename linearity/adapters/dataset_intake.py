"""From files of a user to a dataset in the store; the files are read in a limited child."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from linearity.adapters.limited import Limits, call_limited
from linearity.adapters.naming import InputName
from linearity.adapters.readers.layouts import SUFFIXES, InputFile
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.reading import MOST_BYTES, ReadingOptions
from linearity.errors import RejectedInputError

MEMORY_BYTES = 3 << 30
SECONDS = 600
BYTES_A_SECOND = 1 << 20
"""A slow machine reads rows at least this fast; the time a file may take follows its size."""
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
                "files": [{"name": f.name, "path": str(f.path.absolute())} for f in files],
                "options": options.as_json(),
                "output": str(output),
            },
            limits=Limits(MEMORY_BYTES, seconds, 2.0 * seconds, 2 * MOST_BYTES),
            log=log,
        )
        fingerprint, stored = store.put_file(output)
    return DatasetRecord(**dataclasses.asdict(named), fingerprint=fingerprint, size=stored, **facts)


def text_files(path: Path) -> list[InputFile]:
    """Return a file, or every file of a folder that can be read, in the order of their paths.

    Raises
    ------
    RejectedInputError
        If a link leaves the folder, or there are too many files.
    """
    if path.is_file():
        return [InputFile(path.name, path)]
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if len(files) > MOST_FILES:
        raise RejectedInputError(
            f"{path.name}: {len(files):,} files, at most {MOST_FILES:,} are read",
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
