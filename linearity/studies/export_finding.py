"""The sentence that says what was exported, in English and Japanese."""

from linearity.contracts.ablation import Point
from linearity.contracts.export import Architecture, Proof


def export_finding(architecture: Architecture, proof: Proof, point: Point) -> dict[str, str]:
    """Return the finding: what the folder is, how small, what it costs, how it was proven."""
    share = 100 * architecture.parameters / architecture.dense_parameters
    kind_en = "a stock" if architecture.is_stock else "a custom"
    kind_ja = "標準の" if architecture.is_stock else "独自の"
    return {
        "en": (
            f"The plan is {kind_en} {architecture.name} of {architecture.blocks} blocks with "
            f"{share:.1f} % of the parameters; the damage is {point.nll_diff:+.3f} nats per token. "
            f"A fresh process loaded it from the disk and computes what the plan computes in "
            f"memory: loss within {proof.nll_difference:.1g} nats, logits within "
            f"{proof.logits_difference:.1g}."
        ),
        "ja": (
            f"プランは {architecture.blocks} ブロックの{kind_ja} {architecture.name} として"
            f"書き出しました。パラメータ数は元の {share:.1f} %、損失の増加は 1 トークンあたり "
            f"{point.nll_diff:+.3f} nats です。新しいプロセスがディスクから読み込み、メモリ上の"
            f"プランと同じ計算になることを確認しました(損失の差 {proof.nll_difference:.1g} nats、"
            f"logits の差 {proof.logits_difference:.1g} 以内)。"
        ),
    }
