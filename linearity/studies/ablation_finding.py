"""One or two sentences that say what an ablation found, in English and Japanese."""

from collections.abc import Sequence
from operator import itemgetter

from linearity.contracts.ablation import Curve, RankCorrelation, SingleDamage
from linearity.studies.category_finding import worst_category

CAUTION_EN = "No plan is harmless on perplexity or agreement alone."
CAUTION_JA = "パープレキシティや一致率だけで、無害なプランとは言えません。"

NAMES = {
    "update_linearity": ("update linearity", "更新の線形性"),
    "stream_linearity": ("stream linearity", "ストリームの線形性"),
    "block_influence": ("block influence", "ブロック影響度"),
    "span_angular": ("angular spans", "角距離の区間"),
}
"""The rankings that the finding may name, as the page calls them."""


def ablation_finding(
    single: Sequence[SingleDamage],
    curves: Sequence[Curve],
    correlations: Sequence[RankCorrelation],
) -> dict[str, str]:
    """Return the finding.

    Three facts, each left out where it was not measured: the mildest block to drop, with the
    category that it harms more than the whole; in how many comparisons of curves that exist for
    both actions linear maps do less damage than dropping as many blocks (two strategies with the
    same two plans are one comparison); the strategy that agrees best with the measured damage of
    dropping (those that are the damage by definition, and random orders, do not count).
    """
    facts = [_mildest(single), _linear_against_drop(curves), _best_strategy(correlations)]
    known = [fact for fact in facts if fact is not None]
    return {
        "en": " ".join([*(en for en, _ in known), CAUTION_EN]),
        "ja": "".join([*(ja for _, ja in known), CAUTION_JA]),
    }


def _mildest(single: Sequence[SingleDamage]) -> tuple[str, str] | None:
    drops = [item for item in single if item.action == "drop"]
    if not drops:
        return None
    best = min(drops, key=lambda item: item.nll_diff)
    interval_en = interval_ja = ""
    if best.ci95 is not None:
        low, high = best.ci95
        interval_en = f" (95 % interval {low:+.3f} to {high:+.3f})"
        interval_ja = f"(95 % 区間 {low:+.3f}〜{high:+.3f})"
    worst = worst_category(best.categories, best.nll_diff)
    worst_en, worst_ja = (f" {worst[0]}", worst[1]) if worst else ("", "")
    return (
        f"The mildest block to drop is {best.block}: {best.nll_diff:+.3f} nats per token"
        f"{interval_en}.{worst_en}",
        f"削除による損失の増加が最も小さいのはブロック {best.block} で、1 トークンあたり "
        f"{best.nll_diff:+.3f} nats です{interval_ja}。{worst_ja}",
    )


def _linear_against_drop(curves: Sequence[Curve]) -> tuple[str, str] | None:
    by_key = {(c.strategy, c.action, c.fitting, c.seed): c for c in curves}
    better: dict[tuple[str, str], bool] = {}
    for (strategy, action, fitting, seed), curve in by_key.items():
        drop = by_key.get((strategy, "drop", None, seed))
        if action == "linear" and fitting == "one_shot" and drop is not None:
            better |= {
                (linear.plan, removed.plan): linear.nll_diff < removed.nll_diff
                for linear, removed in zip(curve.points, drop.points, strict=False)
            }
    if not better:
        return None
    less, compared = sum(better.values()), len(better)
    return (
        f"Linear maps do less damage than dropping as many blocks in {less} of {compared} "
        "comparisons.",
        f"同じ数のブロックを線形写像で置き換えたほうが削除より損失の増加が小さかったのは、"
        f"{compared} 通りの比較のうち {less} 通りです。",
    )


def _best_strategy(correlations: Sequence[RankCorrelation]) -> tuple[str, str] | None:
    ranked = [
        (item.spearman, item.strategy)
        for item in correlations
        if item.action == "drop"
        and item.spearman is not None
        and not item.by_definition
        and item.strategy in NAMES
    ]
    if not ranked:
        return None
    spearman, strategy = max(ranked, key=itemgetter(0))
    english, japanese = NAMES[strategy]
    return (
        f"Of the rankings that need no trial, {english} agrees best with the measured "
        f"damage (rank correlation {spearman:+.2f}).",
        f"試行なしの順位づけのうち、実測した損失の増加と最もよく一致したのは{japanese}です"
        f"(順位相関 {spearman:+.2f})。",
    )
