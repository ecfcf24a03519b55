"""The sentence that names the category, route or task that a change harms most."""

from collections.abc import Sequence

from linearity.contracts.common import CategoryQuality
from linearity.evaluate.categories import worse_than_all

LONGEST_NAME = 60


def worst_category(categories: Sequence[CategoryQuality], damage: float) -> tuple[str, str] | None:
    """Return the sentence in English and Japanese.

    None unless a category's whole interval lies above the damage on all tokens: what may be
    chance is not named.
    """
    worse = worse_than_all(categories, damage)
    if not worse:
        return None
    worst = worse[0]
    assert worst.ci95 is not None
    low, high = worst.ci95
    name = worst.category
    shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return (
        f"It harms the category “{shown}” more than the whole: {worst.nll_diff:+.3f} nats per "
        f"token (95 % interval {low:+.3f} to {high:+.3f}).",
        f"分類「{shown}」では全体より損失の増加が大きく、1 トークンあたり "
        f"{worst.nll_diff:+.3f} nats(95 % 区間 {low:+.3f}〜{high:+.3f})です。",
    )
