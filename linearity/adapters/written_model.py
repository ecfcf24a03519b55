"""Writes a changed model into a folder: its weights and its configuration, and what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from linearity.adapters.custom_code import write_code
from linearity.adapters.export_folder import check_room
from linearity.adapters.weight_writer import write_weights
from linearity.contracts.export import Architecture
from linearity.models.architectures import linear_config
from linearity.models.changed_weights import changed_weights, weight_numbers
from linearity.models.changes import Changes
from linearity.models.loaded import LoadedModel
from linearity.models.slicing import Entry, entries_of, sliced_config, uneven_fields


def write_model(  # what is written, how, and who hears of it
    folder: Path,
    model: LoadedModel,
    changes: Changes,
    *,
    dtype: str,
    max_shard_bytes: int,
    told: Callable[[float], None],
) -> Architecture:
    """Write weights and ``config.json``; with linear blocks also the code of their architecture.

    Parameters
    ----------
    folder : Path
    model : LoadedModel
        It is the dense one again afterwards.
    changes : Changes
    dtype : str
        What the model is in.
    max_shard_bytes : int
    told : callable
        Hears what share is written; may raise to stop.

    Raises
    ------
    DiskFullError
        If the disk cannot hold the weights, before they are begun.
    """
    entries = entries_of(changes)
    config = _configuration(folder, model, entries, dtype)
    with changed_weights(model, entries) as weights:
        architecture = _architecture(model, entries, config, weight_numbers(weights), dtype)
        total = architecture.weight_bytes
        check_room(folder, total)
        write_weights(
            folder,
            weights,
            max_shard_bytes=max_shard_bytes,
            check=lambda written: told(written / total),
        )
    config.save_pretrained(folder)
    return architecture


def _configuration(staged: Path, model: LoadedModel, entries: list[Entry], dtype: str) -> Any:
    """Return the configuration of the export; with linear blocks, leave their code beside it."""
    network: Any = model.network
    cut = sliced_config(network.config, [entry.source for entry in entries])
    cut.architectures = [type(network).__name__]
    cut.dtype = getattr(torch, dtype)
    if linear := _linear(entries):
        cut = linear_config(cut, linear)
        cut.auto_map = write_code(staged, cut.model_type, type(cut).__name__)
    return cut


def _linear(entries: list[Entry]) -> list[int]:
    return [place for place, entry in enumerate(entries) if entry.segment.linear is not None]


def _architecture(
    model: LoadedModel, entries: list[Entry], config: Any, numbers: tuple[int, int], dtype: str
) -> Architecture:
    dense: Any = model.network
    held = list(dense.parameters())
    return Architecture(
        name=config.architectures[0],
        model_type=config.model_type,
        is_stock=not _linear(entries),
        blocks=len(entries),
        origins=[entry.origin for entry in entries],
        linear_blocks=_linear(entries),
        uneven=uneven_fields(config),
        dtype=dtype,
        parameters=numbers[0],
        dense_parameters=sum(p.numel() for p in held),
        weight_bytes=numbers[1],
        dense_weight_bytes=sum(p.numel() * p.element_size() for p in held),
    )
