"""The configuration of a model of which some blocks are left: per-block fields by the same cut.

What a family says block by block in ``config.json`` is listed here by name. A list of L values
that means something else, such as tokens that end an answer, must not be cut.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from linearity.models.changes import Changes, Segment

PER_BLOCK = ("layer_types", "mlp_layer_types", "no_rope_layers")
"""Lists with one entry a block."""
DERIVES = ("_sliding_window_pattern", "sliding_window_pattern", "no_rope_layer_interval")
"""Rules that such a list was made by; a cut list follows none, and the library reads the list."""


@dataclass(frozen=True)
class Entry:
    """One entry of the list of blocks of an exported model.

    Parameters
    ----------
    segment : Segment
        What stands there: a block, perhaps with a map merged into it, or a linear map.
    source : int
        The dense block whose per-block fields it has: its own, or of a linear map those of the
        first block that runs, because they say nothing there.
    """

    segment: Segment
    source: int

    @property
    def origin(self) -> list[int]:
        """The first and the last dense block that it stands for."""
        return [self.segment.first, self.segment.last]


def entries_of(changes: Changes) -> list[Entry]:
    """Return what is left of a model, in order; dropped blocks leave nothing."""
    left = [s for s in changes if s.block is not None or s.linear is not None]
    first = next(s.block for s in left if s.block is not None)
    return [Entry(s, first if s.block is None else s.block) for s in left]


def sliced_config(config: Any, sources: Sequence[int]) -> Any:
    """Return a copy of a transformers configuration for the blocks `sources`, in this order.

    Parameters
    ----------
    config : PreTrainedConfig
        Of the dense model; it is not changed.
    sources : sequence of int
        For every entry of the exported model the dense block whose fields it has.
    """
    cut = copy.deepcopy(config)
    blocks = config.num_hidden_layers
    cut.num_hidden_layers = len(sources)
    for name in PER_BLOCK:
        values = getattr(config, name, None)
        if isinstance(values, list) and len(values) == blocks:
            setattr(cut, name, [values[block] for block in sources])
            for rule in DERIVES:
                vars(cut).pop(rule, None)
    if isinstance(getattr(config, "max_window_layers", None), int):
        cut.max_window_layers = _windows_from(config.max_window_layers, blocks, sources)
    if getattr(config, "decoder_sparse_step", None) is not None:
        cut.mlp_only_layers = [
            place for place, block in enumerate(sources) if not _has_experts(config, block)
        ]
        cut.decoder_sparse_step = 1
    return cut


def uneven_fields(config: Any) -> list[str]:
    """Return the per-block lists that do not say the same of every block."""
    lists = {name: getattr(config, name, None) for name in PER_BLOCK}
    uneven = [name for name, values in lists.items() if values and len(set(values)) > 1]
    plain = getattr(config, "mlp_only_layers", None)
    return uneven + (["mlp_only_layers"] if plain else [])


def _windows_from(first: int, blocks: int, sources: Sequence[int]) -> int:
    """Return from which entry on attention looks through a window, for readers of that field."""
    return first if first >= blocks else sum(block < first for block in sources)


def _has_experts(config: Any, block: int) -> bool:
    """Whether a block has experts, by the rule of the Qwen families."""
    plain: list[int] = config.mlp_only_layers or []
    return block not in plain and (block + 1) % config.decoder_sparse_step == 0
