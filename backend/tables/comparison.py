"""The table of two runs side by side: a row a block and score, as the page shows it."""

from collections.abc import Iterator

from backend.tables.table import Result, Row, Table, ends, flag, row_maker

COLUMNS = (
    *("score", "block"),
    *("first_dataset", "first", "first_low", "first_high"),
    *("second_dataset", "second", "second_low", "second_high"),
    *("difference", "low", "high", "differs"),
)

WORDS = {
    "score": ("Score (R², held-out)", "指標(R²、検証データ)"),
    "block": ("Block", "ブロック"),
    "first_dataset": ("First dataset", "1 つ目のデータセット"),
    "first": ("First", "1 つ目"),
    "first_low": ("First, lower 95 %", "1 つ目、95 % 下限"),
    "first_high": ("First, upper 95 %", "1 つ目、95 % 上限"),
    "second_dataset": ("Second dataset", "2 つ目のデータセット"),
    "second": ("Second", "2 つ目"),
    "second_low": ("Second, lower 95 %", "2 つ目、95 % 下限"),
    "second_high": ("Second, upper 95 %", "2 つ目、95 % 上限"),
    "difference": ("First minus second", "1 つ目から 2 つ目を引いた差"),
    "low": ("Difference, lower 95 %", "差、95 % 下限"),
    "high": ("Difference, upper 95 %", "差、95 % 上限"),
    "differs": ("Differs (interval excludes 0)", "差あり(区間が 0 を含まない)"),
    "stream": ("stream", "ストリーム"),
    "update": ("update", "更新"),
}

_row = row_maker(COLUMNS)


def rows(comparison: Result) -> Iterator[Row]:
    """Yield the rows of the table out of a comparison as the API tells it."""
    names = [side["dataset"]["name"] for side in comparison["runs"]]
    for score, items in comparison["scores"].items():
        for item in items:
            known = item["low"] is not None
            yield _row(
                score=score,
                block=item["block"],
                first_dataset=names[0],
                second_dataset=names[1],
                first=item["first"],
                second=item["second"],
                **_ends("first", item["first_ci95"]),
                **_ends("second", item["second_ci95"]),
                difference=item["difference"],
                low=item["low"],
                high=item["high"],
                differs=flag(item["differs"]) if known else None,
            )


def _ends(side: str, interval: list[float] | None) -> dict[str, object]:
    return {f"{side}_{end}": value for end, value in ends(interval).items()}


TABLE = Table(columns=COLUMNS, rows=rows, words=WORDS, named=("score",))
