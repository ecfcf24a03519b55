"""Models and derived states that stay in memory between the runs of one process."""

import gc
from collections.abc import Callable, Collection

import torch

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_records
from linearity.adapters.store import ArtifactStore
from linearity.contracts.common import Sampling
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.passage import PassageParams
from linearity.contracts.templates import may_render
from linearity.models.loaded import LoadedModel
from linearity.ports import Progress
from linearity.studies.material import Material
from linearity.studies.neighbour_maps import NeighbourMaps, fit_neighbours

_ModelKey = tuple[str, ...]
LARGEST_MAPS = 4 << 30
"""Bytes of maps that stay; larger ones are fitted anew for every passage."""


class Resident:
    """Keeps the last model, and what was derived from it for the last text.

    Only one of each: states of a second one could fill the memory of the device.

    Attributes
    ----------
    maps_made : int
        How often maps between neighbours were fitted.
    """

    def __init__(self) -> None:
        self._model: tuple[_ModelKey, LoadedModel] | None = None
        self._material: tuple[tuple[_ModelKey, str, Sampling], Material] | None = None
        self._maps: tuple[tuple[_ModelKey, str, PassageParams], NeighbourMaps] | None = None
        self.maps_made = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return self._model is None

    def model(
        self, record: ModelRecord, store: ArtifactStore, *, device: str, dtype: str, attention: str
    ) -> LoadedModel:
        """Return a model, loaded unless it is the last one."""
        key = _key(record, device, dtype, attention)
        if self._model is None or self._model[0] != key:
            self.clear()
            loaded = load_model(record, store, device=device, dtype=dtype, attention=attention)
            self._model = key, loaded
        return self._model[1]

    def give(self, record: ModelRecord, loaded: LoadedModel, *, dtype: str, attention: str) -> None:
        """Keep a model that somebody else has loaded, so that it is not loaded again."""
        self.clear()
        self._model = _key(record, str(loaded.device), dtype, attention), loaded

    def material(
        self,
        model: ModelRecord,
        dataset: DatasetRecord,
        sampling: Sampling,
        *,
        store: ArtifactStore,
        device: str,
        check: Callable[[], None],
    ) -> tuple[Material, list[Document]]:
        """Return what plans are measured with, and the dataset's records."""
        loaded = self.model(
            model, store, device=device, dtype=sampling.dtype, attention=sampling.attention
        )
        assert self._model is not None
        key = (self._model[0], dataset.fingerprint, sampling)
        records = load_records(dataset, store)
        if self._material is None or self._material[0] != key:
            self._material = None
            gc.collect()  # what a trace of an error still holds must not lie beside the new states
            made = Material.of(loaded, records, sampling)
            self._material = key, made
        material = self._material[1]
        material.stop.check = check
        return material, records

    def neighbour_maps(
        self,
        model: ModelRecord,
        dataset: DatasetRecord,
        params: PassageParams,
        *,
        store: ArtifactStore,
        device: str,
        progress: Progress,
    ) -> NeighbourMaps:
        """Return the maps that passages are judged by, fitted unless they are the last ones."""
        loaded = self.model(
            model, store, device=device, dtype=params.dtype, attention=params.attention
        )
        assert self._model is not None
        key = (self._model[0], dataset.fingerprint, params.fitting)
        if self._maps is not None and self._maps[0] == key:
            return self._maps[1]
        # Sums and held-out states of a fit must not lie beside what plans left.
        self._material = self._maps = None
        gc.collect()
        records = load_records(dataset, store)
        made = fit_neighbours(loaded, records, params.linearity, progress)
        self.maps_made += 1
        if made.bytes <= LARGEST_MAPS:
            self._maps = key, made
        return made

    def keep_only(self, fingerprints: Collection[str]) -> None:
        """Let go of a model or text that is not among `fingerprints`: it has been deleted."""
        if self._model is not None and self._model[0][1] not in fingerprints:
            self.clear()
            return
        if self._material is not None and self._material[0][1] not in fingerprints:
            self._material = None
        if self._maps is not None and self._maps[0][1] not in fingerprints:
            self._maps = None
        gc.collect()

    def clear(self) -> None:
        """Let everything go, for example after the device ran out of memory."""
        self._model = self._material = self._maps = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _key(record: ModelRecord, device: str, dtype: str, attention: str) -> _ModelKey:
    # Chat templates of the same files are rendered for some, and not for others.
    return str(may_render(record)), record.fingerprint, device, dtype, attention
