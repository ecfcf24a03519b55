"""Models that lie in the hub's local cache: what can be used without the hub."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # the hub's library is untyped for us

from linearity.adapters.hub_place import HubPlace


@dataclass(frozen=True)
class CachedRevision:
    """One commit of a model in the cache, and the branches and tags that named it."""

    name: str
    commit: str
    refs: tuple[str, ...]
    folder: Path
    size: int


def cached_revisions(place: HubPlace, name: str | None = None) -> list[CachedRevision]:
    """Return the models of the cache, those used last first; only `name` if that is given."""
    found = sorted(_repositories(place), key=lambda repo: -(repo.last_accessed or 0.0))
    return [
        CachedRevision(
            name=repo.repo_id,
            commit=revision.commit_hash,
            refs=tuple(sorted(revision.refs)),
            folder=Path(revision.snapshot_path),
            size=revision.size_on_disk,
        )
        for repo in found
        if name is None or repo.repo_id == name
        for revision in sorted(repo.revisions, key=lambda item: "main" not in item.refs)
    ]


def find_cached(place: HubPlace, name: str, revision: str | None) -> CachedRevision | None:
    """Return what the cache has under a branch, a tag or a commit; ``main`` unless one is named."""
    wanted = revision or "main"
    return next(
        (
            item
            for item in cached_revisions(place, name)
            if wanted == item.commit or wanted in item.refs
        ),
        None,
    )


def _repositories(place: HubPlace) -> Iterator[Any]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        info = scan_cache_dir(place.cache or constants.HF_HUB_CACHE)
    except (CacheNotFound, ValueError):  # no cache yet, or a file in its place
        return iter(())
    return (repo for repo in info.repos if repo.repo_type == "model")
