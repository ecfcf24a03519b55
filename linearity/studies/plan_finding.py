"""The sentence that says what a plan costs, in English and Japanese."""

from collections.abc import Mapping

from linearity.contracts.ablation import Point
from linearity.contracts.common import Protocol
from linearity.studies.ablation_finding import CAUTION_EN, CAUTION_JA
from linearity.studies.category_finding import worst_category


def plan_finding(
    point: Point, dense: Mapping[str, float], protocol: Protocol, *, preview: bool
) -> dict[str, str]:
    """Return the finding: changed blocks, perplexity, damage, agreement, split, worst category."""
    low_high_en = low_high_ja = ""
    if point.ci95 is not None:
        low, high = point.ci95
        low_high_en = f", 95 % interval {low:+.3f} to {high:+.3f}"
        low_high_ja = f"、95 % 区間 {low:+.3f}〜{high:+.3f}"
    split_en = {"select": "select", "report": "report"}[protocol.split]
    split_ja = {"select": "選択用", "report": "報告用"}[protocol.split]
    blocks = "1 block" if point.changed == 1 else f"{point.changed} blocks"
    start_en, start_ja = ("Preview: changing", "簡易測定では、") if preview else ("Changing", "")
    worst = worst_category(point.categories, point.nll_diff)
    worst_en, worst_ja = (f"{worst[0]} ", worst[1]) if worst else ("", "")
    return {
        "en": (
            f"{start_en} {blocks} moves perplexity from {dense['ppl']:.2f} to {point.ppl:.2f} "
            f"({point.nll_diff:+.3f} nats per token{low_high_en}) on the {split_en} split; the "
            f"likeliest token stays the same at {100 * point.top1:.0f} % of positions. "
            f"{worst_en}{CAUTION_EN}"
        ),
        "ja": (
            f"{start_ja}{point.changed} 個のブロックを変えると、{split_ja}データでの"
            f"パープレキシティは {dense['ppl']:.2f} から {point.ppl:.2f} になります"
            f"(1 トークンあたり {point.nll_diff:+.3f} nats{low_high_ja})。"
            f"最も確率の高いトークンは {100 * point.top1:.0f} % の位置で変わりません。"
            f"{worst_ja}{CAUTION_JA}"
        ),
    }
