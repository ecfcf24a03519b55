"""What the places of a `linearity` figure are called: blocks, or attention and MLP of each.

A figure counts transitions from 0; with sublayers, transition 2b is the attention of block b and
2b + 1 its MLP.
"""

from collections.abc import Mapping
from typing import Any

from backend.figures.labels import LABELS
from backend.figures.theme import Theme, axis, block_ticks
from linearity.contracts.granularity import SUBLAYER
from linearity.contracts.runs import Language


def is_by_sublayers(result: Mapping[str, Any]) -> bool:
    """Return whether the states between attention and MLP are among those of a result."""
    return bool(result["params"].get("granularity") == SUBLAYER)


def transition_names(result: Mapping[str, Any], language: Language) -> list[str]:
    """Return what people call each transition, in order."""
    words = LABELS[language]
    count = len(result["states"]) - 1
    if not is_by_sublayers(result):
        return [words["block_place"].format(block=block) for block in range(count)]
    parts = (words["attention_place"], words["mlp_place"])
    return [parts[place % 2].format(block=place // 2) for place in range(count)]


def block_axis(theme: Theme, title: str, blocks: int) -> dict[str, Any]:
    """Return the x axis that all figures of whole blocks share."""
    return axis(
        theme, title, range=[-0.6, blocks - 0.4], tickvals=block_ticks(blocks), showgrid=False
    )


def transition_axis(theme: Theme, result: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return the x axis of a `linearity` figure."""
    words, count = LABELS[language], len(result["states"]) - 1
    if not is_by_sublayers(result):
        return block_axis(theme, words["block"], count)
    ticks = block_ticks(count // 2)
    return block_axis(theme, words["block_in_parts"], count) | {
        "tickmode": "array",
        "tickvals": [2 * block + 0.5 for block in ticks],
        "ticktext": [str(block) for block in ticks],
    }


def state_ticks(result: Mapping[str, Any], *, first: int = 0) -> dict[str, Any]:
    """Return the ticks of an axis of states, from `first` on, up to the last but `1 - first`."""
    count = len(result["states"]) - 1
    if not is_by_sublayers(result):
        return {"tickvals": block_ticks(count, first=first)}
    ticks = block_ticks(count // 2, first=first)
    return {
        "tickmode": "array",
        "tickvals": [2 * state for state in ticks],
        "ticktext": [str(state) for state in ticks],
    }
