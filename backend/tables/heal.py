"""The table of a `heal` result."""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.tables.table import Result, Row, Table, Words, ends, row_maker
from backend.tables.words import QUALITY, SHARED

COLUMNS = (
    "table", "model", "plan", "blocks", "step", "tokens", "document", "title", "category", "metric",
    "value", "low", "high",
)  # fmt: skip
CURVE_METRICS = ("loss", "states", "kl", "select_nll", "select_nll_diff", "select_kl")
TRAINING_METRICS = ("parameters", "epochs", "best_step")
DOCUMENT_METRICS = ("nll_dense", "nll", "nll_diff", "kl", "top1")

_WORDS: Words = {
    **SHARED,
    **QUALITY,
    # columns
    "model": ("Trained model", "学習したモデル"),
    "blocks": ("Changed blocks", "変更した層の数"),
    "step": ("Training step", "学習ステップ"),
    "tokens": ("Tokens [model input positions]", "トークン数[モデルへの入力]"),
    "title": ("Title", "見出し"),
    # tables; `dense` is a table too
    "before": ("Before healing", "修復前"),
    "after": ("After healing", "修復後"),
    "healing": ("After minus before", "修復後と修復前の差"),
    "training": ("Training", "学習"),
    "curve": ("Training curve", "学習の推移"),
    "removed": ("Sweep: blocks removed", "個数別: 削除"),
    "replaced": ("Sweep: blocks replaced", "個数別: 置換"),
    "healed": ("Sweep: replaced and healed", "個数別: 置換して修復"),
    "tuned_dense": ("Fine-tune of the dense model", "元のモデルの追加学習"),
    "tuned_changed": ("Fine-tune of the changed model", "変更後のモデルの追加学習"),
    "tuned_gap_before": ("Gap before both fine-tunes", "追加学習前の差"),
    "tuned_gap_after": ("Gap after both fine-tunes", "追加学習後の差"),
    "documents": ("Documents, after healing", "文書(修復後)"),
    "categories_before": ("Categories, before", "分類(修復前)"),
    "categories_after": ("Categories, after", "分類(修復後)"),
    # metrics
    "recovered": ("Share of the damage taken back [0-1]", "取り戻した損失の割合[0-1]"),
    "loss": ("Loss", "損失"),
    "states": ("Loss: states", "損失: 状態"),
    "select_nll": (
        "Split A: negative log-likelihood [nats per token]",
        "分割A: 負の対数尤度[nats/トークン]",
    ),
    "select_nll_diff": ("Split A: damage [nats per token]", "分割A: 損失の増加[nats/トークン]"),
    "select_kl": ("Split A: KL [nats per token]", "分割A: KL[nats/トークン]"),
    "parameters": ("Trained numbers", "学習した数値の個数"),
    "epochs": ("Times that split F was seen", "分割Fを読んだ回数"),
    "best_step": ("Step whose weights were kept", "採用した重みのステップ"),
    "nll_dense": (
        "Negative log-likelihood, dense model [nats per token]",
        "負の対数尤度(元のモデル)[nats/トークン]",
    ),
}  # fmt: skip

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table; a running job's parts may still be missing."""
    for metric, value in (result.get("dense") or {}).items():
        yield _row(table="dense", metric=metric, value=value)
    if result.get("healing"):
        yield from _whole_rows(result)
    for training in result.get("training") or []:
        yield from _training_rows(training)
    for point in result.get("sweep") or []:
        for name in ("removed", "replaced", "healed"):
            yield from _point_rows(name, point[name])
    for item in result.get("documents") or []:
        about = {key: item[key] for key in ("document", "title", "category", "tokens")}
        for metric in DOCUMENT_METRICS:
            yield _row(table="documents", **about, metric=metric, value=item[metric])


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS)


def _whole_rows(result: Result) -> Iterator[Row]:
    for name in ("before", "after"):
        yield from _point_rows(name, result[name])
        yield from _category_rows(f"categories_{name}", result[name])
    yield _difference_row("healing", result["healing"])
    yield _row(table="healing", metric="recovered", value=result["recovered"])
    for name, difference in (result["tuned"] or {}).items():
        yield _difference_row(f"tuned_{name}", difference)


def _point_rows(table: str, point: Mapping[str, Any]) -> Iterator[Row]:
    about = {"table": table, "plan": point["plan"], "blocks": point["changed"]}
    for metric in QUALITY:
        interval = ends(point["ci95"]) if metric == "nll_diff" else {}
        yield _row(**about, metric=metric, value=point[metric], **interval)


def _category_rows(table: str, point: Mapping[str, Any]) -> Iterator[Row]:
    for row in point["categories"]:
        about = {"table": table, "category": row["category"], "tokens": row["tokens"]}
        for metric in ("nll", "nll_diff", "kl", "top1"):
            interval = ends(row["ci95"]) if metric == "nll_diff" else {}
            yield _row(**about, metric=metric, value=row[metric], **interval)


def _difference_row(table: str, difference: Mapping[str, Any]) -> Row:
    return _row(
        table=table,
        metric="nll_diff",
        value=difference["nll_diff"],
        **ends(difference["ci95"]),
    )


def _training_rows(training: Mapping[str, Any]) -> Iterator[Row]:
    about = {"model": training["model"]}
    for metric in TRAINING_METRICS if training["steps"] else ():
        whole = {"step": training["steps"], "tokens": training["tokens"]}
        yield _row(table="training", **about, **whole, metric=metric, value=training[metric])
    for place in training["curve"]:
        where = {"step": place["step"], "tokens": place["tokens"]}
        for metric in CURVE_METRICS:
            yield _row(table="curve", **about, **where, metric=metric, value=place[metric])
