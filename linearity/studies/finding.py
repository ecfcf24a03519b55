"""One sentence that says what was found, computed from the numbers, in English and Japanese."""

from dataclasses import dataclass

from linearity.contracts.linearity import Profile, TokenCounts

LEVEL = 0.05
"""A block belongs to the plateau when its score is within this of the median of all blocks."""


@dataclass(frozen=True)
class Range:
    """Lowest and highest of some scores."""

    low: float
    high: float

    @classmethod
    def of(cls, scores: list[float]) -> "Range":
        """Return the range of `scores`."""
        return cls(min(scores), max(scores))

    def percent(self, join: str) -> str:
        """Write the range in whole per cent, one number when both ends round alike."""
        low, high = round(100 * self.low), round(100 * self.high)
        return f"{low} %" if low == high else f"{low}{join}{high} %"


def finding(
    profile: Profile, kept: Profile, counts: TokenCounts, *, exclude: str
) -> dict[str, str]:
    """Say from which block on the model is how linear.

    Parameters
    ----------
    profile, kept : Profile
        Without and with first tokens and sinks.
    counts : TokenCounts
    exclude : "sinks" | "first" | "none"

    Returns
    -------
    {"en": str, "ja": str}

    Notes
    -----
    The rule: the sentence speaks of the longest run of blocks up to the last but one whose
    held-out stream score stays at or above the median of all blocks minus 0.05.
    """
    first = plateau_start(profile.r2_heldout)
    last = (
        len(profile.r2_heldout) - 2 if len(profile.r2_heldout) > 2 else len(profile.r2_heldout) - 1
    )
    stream = Range.of(_known(profile.r2_heldout[first : last + 1]))
    update = _known(profile.update_r2_heldout[first : last + 1])
    with_first = Range.of(_known(kept.r2_heldout[first : last + 1]))
    return {
        "en": _english(first, last, stream, update, with_first, exclude),
        "ja": _japanese(first, last, stream, update, with_first, exclude),
    }


def plateau_start(scores: list[float | None]) -> int:
    """Return the first block from which no score falls far below the median until the last but one."""
    known = sorted(_known(scores))
    floor = known[len(known) // 2] - LEVEL
    start = 0
    for block, score in enumerate(scores[:-1] if len(scores) > 2 else scores):
        if score is None or score < floor:
            start = block + 1
    return min(start, len(scores) - 1)


def _known(scores: list[float | None]) -> list[float]:
    return [score for score in scores if score is not None]


_EXCLUDED = {
    "sinks": ("first token and sinks excluded", "先頭トークンとシンクを除外"),
    "first": ("first token excluded", "先頭トークンを除外"),
    "none": ("no token excluded", "除外なし"),
}


def _english(
    first: int, last: int, stream: Range, update: list[float], kept: Range, exclude: str
) -> str:
    where = f"From block {first} to block {last}" if last > first else f"In block {first}"
    text = (
        f"{where}, a linear map of each state explains {stream.percent('-')} of the variance "
        f"of the next (held-out, {_EXCLUDED[exclude][0]})"
    )
    if update:
        text += f"; of what the blocks add, {Range.of(update).percent('-')}"
    text += "."
    if exclude != "none":
        text += f" With the first token kept it would read {_fine(kept, '-')}."
    return text


def _japanese(
    first: int, last: int, stream: Range, update: list[float], kept: Range, exclude: str
) -> str:
    where = f"ブロック{first}〜{last}では" if last > first else f"ブロック{first}では"
    text = (
        f"{where}、各状態の線形写像だけで次の状態の分散の{stream.percent('〜')}を説明できます"
        f"(未使用データで評価、{_EXCLUDED[exclude][1]})"
    )
    if update:
        text += f"。ブロックが加える変化分では{Range.of(update).percent('〜')}です"
    text += "。"
    if exclude != "none":
        text += f"先頭トークンを含めると見かけ上{_fine(kept, '〜')}になります。"
    return text


def _fine(value: Range, join: str) -> str:
    """Write a range near 100 % with one decimal: 99.9 % is not 100 %."""
    low, high = (f"{100 * end:.1f}" for end in (value.low, value.high))
    return f"{low} %" if low == high else f"{low}{join}{high} %"
