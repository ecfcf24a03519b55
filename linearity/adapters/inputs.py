"""Find, check and fingerprint a model or dataset: what registration does.

A reference is a built-in name (``smollm2``), a hub id (``owner/name`` or ``owner/name@revision``)
or a path. Built-ins are written into the artifact store once. Hub and local files stay where they
are, because they may be large; their digests, sizes and times are remembered and checked again
whenever they are loaded (docs/decisions/0004).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from linearity.adapters.allowed_paths import allowed_path
from linearity.adapters.corpora import builtin_corpus_version, builtin_documents
from linearity.adapters.dataset_intake import dataset_files, take_in
from linearity.adapters.documents import decode_documents, encode_documents
from linearity.adapters.model_inspection import inspect_model
from linearity.adapters.model_intake import offered_files, prepare_builtin_model
from linearity.adapters.naming import name_hub, name_input, name_path
from linearity.adapters.readers.intake import describe
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import (
    BUILTIN_DATASETS,
    BUILTIN_MODELS,
    DatasetRecord,
    Document,
    ModelRecord,
)
from linearity.contracts.named_layout import NamedParts
from linearity.contracts.reading import ReadingOptions
from linearity.errors import UnknownInputError

Log = Callable[[str], None]


def prepare_model(
    reference: str,
    *,
    store: ArtifactStore,
    roots: Sequence[Path] | None,
    log: Log,
    parts: NamedParts | None = None,
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
    parts : NamedParts or None
        Where its blocks are, for a family without a reader.

    Raises
    ------
    UnknownInputError, PathNotAllowedError, RejectedInputError
    """
    if reference in BUILTIN_MODELS:
        return prepare_builtin_model(reference, store, log)
    path = allowed_path(reference, roots)
    if path is None:
        folder, commit = _hub_folder(reference, log)
        named = name_hub(reference.partition("@")[0], commit)
        return inspect_model(offered_files(folder, parts), named, store=store, log=log)
    offered = offered_files(path, parts)
    for file in offered.files:
        allowed_path(str(file.path), roots)  # a link may leave the folder, not the allowed ones
    return inspect_model(offered, name_path(str(path)), store=store, log=log)


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


def load_documents(record: DatasetRecord, store: ArtifactStore) -> list[str]:
    """Return the texts of a registered dataset, checked against its fingerprint."""
    return [document.text for document in load_records(record, store)]


def load_records(record: DatasetRecord, store: ArtifactStore) -> list[Document]:
    """Return the documents of a registered dataset, checked against its fingerprint."""
    return decode_documents(store.get(record.fingerprint))


def _builtin_dataset(name: str, store: ArtifactStore) -> DatasetRecord:
    documents = [Document(text) for text in builtin_documents(name) if text.strip()]
    data = encode_documents(documents)
    return DatasetRecord(
        **asdict(name_input("dataset", name)),
        fingerprint=store.put(data),
        size=len(data),
        **describe(documents),
    )


def _hub_folder(reference: str, log: Log) -> tuple[Path, str]:
    if name_input("model", reference).source != "hub":
        raise UnknownInputError(f"there is no file or folder {reference[:200]!r}")
    from linearity.adapters.hub import download

    return download(reference, log)
