"""The table of a `passage` result: a row a token and block, then what held-out text has."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backend.figures.labels import LABELS
from backend.tables.table import Result, Row, Table, Words, row_maker
from linearity.contracts.linearity import TOKEN_CLASSES

COLUMNS = (
    "table", "position", "token", "character", "token_class", "block", "metric", "value",
)  # fmt: skip
REFERENCES = ("mean", "p50", "p95", "p99")
PARTS = ("error", "reference")

_WORDS: Words = {
    "table": ("Table", "表"),
    "position": ("Position (from 0)", "位置(番号は0から)"),
    "token": ("Token", "トークン"),
    "character": ("Character it is a part of", "その一部をなす文字"),
    "token_class": ("Class of token", "トークンの種類"),
    "block": ("Block (from 0)", "層(番号は0から)"),
    "metric": ("Metric", "指標"),
    "value": ("Value", "値"),
    # tables
    "passage": ("The passage", "文章"),
    "reference": ("Held-out text", "検証データ"),
    # metrics
    "error": ("Share not explained [0 or more]", "説明できない割合[0以上]"),
    "mean": ("Error, mean [0 or more]", "誤差の平均[0以上]"),
    "p50": ("Error, median token [0 or more]", "誤差の中央値[0以上]"),
    "p95": ("Error, 95th percentile [0 or more]", "誤差の95パーセンタイル[0以上]"),
    "p99": ("Error, 99th percentile [0 or more]", "誤差の99パーセンタイル[0以上]"),
    **{
        name: (LABELS["en"][f"class_{name}"], LABELS["ja"][f"class_{name}"])
        for name in TOKEN_CLASSES
    },
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table, token after token."""
    for position, (token, errors) in enumerate(
        zip(result["passage"], result["error"], strict=True)
    ):
        for block, error in enumerate(errors):
            yield _row(
                table="passage",
                position=position,
                token=token["text"],
                character=token["character"] or None,
                token_class=token["token_class"],
                block=block,
                metric="error",
                value=error,
            )
    for metric in REFERENCES:
        for block, value in enumerate(result["reference"][metric]):
            yield _row(table="reference", block=block, metric=metric, value=value)


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS, named=("table", "token_class", "metric"))


def arrays(result: Result) -> dict[str, np.ndarray[Any, Any]]:
    """Return the errors, a row a token and a column a block, and what held-out text has."""
    return {"error": np.array(result["error"], dtype=np.float64)} | {
        f"reference_{metric}": np.array(result["reference"][metric], dtype=np.float64)
        for metric in REFERENCES
    }
