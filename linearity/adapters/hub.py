"""Files of a public or private hub model, pinned to a commit, through the hub's own client.

Only files whose names are on a short list are ever asked for: the listing of a repository is
text of strangers. They go into the hub's cache, never into a folder of our own.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any  # the hub's library is untyped for us

from linearity.adapters.first_look import judge_names
from linearity.adapters.hub_cache import find_cached
from linearity.adapters.hub_errors import hub_errors, unreachable
from linearity.adapters.hub_place import ANSWER_SECONDS, HubPlace, open_hub, read_hub_place
from linearity.contracts.model_files import is_fetched_file
from linearity.errors import DiskFullError, HubUnreachableError, RejectedInputError

Log = Callable[[str], None]

STEP_BYTES = 64 << 20
"""How often a download tells how far it is."""


def download(reference: str, log: Log, *, place: HubPlace | None = None) -> tuple[Path, str]:
    """Return the local snapshot folder and the commit of ``owner/name[@revision]``.

    A snapshot that is already in the hub's cache is used when the hub cannot be reached.

    Parameters
    ----------
    reference : str
    log : callable
        Receives lines for people: what is fetched, and how many bytes are there.
    place : HubPlace, optional
        What the environment says unless given.

    Raises
    ------
    UnknownInputError
        If the model does not exist, is gated, or is neither reachable nor cached.
    RejectedInputError
        If it holds nothing that could be used; then no weight was fetched.
    DiskFullError
        Before the first byte of a model that does not fit.
    """
    place = read_hub_place(os.environ) if place is None else place
    name, _, revision = reference.partition("@")
    try:
        if place.offline:
            raise unreachable(reference)
        with hub_errors(reference):
            return _fetch(open_hub(place), name, revision or None, place=place, log=log)
    except HubUnreachableError:
        cached = find_cached(place, name, revision or None)
        if cached is None:
            raise
        log(f"the hub cannot be reached; taking {name} from the local cache")
        # The snapshot folder is named after the commit.
        return cached.folder, cached.commit


def _fetch(
    hub: Any, name: str, revision: str | None, *, place: HubPlace, log: Log
) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download

    info = hub.model_info(name, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS)
    listed = {item.rfilename: int(item.size or 0) for item in info.siblings or []}
    _check_usable(list(listed))
    files = {file: size for file, size in listed.items() if is_fetched_file(file)}
    _check_room(place, sum(files.values()), name)
    log(f"fetching {name} at {info.sha[:12]}: {len(files)} files, {_megabytes(files)}")
    folder = snapshot_download(
        name,
        revision=info.sha,
        allow_patterns=list(files),
        cache_dir=place.cache,
        endpoint=place.endpoint,
        tqdm_class=_telling(log, sum(files.values())),
    )
    return Path(folder), str(info.sha)


def _check_usable(names: list[str]) -> None:
    for reason in judge_names(names):
        raise RejectedInputError(reason.message, reason=reason.code, next_step=reason.next_step)


def _check_room(place: HubPlace, needed: int, name: str) -> None:
    from huggingface_hub import constants

    cache = Path(place.cache or constants.HF_HUB_CACHE).expanduser().absolute()
    nearest = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    if needed > free:
        raise DiskFullError(
            f"{name} has {needed / 2**30:,.1f} GiB, the disk of the hub's cache has "
            f"{free / 2**30:,.1f} GiB left",
            next_step="Free space or move HF_HUB_CACHE to a larger disk, then try again.",
            limit=free,
            actual=needed,
        )


def _megabytes(files: Mapping[str, int]) -> str:
    return f"{sum(files.values()) / 1e6:,.1f} MB"


def _telling(log: Log, total: int) -> type:
    """Return a progress bar that writes lines of bytes instead of drawing."""
    from huggingface_hub.utils import tqdm

    told = 0  # by all bars: one counts what came over the network, one what is on the disk

    class Telling(tqdm):  # type: ignore[misc]  # untyped for us
        """A bar that may count bytes, files or anything else; only bytes are told."""

        def __init__(self, *args: Any, **more: Any) -> None:
            self._counts = more.get("unit") == "B"
            self._there = int(more.get("initial") or 0)
            super().__init__(*args, **more | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            """Count, and tell now and then."""
            nonlocal told
            self._there += int(n or 0)
            if self._counts and self._there - told >= STEP_BYTES:
                told = self._there
                log(f"{told / 1e6:,.1f} of {total / 1e6:,.1f} MB")

    return Telling
