"""One sentence that says what was found, computed from the numbers, in English and Japanese."""

from dataclasses import dataclass
from statistics import median

from linearity.contracts.linearity import Profile

FAR_BELOW = 0.1
"""A block belongs to the plateau when its score is within this of the median of all blocks."""


@dataclass(frozen=True)
class _Facts:
    first: int
    last: int
    stream: str
    update: str | None
    median: str
    kept_median: str


def finding(profile: Profile, kept: Profile, *, exclude: str) -> dict[str, str]:
    """Say from which block on the model is how linear.

    Parameters
    ----------
    profile, kept : Profile
        Without and with first tokens and sinks.
    exclude : "sinks" | "first" | "none"

    Returns
    -------
    {"en": str, "ja": str}

    Notes
    -----
    The rule: the sentence speaks of the blocks from `plateau_start` to the last but one (the last
    block prepares the output, the first reads bare embeddings).
    """
    scores = profile.r2_heldout
    first, last = plateau_start(scores), max(len(scores) - 2, 0)
    span = slice(first, last + 1)
    update = _known(profile.update_r2_heldout[span])
    facts = _Facts(
        first,
        last,
        _range(_known(scores[span])),
        _range(update) if update else None,
        tenths(median(_known(scores[span]))),
        tenths(median(_known(kept.r2_heldout[span]))),
    )
    return {"en": _english(facts, exclude), "ja": _japanese(facts, exclude)}


def in_sample_finding(profile: Profile) -> dict[str, str]:
    """Say the same of a run of the paper's procedure: its score, and that nothing was held out.

    Returns
    -------
    {"en": str, "ja": str}
    """
    scores = profile.r2_fit
    first, last = plateau_start(scores), max(len(scores) - 2, 0)
    span = slice(first, last + 1)
    stream, update = _range(_known(scores[span])), _known(profile.update_r2_fit[span])
    where = f"blocks {first} to {last}" if last > first else f"block {first}"
    places = f"ブロック {first}〜{last}" if last > first else f"ブロック {first}"
    added = f"; of what they add, {_range(update)}" if update else ""
    adds = f"、加える変化分では {_range(update).replace('–', '〜')}" if update else ""
    return {
        "en": f"In sample, by the paper's procedure (no token left out, nothing held out): in "
        f"{where} a linear map explains {stream} of the variance of the next state on the very "
        f"tokens it was fitted to{added}. How it does on new text is not in these numbers.",
        "ja": f"論文の手順(トークンを除外せず、検証データも分けない)による同一データでの値です。"
        f"{places} では、線形写像がその計算に使ったトークン自身について、次の状態の分散の "
        f"{stream.replace('–', '〜')}{adds} を説明します。"
        "新しい文章での値はこの測定には含まれません。",
    }


def plateau_start(scores: list[float | None]) -> int:
    """Return the first block, from 1, after which no block but the last falls far below the median.

    Parameters
    ----------
    scores : list of float or None
        Held-out stream score of every block.

    Returns
    -------
    int
        0 only for models of one or two blocks.
    """
    if len(scores) <= 2:
        return 0
    floor = median(_known(scores)) - FAR_BELOW
    inner = range(1, len(scores) - 1)
    low = [block for block in inner if (scores[block] or -1.0) < floor]
    return min(low[-1] + 1, len(scores) - 2) if low else 1


def _known(scores: list[float | None]) -> list[float]:
    return [score for score in scores if score is not None]


def _range(scores: list[float]) -> str:
    low, high = _percents(min(scores)), _percents(max(scores))
    return f"{low} %" if low == high else f"{low}–{high} %"


def _percents(score: float) -> str:
    whole = round(100 * score)
    return str(whole) if whole < 100 else tenths(score).removesuffix(" %")


def tenths(score: float) -> str:
    """Return a share as percents with one decimal; nearly all is not written as all."""
    text = f"{100 * score:.1f} %"
    return "99.9 %" if text == "100.0 %" and score < 1.0 else text  # nearly all is not all


EXCLUDED = {
    "sinks": ("first token and sinks excluded", "先頭トークンとシンクを除外"),
    "first": ("first token excluded", "先頭トークンを除外"),
    "none": ("no token excluded", "除外なし"),
}
_KEPT = {
    "sinks": ("the first token and sinks", "先頭トークンとシンク"),
    "first": ("the first token", "先頭トークン"),
}


def _english(facts: _Facts, exclude: str) -> str:
    many = facts.last > facts.first
    where = f"From block {facts.first} to block {facts.last}" if many else f"In block {facts.first}"
    text = (
        f"{where}, a linear map of each state explains {facts.stream} of the variance of the next "
        f"(held-out, {EXCLUDED[exclude][0]})"
    )
    if facts.update:
        text += f"; of what the blocks add, {facts.update}"
    text += "."
    if exclude != "none":
        text += (
            f" With {_KEPT[exclude][0]} kept, the median would read {facts.kept_median} "
            f"instead of {facts.median}."
        )
    return text


def _japanese(facts: _Facts, exclude: str) -> str:
    many = facts.last > facts.first
    where = f"ブロック {facts.first}〜{facts.last} " if many else f"ブロック {facts.first} "
    stream = facts.stream.replace("–", "〜")
    text = (
        f"{where}では、各状態の線形写像だけで次の状態の分散の {stream} を説明できます"
        f"(学習に使っていないデータで評価、{EXCLUDED[exclude][1]})。"
    )
    if facts.update:
        text += f"ブロックが加える変化分では {facts.update.replace('–', '〜')} です。"
    if exclude != "none":
        text += (
            f"{_KEPT[exclude][1]}を含めると、中央値は {facts.median} ではなく "
            f"{facts.kept_median} になります。"
        )
    return text
