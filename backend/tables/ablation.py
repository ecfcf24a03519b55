"""The table and the arrays of an `ablation` result."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backend.tables.categories import category_cells
from backend.tables.category_arrays import category_arrays, category_names
from backend.tables.table import Result, Row, Table, Words, ends, flag, row_maker
from backend.tables.words import QUALITY, SHARED

COLUMNS = (
    "table", "strategy", "action", "fitting", "seed", "changed_blocks", "plan", "block",
    "other_block", "rule", "measure", "edge", "category", "metric", "value", "low", "high",
)  # fmt: skip
SINGLE_METRICS = ("nll_diff", "kl", "top1")

_WORDS: Words = {
    **SHARED,
    **QUALITY,
    # columns
    "strategy": ("Strategy", "戦略"),
    "action": ("Action", "操作"),
    "fitting": ("Fitting", "当てはめ方"),
    "seed": ("Seed of a random order", "無作為な順のシード"),
    "changed_blocks": ("Changed blocks", "変更した層の数"),
    "block": ("Block (from 0)", "層(番号は0から)"),
    "other_block": ("Second block", "2つ目の層"),
    "rule": ("Rule for position 0", "先頭トークンの扱い"),
    "measure": ("Ranked by", "順位の根拠"),
    "edge": ("First or last block changed [1 = yes]", "最初か最後の層を変更[1=はい]"),
    # tables
    "single": ("One block changed alone", "1層だけを変更"),
    "curves": ("Curves", "曲線"),
    "single_categories": ("One block changed alone, by category", "1層だけを変更(分類ごと)"),
    "curve_categories": ("Curves, by category", "曲線(分類ごと)"),
    "scores": ("What strategies rank by", "戦略が順位に使う値"),
    "rank_correlation": ("Agreement with the measured damage", "実測した損失との一致"),
    "interaction": (
        "Interaction of two dropped blocks [nats per token]",
        "2層を削除したときの相互作用[nats/トークン]",
    ),
    # metrics
    "documents": ("Documents", "文書数"),
    "tokens": ("Scored tokens", "評価したトークン数"),
    "score": ("Score, lower is changed sooner", "値(小さいほど先に変更)"),
    "spearman": ("Spearman rank correlation [-1 to 1]", "スピアマン順位相関[-1~1]"),
    "blocks": ("Ranked blocks", "順位づけした層の数"),
    "damage": ("Damage of both dropped [nats per token]", "両方を削除した損失[nats/トークン]"),
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table; a running job's parts may still be missing."""
    for metric, value in (result.get("dense") or {}).items():
        yield _row(table="dense", metric=metric, value=value)
    for item in result.get("single") or []:
        yield from _single_rows(item)
    for curve in result.get("curves") or []:
        yield from _curve_rows(curve)
    for item in result.get("scores") or []:
        yield from _score_rows(item)
    for item in result.get("rank_correlation") or []:
        names = {"strategy": item["strategy"], "action": item["action"]}
        for metric in ("spearman", "blocks"):
            yield _row(table="rank_correlation", **names, metric=metric, value=item[metric])
    if result.get("interaction"):
        yield from _interaction_rows(result["interaction"])


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS)


def arrays(result: Result) -> dict[str, np.ndarray[Any, Any]]:
    """Return curves, single damages, scores and the interaction map as float64, null as NaN.

    ``curves_*`` have a row a curve (their names are in ``meta``) and a column a number of changed
    blocks; ``single_*`` a row an action and a column a block; ``scores`` a row a strategy. Those by
    category have categories as their last axis.
    """
    found = {f"curves_{metric}": _of_curves(result["curves"], metric) for metric in QUALITY}
    found |= {f"single_{metric}": _of_single(result, metric) for metric in SINGLE_METRICS}
    found["curves_ci95"] = _filled(
        [[_pair(point["ci95"]) for point in curve["points"]] for curve in result["curves"]],
        _most_points(result["curves"]), (np.nan, np.nan),
    )  # fmt: skip
    found |= category_arrays(result, single_actions(result))
    found["scores"] = np.array([item["values"] for item in result["scores"]], dtype=np.float64)
    for metric in ("blocks", "damage", "interaction"):
        if result["interaction"]:
            values = result["interaction"][metric]
            found[f"interaction_{metric}"] = np.array(values, dtype=np.float64)
    return found


