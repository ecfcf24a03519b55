"""The sentence that says what healing brought, in English and Japanese."""

from linearity.contracts.ablation import Point
from linearity.contracts.common import Interval, Protocol
from linearity.contracts.heal import Difference, Tuned
from linearity.studies.ablation_finding import CAUTION_EN, CAUTION_JA

SPLITS = {"select": ("select", "選択用"), "report": ("report", "報告用")}


def heal_finding(
    before: Point, after: Point, healing: Difference, tuned: Tuned | None, protocol: Protocol
) -> dict[str, str]:
    """Return the finding: perplexity before and after, what is left, and how sure that is."""
    split_en, split_ja = SPLITS[protocol.split]
    ci_en, ci_ja = _interval(healing.ci95)
    if tuned is not None:
        return _tuned_finding(tuned, split_en, split_ja)
    return {
        "en": (
            f"Healing moves perplexity from {before.ppl:.2f} to {after.ppl:.2f} on the {split_en} "
            f"split ({healing.nll_diff:+.3f} nats per token{ci_en}); {after.nll_diff:+.3f} nats "
            f"remain against the dense model, of {before.nll_diff:+.3f}. {CAUTION_EN}"
        ),
        "ja": (
            f"修復により、{split_ja}データでのパープレキシティは {before.ppl:.2f} から "
            f"{after.ppl:.2f} になります(1 トークンあたり {healing.nll_diff:+.3f} nats{ci_ja})。"
            f"元のモデルとの差は {before.nll_diff:+.3f} nats から {after.nll_diff:+.3f} nats に"
            f"なります。{CAUTION_JA}"
        ),
    }


def _tuned_finding(tuned: Tuned, split_en: str, split_ja: str) -> dict[str, str]:
    ci_en, ci_ja = _interval(tuned.gap_after.ci95)
    return {
        "en": (
            f"After the same fine-tune the changed model is {tuned.gap_after.nll_diff:+.3f} nats "
            f"per token from the dense one on the {split_en} split{ci_en}; before it was "
            f"{tuned.gap_before.nll_diff:+.3f}. The fine-tune moves the dense model by "
            f"{tuned.dense.nll_diff:+.3f} and the changed one by {tuned.changed.nll_diff:+.3f}. "
            f"{CAUTION_EN}"
        ),
        "ja": (
            f"同じ追加学習のあと、{split_ja}データでの元のモデルとの差は 1 トークンあたり "
            f"{tuned.gap_after.nll_diff:+.3f} nats です{ci_ja}。学習前の差は "
            f"{tuned.gap_before.nll_diff:+.3f} nats でした。追加学習による変化は、元のモデルで "
            f"{tuned.dense.nll_diff:+.3f} nats、変更したモデルで {tuned.changed.nll_diff:+.3f} "
            f"nats です。{CAUTION_JA}"
        ),
    }


def _interval(ci95: Interval | None) -> tuple[str, str]:
    if ci95 is None:
        return "", ""
    low, high = ci95
    return f", 95 % interval {low:+.3f} to {high:+.3f}", f"、95 % 区間 {low:+.3f}〜{high:+.3f}"
