"""Inspecting a dataset: from its files, as its row says they are to be read, to its record."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from linearity.adapters.dataset_intake import take_in, uploaded_files
from linearity.adapters.hub_datasets import fetched_rows
from linearity.adapters.inputs import prepare_dataset
from linearity.adapters.naming import InputName
from linearity.adapters.state import InputRow
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.reading import HubDataset, ReadingOptions
from linearity.contracts.uploads import UploadRow


def inspect_dataset(
    row: InputRow,
    uploads: Sequence[UploadRow],
    *,
    roots: Sequence[Path] | None,
    store: ArtifactStore,
    log: Callable[[str], None],
) -> DatasetRecord:
    """Return the record of a dataset; its documents are in the store after.

    Raises
    ------
    LinearScopeError
        If it cannot be used.
    """
    options = ReadingOptions.from_json(row.options or {})
    if row.source == "upload":
        named = InputName(row.id, row.name, row.source, row.reference)
        return take_in(uploaded_files(uploads, store), options, named, store=store, log=log)
    if row.source == "hub":
        return _from_hub(row, options, store, log)
    return prepare_dataset(row.reference, store=store, roots=roots, log=log, options=options)


def _from_hub(
    row: InputRow, options: ReadingOptions, store: ArtifactStore, log: Callable[[str], None]
) -> DatasetRecord:
    with fetched_rows(HubDataset.from_reference(row.reference), store, log) as fetched:
        named = InputName(row.id, row.name, row.source, fetched.dataset.reference)
        record = take_in([fetched.file], options, named, store=store, log=log)
    if fetched.whole:
        return record
    notice = f"only the first {fetched.rows:,} rows of the dataset were fetched"
    return replace(record, warnings=[*record.warnings, {"code": "rows_capped", "message": notice}])
