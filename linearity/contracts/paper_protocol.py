"""`protocol=paper`: the procedure behind the published scores, as a preset of parameters.

128 windows of 512 characters, every token of them fitted and scored, position 0 included: in
sample, nothing held out (docs/science.md, "The paper's procedure").
"""

from collections.abc import Mapping

from linearity.contracts.canonical import Json
from linearity.contracts.parameters import choice
from linearity.errors import InvalidParameterError

STANDARD, PAPER = "standard", "paper"
WINDOWS, CHARACTERS = 128, 512
CHARACTERS_PER_TOKEN = 4
"""For estimates only; the published runs had 4.7 (OPT) and 4.3 (Llama-2)."""
LONGEST_WINDOW = 2048
"""Tokens that 512 characters have at most: one a byte, up to four bytes a character."""

_FIXED: dict[str, Json] = {
    "tokens": WINDOWS * CHARACTERS // CHARACTERS_PER_TOKEN,
    "context": LONGEST_WINDOW,
    "heldout": 0.0,
    "ridge": 0.0,
    "exclude": "none",
    "repeats": 1,
    "granularity": "block",
    "template": "none",
    "score": "all",
}
_MEANS_THE_SAME = {"tokens": "auto", "ridge": "auto", "template": "auto"}


def protocol_of(given: Mapping[str, Json]) -> str | None:
    """Return ``paper``, or None for the standard protocol, which needs no mention in a digest.

    Raises
    ------
    InvalidParameterError
    """
    chosen = choice("protocol", given.get("protocol", STANDARD), (STANDARD, PAPER))
    return PAPER if chosen == PAPER else None


def fixed_parameters(given: Mapping[str, Json], *, context: int) -> dict[str, Json]:
    """Return what the paper's procedure fixes; `context` is the model's.

    Raises
    ------
    InvalidParameterError
        If something that it fixes was asked for otherwise.
    """
    resolved = _FIXED | {"context": min(LONGEST_WINDOW, context)}
    for name, value in _FIXED.items():
        asked = given.get(name, value)
        # What a run has settled on may be asked for again.
        if asked not in (value, resolved[name], _MEANS_THE_SAME.get(name, value)):
            raise InvalidParameterError(
                name,
                wanted=f"nothing beside protocol=paper, which takes {value}",
                got=asked,
                next_step=f"Leave {name} out, or leave protocol out.",
            )
    return resolved
