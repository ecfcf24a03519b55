"""Datasets of the hub: rows are fetched by a process with network, and read by one without."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.reading import HubDataset
from linearity.errors import RejectedInputError, error_from_json

if TYPE_CHECKING:  # a machine that only computes has no state database
    from linearity.adapters.state import InputRow

MOST_ROWS = 400_000
MOST_BYTES = 512 << 20
_OWN_VARIABLES = ("LINEARSCOPE_", "REDIS_", "DATABASE_")
LOOK_ROWS = 2_000
LOOK_BYTES = 8 << 20
LOOK_SECONDS = 90.0
FETCH_SECONDS = 4 * 3600.0


@dataclass(frozen=True)
class FetchedRows:
    """Rows of a hub dataset on this disk.

    Parameters
    ----------
    file : InputFile
        JSON lines.
    dataset : HubDataset
        Pinned to the commit.
    rows : int
    whole : bool
        Whether the dataset has no more rows than these.
    """

    file: InputFile
    dataset: HubDataset
    rows: int
    whole: bool


@contextmanager
def fetched_rows(
    dataset: HubDataset, store: ArtifactStore, log: Callable[[str], None]
) -> Iterator[FetchedRows]:
    """Fetch up to 400,000 rows or 512 MiB; they are gone when the block ends.

    Raises
    ------
    UnknownInputError
        If it is missing or gated.
    HubUnreachableError, MissingPackageError, RejectedInputError
    """
    with tempfile.TemporaryDirectory(dir=store.root / "staging") as folder:
        out = Path(folder).absolute() / "rows"
        facts = _run(dataset, out, (MOST_ROWS, MOST_BYTES), FETCH_SECONDS, log)
        yield _fetched(dataset, out, facts)


def first_rows(dataset: HubDataset, store: ArtifactStore) -> FetchedRows:
    """Return the first 2,000 rows for a preview, fetched once and kept in the store.

    Raises
    ------
    UnknownInputError, HubUnreachableError, MissingPackageError, RejectedInputError
    """
    name = _first_rows_name(dataset.reference)
    known: Any = store.get_ref(name)
    if not isinstance(known, dict) or not store.has(str(known["sha256"])):
        with tempfile.TemporaryDirectory(dir=store.root / "staging") as folder:
            out = Path(folder).absolute() / "rows"
            known = _run(dataset, out, (LOOK_ROWS, LOOK_BYTES), LOOK_SECONDS, lambda _: None)
            known |= {"sha256": store.put_file(out)[0]}
        store.set_ref(name, known)
    return _fetched(dataset, store.path(str(known["sha256"])), known)


def forget_first_rows(row: "InputRow", store: ArtifactStore) -> list[str]:
    """Forget what `first_rows` fetched for an input; return the objects that may go.

    Another input of the same dataset fetches them again when it is looked at.
    """
    if (row.kind, row.source) != ("dataset", "hub"):
        return []
    name = _first_rows_name(row.reference)
    known: Any = store.get_ref(name)
    store.delete_ref(name)
    return [str(known["sha256"])] if isinstance(known, dict) else []


def _first_rows_name(reference: str) -> Json:
    return {"first_rows": reference, "rows": LOOK_ROWS}


def _fetched(dataset: HubDataset, path: Path, facts: dict[str, Any]) -> FetchedRows:
    pinned = replace(dataset, revision=facts["commit"])
    return FetchedRows(
        InputFile(f"{dataset.name}.jsonl", path), pinned, facts["rows"], facts["whole"]
    )


def _run(
    dataset: HubDataset,
    out: Path,
    limits: tuple[int, int],
    seconds: float,
    log: Callable[[str], None],
) -> dict[str, Any]:
    request: dict[str, Json] = {"dataset": asdict(dataset), "out": str(out)}
    request |= {"rows": limits[0], "bytes": limits[1], "parent": os.getpid()}
    # An empty folder to work in: a local folder called like the dataset must not be taken for it.
    with tempfile.TemporaryDirectory(prefix="linearscope-") as empty:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _START, str(Path(__file__).parents[2]), *sys.path],
                input=json.dumps(request).encode(),
                env=fetching_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=empty,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(dataset, f"did not answer within {seconds:g} s") from error
    for line in done.stdout.splitlines():
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise error_from_json(message["error"])
        if "done" in message:
            return dict(message["done"])
        log(str(message["log"]))
    raise _failed(dataset, "could not be read")


def fetching_environment() -> dict[str, str]:
    """Return what the hub's library needs; nothing of ours, least of all a token or a password."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)
    }


_START = (
    "import sys; sys.path[:] = sys.argv[1:]; from linearity.adapters.hub_rows import main; main()"
)


def _failed(dataset: HubDataset, how: str) -> RejectedInputError:
    return RejectedInputError(
        f"the rows of {dataset.name} {how}",
        reason="hub_failed",
        next_step="Try again later, or download a file of it and upload that.",
    )
