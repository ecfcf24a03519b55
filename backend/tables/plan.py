"""The table of a `plan` result."""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.tables.categories import category_cells, of_plan
from backend.tables.table import Result, Row, Table, Words, ends, flag, row_maker
from backend.tables.words import QUALITY, SHARED

COLUMNS = (
    "table", "plan", "edge", "document", "title", "category", "position", "before", "token",
    "dense", "changed", "metric", "value", "low", "high",
)  # fmt: skip
DOCUMENT_METRICS = ("tokens", "nll_dense", "nll", "nll_diff", "kl", "top1")
TOKEN_METRICS = ("kl", "nll_diff")

_WORDS: Words = {
    **SHARED,
    **QUALITY,
    # columns
    "edge": ("First or last block changed [1 = yes]", "最初か最後の層を変更[1=はい]"),
    "title": ("Title", "見出し"),
    "position": ("Position in the document [tokens]", "文書内の位置[トークン]"),
    "before": ("Text before", "直前の文"),
    "token": ("Token", "トークン"),
    # tables; `dense` is a table too
    "steps": ("Steps of the plan", "プランの各操作"),
    "point": ("The whole plan", "プラン全体"),
    "documents": ("Documents", "文書"),
    "categories": ("Categories", "分類"),
    "worst_tokens": ("Most damaged tokens", "最も悪化したトークン"),
    # metrics
    "ridge": ("Ridge, relative [no unit]", "リッジ(相対値)[単位なし]"),
    "changed_blocks": ("Changed blocks", "変更した層の数"),
    "tokens": ("Scored tokens", "評価したトークン数"),
    "nll_dense": (
        "Negative log-likelihood, dense model [nats per token]",
        "負の対数尤度(元のモデル)[nats/トークン]",
    ),
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table; a running job's parts may still be missing."""
    for metric, value in (result.get("dense") or {}).items():
        yield _row(table="dense", metric=metric, value=value)
    for step in result.get("steps") or []:
        yield _row(table="steps", plan=step_text(step), metric="ridge", value=step["ridge"])
    if result.get("point"):
        yield from _point_rows(result["point"])
    for item in result.get("documents") or []:
        about = {key: item[key] for key in ("document", "title", "category")}
        for metric in DOCUMENT_METRICS:
            yield _row(table="documents", **about, metric=metric, value=item[metric])
    for cells in category_cells(of_plan(result)):
        yield _row(table="categories", **cells)
    yield from _guard_rows(result.get("guard") or {})


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS)


def _point_rows(point: Mapping[str, Any]) -> Iterator[Row]:
    about = {"plan": point["plan"], "edge": flag(point["edge"])}
    yield _row(table="point", **about, metric="changed_blocks", value=point["changed"])
    for metric in QUALITY:
        interval = ends(point["ci95"]) if metric == "nll_diff" else {}
        yield _row(table="point", **about, metric=metric, value=point[metric], **interval)


def _guard_rows(guard: Mapping[str, Any]) -> Iterator[Row]:
    for item in guard.get("worst_tokens") or []:
        names = ("document", "position", "before", "token", "dense", "changed")
        about = {key: item[key] for key in names}
        for metric in TOKEN_METRICS:
            yield _row(table="worst_tokens", **about, metric=metric, value=item[metric])


def step_text(step: Mapping[str, Any]) -> str:
    """Return a step as it stands in a plan."""
    first, last = step["first"], step["last"]
    where = first if first == last else f"{first}-{last}"
    return f"{where}:{step['action']}"
