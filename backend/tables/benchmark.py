"""The table of a `benchmark` result: a row a task and metric, then a row a question and metric."""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.tables.table import Result, Row, Table, Words, ends, row_maker
from backend.tables.words import SHARED

NUMBERS = ("dense_se", "changed_se", "diff_se", "lost", "gained", "p_value")
COLUMNS = (
    "table", "task", "category", "questions", "index", "question", "gold", "dense_choice",
    "changed_choice", "metric", "dense", "changed", "value", "low", "high", *NUMBERS,
)  # fmt: skip

_WORDS: Words = {
    **SHARED,
    # columns
    "task": ("Task", "タスク"),
    "questions": ("Questions", "問題数"),
    "index": ("Question (from 0)", "問題(番号は0から)"),
    "question": ("Question", "問題文"),
    "gold": ("Right choice", "正解の選択肢"),
    "dense_choice": ("Choice of the dense model", "元のモデルの選択"),
    "changed_choice": ("Choice of the changed model", "変更後のモデルの選択"),
    "value": ("Changed minus dense", "差(変更後−元)"),
    "dense_se": ("Standard error, dense model", "標準誤差(元のモデル)"),
    "changed_se": ("Standard error, changed model", "標準誤差(変更後)"),
    "diff_se": ("Standard error of the paired difference", "対応のある差の標準誤差"),
    "lost": ("Questions lost", "新たに誤答した問題数"),
    "gained": ("Questions gained", "新たに正答した問題数"),
    "p_value": ("McNemar's exact p-value", "マクネマー正確検定のp値"),
    # tables
    "scores": ("Scores by task", "タスクごとのスコア"),
    "categories": ("Scores by category", "分類ごとのスコア"),
    "items": ("Questions one by one", "問題ごとの結果"),
    # metrics
    "acc": ("Accuracy [share, 0-1]", "正答率[割合 0-1]"),
    "acc_norm": ("Accuracy by length [share, 0-1]", "正答率(長さで補正)[割合 0-1]"),
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table."""
    for task in result["tasks"]:
        about = {"table": "scores", "task": task["task"], "questions": task["questions"]}
        for score in task["scores"]:
            yield _row(**about, **_score(score))
    for task in result["tasks"]:
        for item in task["categories"]:
            about = {"category": item["category"], "questions": item["questions"]}
            yield _row(table="categories", task=task["task"], **about, **_score(item["score"]))
    for item in result["items"]:
        for metric, dense in item["dense"]["scores"].items():
            changed = item["changed"]["scores"][metric]
            yield _row(
                **_item(item), metric=metric, dense=dense, changed=changed, value=changed - dense
            )


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS)


def _score(score: Mapping[str, Any]) -> dict[str, object]:
    return {
        "metric": score["metric"],
        "dense": score["dense"],
        "changed": score["changed"],
        "value": score["diff"],
        **ends(score["ci95"]),
        **{name: score[name] for name in NUMBERS},
    }


def _item(item: Mapping[str, Any]) -> dict[str, object]:
    def choice(place: int | None) -> object:
        # Without its texts, a result still tells which one it was.
        known = place is not None and place < len(item["choices"])
        return item["choices"][place] if known else place

    return {
        "table": "items",
        "task": item["task"],
        "category": item["category"],
        "index": item["index"],
        "question": item["question"],
        "gold": choice(item["gold"]),
        "dense_choice": choice(item["dense"]["chosen"]),
        "changed_choice": choice(item["changed"]["chosen"]),
    }
