"""Exports in which some blocks are a linear map: the family's own fields, and which blocks.

::

    x -> x + (weight x + bias), at position 0 x -> x + first
"""

from dataclasses import replace

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description, Shape
from linearity.adapters.families.registry import READERS
from linearity.contracts.families import CUSTOM_PREFIX, family_named

LINEAR_BLOCKS = "linear_blocks"


def read_linearized(model_type: str, fields: Fields) -> Description:
    """Return what the config.json of an export with linear blocks says."""
    described = READERS[model_type.removeprefix(CUSTOM_PREFIX)](fields)
    family, sizes = family_named(model_type), described.sizes
    linear = _linear_blocks(fields, sizes.blocks)
    path = f"{family.decoder}.{family.blocks}"
    starts = tuple(f"{path}.{block}." for block in linear)
    weights = {n: shape for n, shape in described.weights.items() if not n.startswith(starts)}
    parts: dict[str, Shape] = {
        "weight": (sizes.width, sizes.width), "bias": (sizes.width,), "first": (sizes.width,),
    }  # fmt: skip
    weights |= {f"{start}{name}": shape for start in starts for name, shape in parts.items()}
    return replace(
        described,
        weights=weights,
        cleaned={**described.cleaned, LINEAR_BLOCKS: list(linear)},
    )


def _linear_blocks(fields: Fields, blocks: int) -> list[int]:
    given = fields.values.get(LINEAR_BLOCKS)
    linear = [block for block in given if type(block) is int] if isinstance(given, list) else []
    is_sound = linear and linear == given and linear == sorted(set(linear))
    if not is_sound or not 0 <= linear[0] <= linear[-1] < blocks or len(linear) == blocks:
        fields.refuse(
            LINEAR_BLOCKS, f"some of the blocks 0 to {blocks - 1}, ascending, not all", limit=blocks
        )
        return []
    return linear
