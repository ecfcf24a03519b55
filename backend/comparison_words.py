"""One sentence that says where two runs differ, from the numbers, in English and Japanese."""

from backend.comparison import Comparison, Difference


def comparison_finding(comparison: Comparison, score: str) -> dict[str, str]:
    """Return ``{"en": ..., "ja": ...}``: which blocks differ, and where most."""
    found = comparison.differing(score)
    names = [str(side["dataset"]["name"]) for side in comparison.sides]
    if not found:
        return {"en": _none(comparison, score), "ja": _none_japanese(comparison, score)}
    largest = max(found, key=lambda item: abs(item.difference or 0.0))
    return {
        "en": _english(found, largest, names, score),
        "ja": _japanese(found, largest, names, score),
    }


def spans(blocks: list[int]) -> list[tuple[int, int]]:
    """Return runs of consecutive blocks as (first, last)."""
    found: list[tuple[int, int]] = []
    for block in blocks:
        if found and found[-1][1] == block - 1:
            found[-1] = (found[-1][0], block)
        else:
            found.append((block, block))
    return found


_OF_ENGLISH = {"stream": "", "update": " in what they add"}
_OF_JAPANESE = {"stream": "", "update": "が加える変化分"}


def _english(found: list[Difference], largest: Difference, names: list[str], score: str) -> str:
    parts = [f"{a}–{b}" if a < b else f"{a}" for a, b in spans([item.block for item in found])]
    where = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    blocks, verb = ("Block", "differs") if len(found) == 1 else ("Blocks", "differ")
    first, second = _pair(largest)
    return (
        f"{blocks} {where} {verb}{_OF_ENGLISH[score]}; most at block {largest.block}: "
        f"{first} on {names[0]} against {second} on {names[1]} "
        f"(difference {_signed(largest.difference)}, 95 % interval "
        f"{_signed(largest.low)} to {_signed(largest.high)})."
    )


def _japanese(found: list[Difference], largest: Difference, names: list[str], score: str) -> str:
    parts = [f"{a}〜{b}" if a < b else f"{a}" for a, b in spans([item.block for item in found])]
    first, second = _pair(largest)
    return (
        f"ブロック {'、'.join(parts)} {_OF_JAPANESE[score]}に差があります。"
        f"最も大きいのはブロック {largest.block} で、{names[0]} では {first}、"
        f"{names[1]} では {second} です"
        f"(差 {_signed(largest.difference)}、95 % 区間 "
        f"{_signed(largest.low)}〜{_signed(largest.high)})。"
    )


def _none(comparison: Comparison, score: str) -> str:
    if all(item.low is None for item in comparison.differences[score]):
        return "There are too few held-out documents for intervals, so no difference is judged."
    return (
        f"No block differs{_OF_ENGLISH[score]}: the 95 % interval of every difference contains 0."
    )


def _none_japanese(comparison: Comparison, score: str) -> str:
    if all(item.low is None for item in comparison.differences[score]):
        return "検証用の文書が少なく区間を計算できないため、差は判定していません。"
    return f"差のあるブロック{_OF_JAPANESE[score]}はありません。どの差の 95 % 区間も 0 を含みます。"


def _pair(item: Difference) -> tuple[str, str]:
    """Return both scores with as many digits as it takes to tell them apart."""
    first, second = item.first or 0.0, item.second or 0.0
    digits = next((n for n in (3, 4) if f"{first:.{n}f}" != f"{second:.{n}f}"), 4)
    return f"{first:.{digits}f}".replace("-", "−"), f"{second:.{digits}f}".replace("-", "−")


def _signed(value: float | None) -> str:
    return f"{value or 0.0:+.3f}".replace("-", "−")
