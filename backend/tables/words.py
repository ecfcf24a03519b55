"""The words that the tables of the kinds that change a model share."""

from backend.tables.table import Words

SHARED: Words = {
    "table": ("Table", "表"),
    "metric": ("Metric", "指標"),
    "value": ("Value", "値"),
    "low": ("95 % interval, low", "95 %区間の下限"),
    "high": ("95 % interval, high", "95 %区間の上限"),
    "dense": ("Dense model", "元のモデル"),
    "changed": ("Changed model", "変更後のモデル"),
    "plan": ("Plan", "プラン"),
    "document": ("Document (from 0)", "文書(番号は0から)"),
    "category": ("Category", "分類"),
}

QUALITY: Words = {
    "nll": ("Negative log-likelihood [nats per token]", "負の対数尤度[nats/トークン]"),
    "ppl": ("Perplexity", "パープレキシティ"),
    "nll_diff": ("Damage [nats per token]", "損失の増加[nats/トークン]"),
    "kl": ("KL from the dense model [nats per token]", "元のモデルとのKL[nats/トークン]"),
    "top1": ("Agreement, likeliest token [share, 0-1]", "最有力トークンの一致率[割合 0-1]"),
    "top5": ("Overlap, five likeliest tokens [share, 0-1]", "上位5トークンの重なり[割合 0-1]"),
}
"""Numbers of `linearity.contracts.common.Quality`, with their units."""
