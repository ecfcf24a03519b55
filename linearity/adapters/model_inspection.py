"""Inspecting a model in a limited child process, and the record that comes of it."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from linearity.adapters.beside import is_copied, look_beside
from linearity.adapters.given_files import TEMPLATE, GivenFile
from linearity.adapters.limited import Limits, call_limited
from linearity.adapters.model_folder import InspectedModel, Log, ModelFolder
from linearity.adapters.naming import InputName
from linearity.adapters.store import ArtifactStore
from linearity.adapters.tokenizer_library import open_tokenizer
from linearity.contracts.canonical import Json, digest
from linearity.contracts.inputs import ModelRecord, StoredFile
from linearity.contracts.named_layout import NamedLayout, NamedParts, parse_parts
from linearity.errors import CorruptObjectError

SLOWEST_SCAN = 20_000_000
"""Bytes of weights a second that are read even on a busy machine."""


@dataclass(frozen=True)
class OfferedModel:
    """Files that claim to be a model.

    Parameters
    ----------
    files : tuple of GivenFile
        Those whose names may be part of a model or lie beside one; paths with links followed.
    others : tuple of str
        Names of files beside them, for a hint only.
    digests : mapping of str to str
        sha256 of the files that are objects of the store, by name.
    parts : NamedParts or None
        Where its blocks are, for a family without a reader.
    """

    files: tuple[GivenFile, ...]
    others: tuple[str, ...] = ()
    digests: Mapping[str, str] | None = None
    parts: NamedParts | None = None


def inspect_model(
    offered: OfferedModel, named: InputName, *, store: ArtifactStore, log: Log
) -> ModelRecord:
    """Look at everything in a limited child process and return the record of the model.

    Weights stay where they are; the small files that the library will read are written anew,
    from what is known of them, and lie in the store. So does the chat template, which the library
    is never given.

    Raises
    ------
    RejectedInputError
        With everything that is wrong, or with the limit that was met.
    CorruptObjectError
        If an uploaded file is not what was uploaded.
    """
    argument: Json = {
        "files": [[file.name, str(file.path)] for file in offered.files],
        "others": offered.others,
        "store": str(store.root.absolute()),
        "parts": {} if offered.parts is None else offered.parts.as_json(),
    }
    size = sum(file.path.stat().st_size for file in offered.files)
    limits = Limits(
        cpu_seconds=300 + size // SLOWEST_SCAN, wall_seconds=900 + 2 * size / SLOWEST_SCAN
    )
    answer = call_limited(f"{__name__}:inspect_here", argument, limits=limits, log=log)
    assert isinstance(answer, dict)
    return _record(answer, offered, named)


def inspect_here(argument: Json, log: Log) -> Json:
    """Look at everything in this process; what `inspect_model` runs in the child."""
    assert isinstance(argument, dict)
    store = ArtifactStore(Path(str(argument["store"])))
    files = [GivenFile(name, Path(path)) for name, path in _pairs(argument["files"])]
    others = argument["others"]
    assert isinstance(others, list)
    parts = argument["parts"]
    assert isinstance(parts, dict)
    folder = ModelFolder(files, list(map(str, others)), log, parts=parse_parts(parts))
    model = folder.inspect(is_trusted=False)
    _open_tokenizer(model)
    beside = look_beside(files)
    return {
        "facts": asdict(model.facts),
        "given": {name: asdict(file) for name, file in model.files.items()},
        "cleaned": {name: [store.put(data), len(data)] for name, data in model.cleaned.items()},
        "beside": {name: asdict(file) for name, file in beside.files.items()},
        "licence": beside.licence,
        "warnings": [*model.warnings, *beside.warnings],
    }


def model_fingerprint(digests: Mapping[str, str], layout: NamedLayout | None = None) -> str:
    """Return what identifies a model: the names and digests of its files as they were given.

    And the list of blocks, where it was named: another list has other states. The norm changes
    none.
    """
    named = [] if layout is None else [["", f"{layout.decoder}.{layout.blocks}"]]
    return digest(named + sorted([name, sha256] for name, sha256 in digests.items()))


def _open_tokenizer(model: InspectedModel) -> None:
    """Let the library that will load the tokenizer do so once."""
    with tempfile.TemporaryDirectory() as name:
        for file, data in model.cleaned.items():
            if file != TEMPLATE:
                (Path(name) / file).write_bytes(data)
        open_tokenizer(Path(name))


def _record(answer: Mapping[str, Json], offered: OfferedModel, named: InputName) -> ModelRecord:
    facts, given, cleaned = answer["facts"], answer["given"], answer["cleaned"]
    warnings, beside, licence = answer["warnings"], answer["beside"], answer["licence"]
    assert isinstance(facts, dict)
    assert isinstance(given, dict)
    assert isinstance(cleaned, dict)
    assert isinstance(warnings, list)
    assert isinstance(beside, dict)
    files = [StoredFile(name, str(sha256), int(size)) for name, (sha256, size) in cleaned.items()]
    found = {name: _as_given(name, file, offered) for name, file in (given | beside).items()}
    files += [file for name, file in found.items() if name.endswith(".safetensors")]
    layout = facts.pop("layout")
    named_layout = NamedLayout.from_json(layout) if isinstance(layout, dict) else None
    return ModelRecord(
        **facts,
        layout=named_layout,
        id=named.id,
        name=named.name,
        source=named.source,
        reference=named.reference,
        fingerprint=model_fingerprint(
            {name: file["sha256"] for name, file in given.items()}, named_layout
        ),
        size=sum(file["size"] for file in given.values()),
        files=tuple(files),
        warnings=tuple(map(str, warnings)),
        has_template=TEMPLATE in cleaned,
        side=tuple(file for name, file in found.items() if is_copied(name)),
        licence=licence if isinstance(licence, str) else None,
    )


def _as_given(name: str, file: Mapping[str, Json], offered: OfferedModel) -> StoredFile:
    """Return a file where it lies, or as the object of the store that it was uploaded as."""
    sha256, size, modified = str(file["sha256"]), file["size"], file["modified_ns"]
    assert isinstance(size, int)
    assert isinstance(modified, int)
    _check_digest(name, sha256, offered.digests)
    if offered.digests is not None:
        return StoredFile(name, sha256, size)
    path = next(given.path for given in offered.files if given.name == name)
    return StoredFile(name, sha256, size, str(path), modified)


def _check_digest(name: str, sha256: str, digests: Mapping[str, str] | None) -> None:
    if digests is not None and digests[name] != sha256:
        raise CorruptObjectError(
            f"{name} is not the file that was uploaded",
            next_step="Remove the model and upload it again.",
            file=name,
        )


def _pairs(value: Json) -> Sequence[tuple[str, str]]:
    assert isinstance(value, list)
    return [(str(name), str(path)) for name, path in value]
