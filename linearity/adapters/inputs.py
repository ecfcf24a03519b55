"""Find, check and fingerprint a model or dataset: what registration does.

A reference is a built-in name (``smollm2``), a hub id (``owner/name`` or ``owner/name@revision``)
or a path. Built-ins are written into the artifact store once. Hub and local files stay where they
are, because they may be large; their digests, sizes and times are remembered and checked again
whenever they are loaded (docs/decisions/0004).
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from linearity.adapters.builtin_models import builtin_version, convert_builtin
from linearity.adapters.corpora import builtin_corpus_version, builtin_documents
from linearity.adapters.dataset_intake import take_in, text_files
from linearity.adapters.documents import decode_documents, encode_documents
from linearity.adapters.hugging_face import assembled, check_tokenizer
from linearity.adapters.model_folder import check_finite, inspect_model, model_files
from linearity.adapters.naming import InputName, name_hub, name_input, name_path
from linearity.adapters.readers.intake import describe
from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.store import ArtifactStore, file_sha256
from linearity.contracts.canonical import Json, digest
from linearity.contracts.inputs import (
    BUILTIN_DATASETS,
    BUILTIN_MODELS,
    DatasetRecord,
    Document,
    ModelRecord,
    StoredFile,
)
from linearity.contracts.reading import ReadingOptions
from linearity.errors import PathNotAllowedError, UnknownInputError

Log = Callable[[str], None]


def prepare_model(
    reference: str, *, store: ArtifactStore, roots: Sequence[Path] | None, log: Log
) -> ModelRecord:
    """Find a model, check everything about it and return its record.

    Parameters
    ----------
    reference : str
    store : ArtifactStore
    roots : sequence of Path, or None
        Folders that local models may lie in; None allows any (a command line of one's own).
    log : callable
        Receives lines for people.

    Raises
    ------
    UnknownInputError, PathNotAllowedError, RejectedInputError
    """
    if reference in BUILTIN_MODELS:
        return _builtin_model(reference, store, log)
    path = _allowed_path(reference, roots)
    if path is not None:
        for file in model_files(path):
            _allowed_path(str(file), roots)  # a link may leave the folder, not the allowed ones
        return _model_in_place(path, name_path(str(path)), store, log)
    folder, commit = _hub_folder(reference, log)
    return _model_in_place(folder, name_hub(reference.partition("@")[0], commit), store, log)


def received_model(
    named: InputName, files: Sequence[StoredFile], *, store: ArtifactStore, log: Log
) -> ModelRecord:
    """Check everything about a model whose files are objects of the store; return its record.

    Raises
    ------
    RejectedInputError
    """
    with assembled(tuple(files), store) as folder:
        inspect_model(folder)
        log(f"checking every weight of {named.name}")
        check_finite(folder)
        check_tokenizer(tuple(files), store)
        return _record(folder, list(files), named)


def prepare_dataset(
    reference: str,
    *,
    store: ArtifactStore,
    roots: Sequence[Path] | None,
    log: Log,
    options: ReadingOptions | None = None,
) -> DatasetRecord:
    """Read a dataset into the store and return its record; arguments as `prepare_model`.

    `options` say how files are read; what they leave open is recognised.
    """
    if reference in BUILTIN_DATASETS:
        log(f"reading {BUILTIN_DATASETS[reference]} ({builtin_corpus_version()})")
        return _builtin_dataset(reference, store)
    files = dataset_files(reference, roots=roots)
    named = name_path(str(Path(reference).expanduser().resolve()))
    return take_in(files, options or ReadingOptions(), named, store=store, log=log)


def dataset_files(reference: str, *, roots: Sequence[Path] | None) -> list[InputFile]:
    """Return the files of a dataset on this machine; `roots` as for `prepare_model`.

    Raises
    ------
    UnknownInputError, PathNotAllowedError, RejectedInputError
    """
    path = _allowed_path(reference, roots)
    if path is None:
        raise UnknownInputError(
            f"no dataset {reference[:120]!r}: not a built-in, and no such file or folder",
            next_step=f"Built in are {', '.join(BUILTIN_DATASETS)}; or give a path.",
        )
    return text_files(path)


def load_documents(record: DatasetRecord, store: ArtifactStore) -> list[str]:
    """Return the texts of a registered dataset, checked against its fingerprint."""
    return [document.text for document in load_records(record, store)]


def load_records(record: DatasetRecord, store: ArtifactStore) -> list[Document]:
    """Return the documents of a registered dataset, checked against its fingerprint."""
    return decode_documents(store.get(record.fingerprint))


def _builtin_model(name: str, store: ArtifactStore, log: Log) -> ModelRecord:
    key: Json = {"builtin": name, "version": builtin_version(name), "format": 2}
    known = store.get_ref(key)
    if isinstance(known, dict):
        record = ModelRecord.from_json(dict(known))
        if all(store.has(file.sha256) for file in record.files):
            return record
    with tempfile.TemporaryDirectory(dir=store.root / "staging") as temporary:
        folder = Path(temporary)
        convert_builtin(name, folder, log)
        check_finite(folder)
        files = []
        for path in model_files(folder):
            sha256, size = store.put_file(path)
            files.append(StoredFile(path.name, sha256, size))
        record = _record(folder, files, name_input("model", name))
    store.set_ref(key, record.as_json())
    return record


def _model_in_place(folder: Path, named: InputName, store: ArtifactStore, log: Log) -> ModelRecord:
    paths = model_files(folder)
    inspect_model(folder)
    log(f"checking every weight of {named.name}")
    check_finite(folder)
    files = [_file_in_place(path) for path in paths]
    check_tokenizer(tuple(files), store)
    return _record(folder, files, named)


def _file_in_place(path: Path) -> StoredFile:
    real = path.resolve()
    stat = real.stat()
    return StoredFile(path.name, file_sha256(real), stat.st_size, str(real), stat.st_mtime_ns)


def _record(folder: Path, files: list[StoredFile], named: InputName) -> ModelRecord:
    facts = inspect_model(folder)
    return ModelRecord(
        id=named.id,
        name=named.name,
        source=named.source,
        reference=named.reference,
        fingerprint=digest(sorted([file.name, file.sha256] for file in files)),
        family=facts.family,
        blocks=facts.blocks,
        width=facts.width,
        vocabulary=facts.vocabulary,
        context=facts.context,
        parameters=facts.parameters,
        dtype="float32" if named.source == "builtin" else facts.dtype,
        size=sum(file.size for file in files),
        files=tuple(files),
    )


def _builtin_dataset(name: str, store: ArtifactStore) -> DatasetRecord:
    documents = [Document(text) for text in builtin_documents(name) if text.strip()]
    data = encode_documents(documents)
    return DatasetRecord(
        **asdict(name_input("dataset", name)),
        fingerprint=store.put(data),
        size=len(data),
        **describe(documents),
    )


def _allowed_path(reference: str, roots: Sequence[Path] | None) -> Path | None:
    """Return the existing path that `reference` names, None if it cannot be a path.

    Raises
    ------
    PathNotAllowedError
        If it looks like a path and lies outside `roots`, whether it exists or not.
    """
    looks_local = reference.startswith(("/", "./", "../", "~")) or reference in (".", "..")
    if "\x00" in reference or (roots is not None and not looks_local):
        return None
    path = Path(reference).expanduser().resolve()
    if roots is not None and not any(path.is_relative_to(root.resolve()) for root in roots):
        raise PathNotAllowedError(
            "this folder is outside the folders that models and datasets may be read from",
            next_step="Ask the operator to add it to LINEARSCOPE_MODEL_ROOTS."
            if roots
            else "No folders are configured: set LINEARSCOPE_MODEL_ROOTS and restart.",
        )
    if path.exists():
        return path
    if looks_local:
        raise UnknownInputError(f"there is no file or folder {reference[:200]!r}")
    return None


def _hub_folder(reference: str, log: Log) -> tuple[Path, str]:
    if name_input("model", reference).source != "hub":
        raise UnknownInputError(f"there is no file or folder {reference[:200]!r}")
    from linearity.adapters.hub import download

    return download(reference, log)
