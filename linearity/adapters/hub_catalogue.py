"""What the hub knows of models: search, one model pinned to a commit, its revisions.

Reads the hub's own index, config.json and headers of weights; never a weight. Where the hub cannot
be reached, the local cache answers, and the answer says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any  # the hub's library is untyped for us

from linearity.adapters.first_look import (
    LARGEST_CONFIG,
    FirstLook,
    Reason,
    count_weights,
    judge_config,
    judge_names,
    look_at_folder,
)
from linearity.adapters.hub_cache import CachedRevision, cached_revisions, find_cached
from linearity.adapters.hub_errors import gated, hub_errors, unreachable
from linearity.adapters.hub_place import ANSWER_SECONDS, HubPlace, open_hub
from linearity.contracts.model_files import is_fetched_file, is_weight_file
from linearity.errors import HubUnreachableError, UnknownInputError

COMMIT = re.compile(r"[0-9a-f]{40}")
MOST_HEADERS = 48
"""Weight files whose headers are read one by one where the hub has not counted them itself."""
MOST_REVISIONS = 500


@dataclass(frozen=True)
class HubHit:
    """One line of a search."""

    name: str
    downloads: int | None = None
    gated: bool = False
    parameters: int | None = None
    size: int | None = None
    cached: bool = False


@dataclass(frozen=True)
class HubRevision:
    """A branch or tag of a model, or a commit that lies in the cache."""

    name: str
    kind: str
    commit: str


@dataclass(frozen=True)
class HubModel:
    """A model pinned to a commit.

    Parameters
    ----------
    origin : "hub" | "cache"
    gated : "auto" | "manual" | None
        How its owner lets readers in, None for everybody.
    licence : str or None
    look : FirstLook
    files : {name: bytes}
        Those that would be fetched.
    download_bytes : int
        Of these, what is not in the cache yet.
    revisions : tuple of HubRevision
    """

    name: str
    revision: str | None
    commit: str
    origin: str
    look: FirstLook
    gated: str | None = None
    licence: str | None = None
    modified: str | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    download_bytes: int = 0
    revisions: tuple[HubRevision, ...] = ()


class HubCatalogue:
    """The models of one `HubPlace`."""

    def __init__(self, place: HubPlace) -> None:
        self.place = place

    def search(self, text: str, limit: int) -> list[HubHit]:
        """Return the models that match `text`, those downloaded most first.

        Raises
        ------
        HubUnreachableError
        """
        self._require_online(f"a model like {text!r}")
        cached = {item.name for item in cached_revisions(self.place)}
        with hub_errors(f"a model like {text!r}"):
            return [_hit(item, cached) for item in _search(open_hub(self.place), text, limit)]

    def search_cache(self, text: str, limit: int) -> list[HubHit]:
        """Return the models of the local cache whose name holds `text`."""
        wanted = text.strip().lower()
        sizes: dict[str, int] = {}
        for item in cached_revisions(self.place):
            if wanted in item.name.lower():
                sizes.setdefault(item.name, item.size)
        hits = [HubHit(name=name, size=size, cached=True) for name, size in sizes.items()]
        return hits[:limit]

    def look(self, name: str, revision: str | None) -> HubModel:
        """Return what can be known of a model before it is fetched.

        Raises
        ------
        UnknownInputError
            If the hub does not have it.
        HubUnreachableError
            If neither the hub nor the cache has it now.
        """
        reference = name if revision is None else f"{name}@{revision}"
        try:
            self._require_online(reference)
            with hub_errors(reference):
                return self._look_on_hub(name, revision)
        except HubUnreachableError:
            cached = find_cached(self.place, name, revision)
            if cached is None:
                raise
            return self._look_in_cache(cached, revision)

    def commits(self, name: str, revisions: list[str]) -> dict[str, str]:
        """Return the commit of each revision, in order.

        Raises
        ------
        UnknownInputError
            For the first that neither the hub nor the cache has.
        """
        try:
            self._require_online(name)
            with hub_errors(name):
                known = {item.name: item.commit for item in self._refs(name)}
        except HubUnreachableError:
            known = {item.name: item.commit for item in _cached_refs(self.place, name)}
            if not known:
                raise
        found = {}
        for revision in revisions:
            commit = known.get(revision) or (revision if COMMIT.fullmatch(revision) else None)
            if commit is None:
                raise UnknownInputError(
                    f"{name} has no revision {revision[:80]!r}",
                    next_step="Take branches, tags or full commits that the hub lists for it.",
                    reason="not_on_hub",
                )
            found[revision] = commit
        return found

    def _require_online(self, reference: str) -> None:
        if self.place.offline:
            raise unreachable(reference)

    def _look_on_hub(self, name: str, revision: str | None) -> HubModel:
        hub = open_hub(self.place)
        info = hub.model_info(name, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS)
        sizes = {item.rfilename: int(item.size or 0) for item in info.siblings or []}
        files = {file: size for file, size in sizes.items() if is_fetched_file(file)}
        commit = str(info.sha)
        return HubModel(
            name=name,
            revision=revision,
            commit=commit,
            origin="hub",
            look=self._first_look(hub, name, commit, info=info, sizes=sizes),
            gated=str(info.gated) if info.gated else None,
            licence=_licence(info),
            modified=info.last_modified.isoformat() if info.last_modified else None,
            files=files,
            download_bytes=self._missing(name, commit, files),
            revisions=tuple(self._refs(name)),
        )

    def _first_look(
        self, hub: Any, name: str, commit: str, *, info: Any, sizes: Mapping[str, int]
    ) -> FirstLook:
        reasons = judge_names(list(sizes))
        look = FirstLook()
        if "config.json" in sizes:
            try:
                look = judge_config(_read(hub, name, commit, "config.json"))
                counts = _counts(hub, name, commit, info=info, sizes=sizes)
            except UnknownInputError as error:
                if error.data.get("reason") != "gated":
                    raise
                counts = _counted(info)
                reasons = (*reasons, Reason("gated", error.message, error.next_step))
            weights = sum(size for file, size in sizes.items() if is_weight_file(file))
            look = count_weights(look, counts, weights)
        return look.refused(*reasons)

    def _refs(self, name: str) -> list[HubRevision]:
        refs = open_hub(self.place).list_repo_refs(name)
        found = [HubRevision(ref.name, "branch", ref.target_commit) for ref in refs.branches]
        found += [HubRevision(ref.name, "tag", ref.target_commit) for ref in refs.tags]
        named = [item for item in found if re.fullmatch(r"[\w./-]{1,100}", item.name, re.ASCII)]
        return named[:MOST_REVISIONS]

    def _missing(self, name: str, commit: str, files: Mapping[str, int]) -> int:
        from huggingface_hub import try_to_load_from_cache

        return sum(
            size
            for file, size in files.items()
            if not isinstance(
                try_to_load_from_cache(name, file, cache_dir=self.place.cache, revision=commit),
                str,
            )
        )

    def _look_in_cache(self, cached: CachedRevision, revision: str | None) -> HubModel:
        files = {
            item.name: item.stat().st_size
            for item in cached.folder.iterdir()
            if item.is_file() and is_fetched_file(item.name)
        }
        return HubModel(
            name=cached.name,
            revision=revision,
            commit=cached.commit,
            origin="cache",
            look=look_at_folder(cached.folder),
            files=files,
            revisions=tuple(_cached_refs(self.place, cached.name)),
        )


def _search(hub: Any, text: str, limit: int) -> list[Any]:
    """Ask as `HfApi.list_models` does, but once: it would try for half a minute."""
    from huggingface_hub import ModelInfo
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    query = {
        "search": text,
        "sort": "downloads",
        "limit": limit,
        "expand": ["safetensors", "gated", "downloads"],
    }
    answer = get_session().get(
        f"{hub.endpoint}/api/models", params=query, headers=build_hf_headers()
    )
    hf_raise_for_status(answer)
    found = answer.json()
    return [ModelInfo(**item) for item in (found if isinstance(found, list) else [])[:limit]]


def _hit(item: Any, cached: set[str]) -> HubHit:
    counted = item.safetensors
    return HubHit(
        name=str(item.id),
        downloads=item.downloads,
        gated=bool(item.gated),
        parameters=int(counted.total) if counted else None,
        cached=item.id in cached,
    )


def _cached_refs(place: HubPlace, name: str) -> list[HubRevision]:
    return [
        HubRevision(ref, "cached", item.commit)
        for item in cached_revisions(place, name)
        for ref in item.refs or (item.commit,)
    ]


def _licence(info: Any) -> str | None:
    named = getattr(info.card_data, "license", None) if info.card_data else None
    tagged = [tag.removeprefix("license:") for tag in info.tags or [] if tag.startswith("license:")]
    found = named if isinstance(named, str) else (tagged or [None])[0]
    return found[:80] if found else None


def _counts(
    hub: Any, name: str, commit: str, *, info: Any, sizes: Mapping[str, int]
) -> dict[str, int]:
    """Return {type: numbers}, as the hub has counted them, else from the headers themselves."""
    if counted := _counted(info):
        return counted
    weights = [file for file in sizes if is_weight_file(file)]
    counts: dict[str, int] = {}
    if len(weights) > MOST_HEADERS:
        return counts
    from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

    for file in weights:
        try:
            with hub_errors(name):
                header = hub.parse_safetensors_file_metadata(
                    name, file, revision=commit, timeout=ANSWER_SECONDS
                )
        except (NotASafetensorsRepoError, SafetensorsParsingError):
            return {}
        for kind, count in header.parameter_count.items():
            counts[kind] = counts.get(kind, 0) + int(count)
    return counts


def _counted(info: Any) -> dict[str, int]:
    counts = info.safetensors.parameters if info.safetensors else None
    return {str(kind): int(count) for kind, count in (counts or {}).items()}


def _read(hub: Any, name: str, commit: str, file: str) -> bytes:
    """Return a small file of a model, at most `LARGEST_CONFIG` bytes of it."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    address = hf_hub_url(name, file, revision=commit, endpoint=hub.endpoint)
    with (
        hub_errors(name),
        get_session().stream("GET", address, headers=build_hf_headers()) as answer,
    ):
        if answer.status_code in (401, 403):
            raise gated(name)
        if answer.status_code >= 400:
            answer.read()
            hf_raise_for_status(answer)
        data = bytearray()
        for piece in answer.iter_bytes():
            data += piece
            if len(data) > LARGEST_CONFIG:
                break
    return bytes(data)
