"""The table of an `answers` result: a row an answer pair, then the summary, then the canaries."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.tables.table import Result, Row, Table, Words, ends, flag, row_maker
from backend.tables.words import SHARED

PAIR_NUMBERS = (
    "first_difference", "agreement", "dense_tokens", "changed_tokens", "dense_stopped",
    "changed_stopped",
)  # fmt: skip
COLUMNS = (
    "table", "document", "category", "prompt", "dense", "changed", "reference", *PAIR_NUMBERS,
    "model", "missing", "forbidden", "metric", "value", "low", "high",
)  # fmt: skip
SUMMARY_METRICS = (
    "prompts", "references", "identical", "first_difference_median", "agreement", "length_ratio",
)  # fmt: skip
CATEGORY_METRICS = (
    "documents", "prompts", "identical_share", "first_difference_median", "agreement",
    "length_ratio",
)  # fmt: skip
INTERVALS = {"identical_share": "identical_ci95", "agreement": "agreement_ci95"}
SIDE_METRICS = (
    "mean_tokens", "at_limit", "repetition", "exact", "contains", "number", "valid_json",
)  # fmt: skip
SIDES = ("dense", "changed")
BETWEEN_TEXTS = " | "

_WORDS: Words = {
    **SHARED,
    # columns
    "prompt": ("Prompt", "プロンプト"),
    "reference": ("Reference answer", "正解"),
    "first_difference": ("First difference [token, from 0]", "最初の相違[トークン、0から]"),
    "agreement": ("Agreement before the first difference [share, 0-1]", "相違までの一致[割合 0-1]"),
    "dense_tokens": ("Tokens, dense model", "トークン数(元のモデル)"),
    "changed_tokens": ("Tokens, changed model", "トークン数(変更後)"),
    "dense_stopped": ("Dense model ended by itself [1 = yes]", "元のモデルが自ら終了[1=はい]"),
    "changed_stopped": ("Changed model ended by itself [1 = yes]", "変更後が自ら終了[1=はい]"),
    "model": ("Model", "モデル"),
    "missing": ("Should have been said", "言うべきだった語"),
    "forbidden": ("Should not have been said", "言うべきでなかった語"),
    # tables
    "answers": ("Answers", "回答"),
    "summary": ("Summary", "まとめ"),
    "categories": ("Categories", "分類"),
    "canaries": ("Canaries", "見張り用プロンプト"),
    # metrics
    "prompts": ("Prompts", "プロンプト数"),
    "references": ("Prompts with a reference", "正解のあるプロンプト数"),
    "documents": ("Documents", "文書数"),
    "identical_share": ("Identical answers [share, 0-1]", "同一の回答[割合 0-1]"),
    "identical": ("Identical answers", "同一の回答数"),
    "first_difference_median": ("Median first difference [tokens]", "最初の相違の中央値[トークン]"),
    "length_ratio": ("Length, changed / dense [ratio]", "長さの比(変更後/元)[比]"),
    "mean_tokens": ("Mean length [tokens]", "平均の長さ[トークン]"),
    "at_limit": ("Cut off at the limit [share, 0-1]", "上限で打ち切り[割合 0-1]"),
    "repetition": ("Repeated 4-grams [share, 0-1]", "4-gramの繰り返し[割合 0-1]"),
    "exact": ("Equal to the reference [share, 0-1]", "正解と一致[割合 0-1]"),
    "contains": ("Holds the reference [share, 0-1]", "正解を含む[割合 0-1]"),
    "number": ("Last number is the reference's [share, 0-1]", "最後の数値が正解と一致[割合 0-1]"),
    "valid_json": ("Valid JSON [share, 0-1]", "有効なJSON[割合 0-1]"),
    "passed": ("Canary passed [1 = yes]", "見張りに合格[1=はい]"),
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table; a running job's parts may still be missing."""
    for item in result.get("answers") or []:
        yield _answer_row(item)
    if result.get("summary"):
        yield from _summary_rows(result["summary"])
    for item in result.get("categories") or []:
        yield from _category_rows(item)
    for item in result.get("canaries") or []:
        yield from _canary_rows(item)


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS, named=("table", "metric", "model"))


def _answer_row(item: Mapping[str, Any]) -> Row:
    texts = {key: item[key] for key in ("document", "category", "prompt", *SIDES, "reference")}
    numbers = {
        key: flag(item[key]) if isinstance(item[key], bool) else item[key] for key in PAIR_NUMBERS
    }
    return _row(table="answers", **texts, **numbers)


def _summary_rows(summary: Mapping[str, Any]) -> Iterator[Row]:
    for metric in SUMMARY_METRICS:
        yield _row(table="summary", metric=metric, value=summary[metric])
    for side in SIDES:
        for metric in SIDE_METRICS:
            yield _row(table="summary", model=side, metric=metric, value=summary[side][metric])


def _category_rows(item: Mapping[str, Any]) -> Iterator[Row]:
    values = {**item, "identical_share": item["identical"] / item["prompts"]}
    for metric in CATEGORY_METRICS:
        interval = ends(item[INTERVALS[metric]]) if metric in INTERVALS else {}
        yield _row(
            table="categories",
            category=item["category"],
            metric=metric,
            value=values[metric],
            **interval,
        )
    for side in SIDES:
        about = {"category": item["category"], "model": side}
        for metric in SIDE_METRICS:
            yield _row(table="categories", **about, metric=metric, value=item[side][metric])


def _canary_rows(item: Mapping[str, Any]) -> Iterator[Row]:
    texts = {key: item[key] for key in ("prompt", *SIDES)}
    for side in SIDES:
        yield _row(
            table="canaries",
            **texts,
            model=side,
            missing=_joined(item["missing"][side]),
            forbidden=_joined(item["forbidden"][side]),
            metric="passed",
            value=flag(item["passed"][side]),
        )


def _joined(texts: Sequence[str]) -> str | None:
    return BETWEEN_TEXTS.join(texts) or None
