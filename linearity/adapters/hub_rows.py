"""Rows of a dataset of the hub, streamed into a file of JSON lines; runs as a process of its own.

``python -m linearity.adapters.hub_rows`` reads one JSON request from standard input and writes
JSON lines: ``{"log": ...}``, and last ``{"done": ...}`` or ``{"error": ...}``. It has the network,
unlike the readers of files; so it may only fetch: the rows are judged later, without network.
Data files in parquet, JSON, CSV, text and Arrow are read; code of a repository never runs
(`datasets` knows no scripts any more), and formats that can hold code, pickle above all, are
refused by the builder they would need.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from linearity.adapters.confinement import limit_resources
from linearity.adapters.hub_errors import hub_errors
from linearity.adapters.hub_place import open_hub, read_hub_place
from linearity.adapters.lifetime import die_with_parent
from linearity.adapters.packages import need_package
from linearity.contracts.canonical import canonical_json
from linearity.contracts.reading import HubDataset
from linearity.errors import LinearScopeError, RejectedInputError

BUILDERS = ("parquet", "json", "csv", "text", "arrow")
REPORTED_EVERY = 20_000
_MEMORY_BYTES = 6 << 30
_CPU_SECONDS = 3_600
_FILE_BYTES = 2 << 30

Log = Callable[[str], None]


def main() -> int:
    """Answer the request on standard input."""
    request = json.loads(sys.stdin.read())
    die_with_parent(request["parent"])
    limit_resources(memory_bytes=_MEMORY_BYTES, cpu_seconds=_CPU_SECONDS, file_bytes=_FILE_BYTES)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

    def send(**message: object) -> None:
        sys.__stdout__.write(json.dumps(message) + "\n")  # type: ignore[union-attr]  # a pipe
        sys.__stdout__.flush()  # type: ignore[union-attr]

    sys.stdout = sys.stderr  # what libraries print is no answer
    try:
        dataset = HubDataset.from_json(request["dataset"])
        send(done=_fetch(dataset, request, lambda text: send(log=text)))
    except LinearScopeError as error:
        send(error=error.as_json())
    return 0


def _fetch(dataset: HubDataset, request: Mapping[str, Any], log: Log) -> dict[str, Any]:
    place = read_hub_place(os.environ)
    with hub_errors(dataset.name, what="dataset"):
        info = open_hub(place).dataset_info(dataset.name, revision=dataset.revision)
        log(f"fetching rows of {dataset.name} at {info.sha[:12]}")
        facts = write_rows(
            dataset.name,
            dataset,
            revision=info.sha,
            out=Path(request["out"]),
            limits=(request["rows"], request["bytes"]),
            log=log,
        )
    return facts | {"commit": info.sha}


def write_rows(  # what is fetched, from where, how much of it
    place: str,
    dataset: HubDataset,
    *,
    revision: str | None,
    out: Path,
    limits: tuple[int, int],
    log: Log,
) -> dict[str, Any]:
    """Write rows of a dataset as JSON lines and return how many, and whether they are all.

    Parameters
    ----------
    place : str
        ``owner/name``, or a local folder of data files.
    dataset : HubDataset
    revision : str or None
        The commit.
    out : Path
    limits : (int, int)
        The most rows and bytes that are written.
    log : callable

    Raises
    ------
    RejectedInputError
        If there is no such subset or split, or its files are of a type that is not read.
    """
    rows, names = _stream(place, dataset, revision)
    written = size = 0
    with out.open("wb") as stream:
        for row in rows:
            line = canonical_json(
                {key: _plain(value, names.get(key)) for key, value in row.items()}
            )
            if written == limits[0] or size + len(line) > limits[1]:
                return {"rows": written, "whole": False}
            stream.write(line + b"\n")
            written, size = written + 1, size + len(line) + 1
            if written % REPORTED_EVERY == 0:
                log(f"fetched {written:,} rows")
    return {"rows": written, "whole": True}


def _stream(place: str, dataset: HubDataset, revision: str | None) -> tuple[Any, dict[str, Any]]:
    """Return the rows, and the classes of columns that hold labels by number."""
    datasets = need_package("datasets")
    from datasets.exceptions import DatasetsError

    try:
        builder = datasets.load_dataset_builder(place, dataset.config, revision=revision)
        kind = type(builder).__module__.rpartition(".")[2]
        if kind not in BUILDERS:
            raise RejectedInputError(
                f"{dataset.name}: files of the type {kind} are not read",
                reason="unsupported_file",
                next_step=f"Datasets of {', '.join(BUILDERS)} files can be used.",
            )
        stream = builder.as_streaming_dataset(split=dataset.split)
    except RuntimeError as error:  # what the library says of a repository with a script
        raise RejectedInputError(
            f"{dataset.name}: it is made by code of its repository, which is never run",
            reason="unsupported_file",
            next_step=f"Datasets of {', '.join(BUILDERS)} files can be used.",
        ) from error
    except (DatasetsError, ValueError, FileNotFoundError) as error:
        raise _no_part(dataset, error) from error
    features = stream.features or {}
    unreadable = [name for name, feature in features.items() if not _is_readable(feature)]
    if unreadable:
        stream = stream.remove_columns(unreadable)
    return stream, {name: f for name, f in features.items() if hasattr(f, "int2str")}


def _no_part(dataset: HubDataset, error: Exception) -> RejectedInputError:
    # The first line names the subsets and splits that there are; later ones may hold file names.
    return RejectedInputError(
        f"{dataset.name}: {str(error).strip().splitlines()[0][:300] if str(error).strip() else ''}",
        reason="no_such_part",
        next_step="Choose a subset (config) and a split that the dataset's card lists.",
    )


def _is_readable(feature: Any) -> bool:
    kind = type(feature).__name__
    if kind == "Value":
        return "binary" not in str(feature.dtype)
    if kind == "ClassLabel":
        return True
    inner = (
        feature[0] if isinstance(feature, list) and feature else getattr(feature, "feature", None)
    )
    if isinstance(inner, Mapping):
        return all(_is_readable(item) for item in inner.values())
    return kind in ("List", "LargeList", "Sequence") and inner is not None and _is_readable(inner)


def _plain(value: Any, labels: Any) -> Any:
    if labels is not None and isinstance(value, int) and value >= 0:
        return labels.int2str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item, None) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, None) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


if __name__ == "__main__":
    sys.exit(main())
