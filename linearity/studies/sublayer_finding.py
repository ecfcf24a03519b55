"""The sentence on top of a run by sublayers: what attention and what the MLP does, apart."""

from statistics import median

from linearity.contracts.linearity import Profile, Vector
from linearity.studies.finding import EXCLUDED, tenths


def sublayer_finding(profile: Profile, *, exclude: str) -> dict[str, str]:
    """Say how linear attention and MLP are in the median block, and which of them is less so.

    Parameters
    ----------
    profile : Profile
        Of 2L transitions, attention before MLP.
    exclude : "sinks" | "first" | "none"

    Returns
    -------
    {"en": str, "ja": str}
    """
    stream, update = profile.r2_heldout, profile.update_r2_heldout
    behind = [_median(stream[part::2]) for part in (0, 1)]
    added = [_median(update[part::2]) for part in (0, 1)]
    less, blocks = _less_linear(update)
    return {
        "en": f"Attention and MLP apart, in the median block: a linear map explains {behind[0]} of "
        f"the variance of the state behind attention, and {behind[1]} behind the MLP (held-out, "
        f"{EXCLUDED[exclude][0]}); of what attention adds, {added[0]}, of what the MLP adds, "
        f"{added[1]}. What attention adds is the less linear part in {less} of {blocks} blocks.",
        "ja": "注意機構と MLP を分けると、ブロックの中央値では、線形写像で"
        f"注意機構の後の状態の分散の {behind[0]}、MLP の後の状態の {behind[1]} を説明できます"
        f"(学習に使っていないデータで評価、{EXCLUDED[exclude][1]})。"
        f"加える変化分では、注意機構が {added[0]}、MLP が {added[1]} です。"
        f"変化分の線形性は、{blocks} ブロックのうち {less} ブロックで"
        "注意機構の方が低くなりました。",
    }


def _median(scores: Vector) -> str:
    known = [score for score in scores if score is not None]
    return tenths(median(known)) if known else "–"


def _less_linear(update: Vector) -> tuple[int, int]:
    """Return in how many of how many blocks attention adds the less linear part."""
    both = [
        (attention, mlp)
        for attention, mlp in zip(update[::2], update[1::2], strict=True)
        if attention is not None and mlp is not None
    ]
    return sum(attention < mlp for attention, mlp in both), len(both)