def names(result: Result) -> dict[str, Any]:
    """Return what the rows of the arrays are, for ``meta``."""
    kept = ("strategy", "action", "fitting", "seed", "order")
    curves = [
        {key: curve[key] for key in kept} | {"plans": [point["plan"] for point in curve["points"]]}
        for curve in result["curves"]
    ]
    scores = [
        {key: item[key] for key in ("strategy", "action", "measure")} for item in result["scores"]
    ]
    return {
        "curves": curves,
        "scores": scores,
        "single": single_actions(result),
        "categories": category_names(result),
    }


def _single_rows(item: Mapping[str, Any]) -> Iterator[Row]:
    about = {
        "action": item["action"],
        "block": item["block"],
        "rule": item["rule"],
        "edge": flag(item["edge"]),
    }
    for metric in SINGLE_METRICS:
        interval = ends(item["ci95"]) if metric == "nll_diff" else {}
        yield _row(table="single", **about, metric=metric, value=item[metric], **interval)
    for cells in category_cells(item):
        yield _row(table="single_categories", **about, **cells)


def _curve_rows(curve: Mapping[str, Any]) -> Iterator[Row]:
    named = {key: curve[key] for key in ("strategy", "action", "fitting", "seed")}
    order = curve["order"]
    for point in curve["points"]:
        changed = point["changed"]
        about = named | {
            "changed_blocks": changed,
            "plan": point["plan"],
            "block": order[changed - 1] if order else None,  # the block that this point adds
            "edge": flag(point["edge"]),
        }
        for metric in QUALITY:
            interval = ends(point["ci95"]) if metric == "nll_diff" else {}
            yield _row(table="curves", **about, metric=metric, value=point[metric], **interval)
        for cells in category_cells(point):
            yield _row(table="curve_categories", **about, **cells)


def _score_rows(item: Mapping[str, Any]) -> Iterator[Row]:
    about = {key: item[key] for key in ("strategy", "action", "measure")}
    for block, value in enumerate(item["values"]):
        yield _row(table="scores", **about, block=block, metric="score", value=value)


def _interaction_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    blocks = found["blocks"]
    for metric in ("damage", "interaction"):
        for i, block in enumerate(blocks):
            # On the diagonal of the damage: one block alone.
            for j in range(i if metric == "damage" else i + 1, len(blocks)):
                yield _row(
                    table="interaction",
                    block=block,
                    other_block=blocks[j],
                    metric=metric,
                    value=found[metric][i][j],
                )


def _of_curves(curves: Sequence[Mapping[str, Any]], metric: str) -> np.ndarray[Any, Any]:
    values = [[point[metric] for point in curve["points"]] for curve in curves]
    return _filled(values, _most_points(curves), np.nan)


def _of_single(result: Result, metric: str) -> np.ndarray[Any, Any]:
    actions = single_actions(result)
    table = np.full((len(actions), result["model"]["blocks"]), np.nan)
    for item in result["single"]:
        table[actions.index(item["action"]), item["block"]] = item[metric]
    return table


def single_actions(result: Result) -> list[str]:
    """Return the actions of single blocks: those asked for, and drop for the interaction map."""
    return list(dict.fromkeys(item["action"] for item in result["single"]))


def _most_points(curves: Sequence[Mapping[str, Any]]) -> int:
    return max((len(curve["points"]) for curve in curves), default=0)


def _filled(lists: list[list[Any]], length: int, empty: object) -> np.ndarray[Any, Any]:
    return np.array([[*items, *[empty] * (length - len(items))] for items in lists], np.float64)


def _pair(interval: Sequence[float] | None) -> tuple[float, float]:
    low, high = interval or (np.nan, np.nan)
    return low, high
