"""The table of a `speed` result."""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.tables.table import Result, Row, Table, Words, ends, row_maker
from backend.tables.words import SHARED

COLUMNS = (
    "table", "load", "metric", "side", "statistic", "pair", "block", "part", "reason",
    "value", "low", "high",
)  # fmt: skip
SIDES = ("dense", "changed")
STATISTICS = ("mean", "p50", "p95", "p99", "count")
COSTS = ("parameters", "bytes", "prefill_s", "decode_s", "prefill_flops", "decode_flops")

_WORDS: Words = {
    **SHARED,
    # columns
    "load": ("Requests side by side", "同時のリクエスト数"),
    "side": ("Model", "モデル"),
    "statistic": ("Statistic", "統計量"),
    "pair": ("Pair (from 1)", "組(番号は1から)"),
    "block": ("Block (from 0)", "ブロック(番号は0から)"),
    "part": ("Part of the model", "モデルの部分"),
    "reason": ("Reason", "理由"),
    # tables
    "timings": ("Times and throughput", "時間とスループット"),
    "speedups": ("Speed-up, dense to changed", "高速化(元のモデル比)"),
    "estimates": ("Expected from arithmetic alone", "計算のみによる見込み"),
    "pairs": ("Pair by pair", "組ごとの値"),
    "requests": ("Requests", "リクエスト"),
    "memory": ("Memory", "メモリ"),
    "sides": ("Sizes", "大きさ"),
    "costs": ("Cost of each part of the dense model", "元のモデルの各部分のコスト"),
    # metrics
    "first_token": ("Time to the first token [s]", "最初のトークンまでの時間[秒]"),
    "next_token": ("Time of a further token [s]", "2つ目以降の1トークンの時間[秒]"),
    "gap": ("Time between two tokens [s]", "トークンの間隔[秒]"),
    "request": ("Time of a whole request [s]", "リクエスト全体の時間[秒]"),
    "tokens_per_s": ("Throughput [tokens per second]", "スループット[トークン/秒]"),
    "sent": ("Sent", "送信"),
    "completed": ("Completed", "完了"),
    "failed": ("Failed", "失敗"),
    "prompt_tokens": ("Tokens of prompts", "プロンプトのトークン数"),
    "output_tokens": ("Tokens written", "出力トークン数"),
    "cache_bytes": ("Keys and values [bytes]", "キーと値[バイト]"),
    "peak_bytes": ("Peak of the device [bytes]", "デバイスの最大使用量[バイト]"),
    "blocks": ("Blocks that run", "動作するブロック数"),
    "maps": ("Linear maps that run", "動作する線形写像の数"),
    "parameters": ("Parameters", "パラメータ数"),
    "weight_bytes": ("Weights [bytes]", "重み[バイト]"),
    "step_bytes": ("Weights read by a step [bytes]", "1ステップで読む重み[バイト]"),
    "bytes": ("Weights [bytes]", "重み[バイト]"),
    "prefill_s": ("Pass over the prompt [s]", "プロンプトの処理[秒]"),
    "decode_s": ("One step of decoding [s]", "デコード1ステップ[秒]"),
    "prefill_flops": ("Operations of the prompt [FLOP]", "プロンプトの演算量[FLOP]"),
    "decode_flops": ("Operations of a step [FLOP]", "1ステップの演算量[FLOP]"),
    # statistics
    "mean": ("Mean", "平均"),
    "p50": ("Median", "中央値"),
    "p95": ("95th percentile", "95パーセンタイル"),
    "p99": ("99th percentile", "99パーセンタイル"),
    "count": ("Number of values", "値の数"),
    "median": ("Median ratio", "比の中央値"),
    "ratio": ("Ratio", "比"),
    # parts
    "embedding": ("Embedding", "埋め込み"),
    "norms": ("Norms", "正規化"),
    "attention": ("Attention", "注意機構"),
    "mlp": ("MLP", "MLP"),
    "rest": ("Rest of the block", "ブロックの残り"),
    "final_norm": ("Last norm", "最後の正規化"),
    "head": ("Output head", "出力層"),
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table; a running job's parts may still be missing."""
    for point in result.get("points") or []:
        yield from _point_rows(point)
    for side, numbers in _sided(result.get("sides")):
        for metric, value in numbers.items():
            yield _row(table="sides", side=side, metric=metric, value=value)
    for part in (result.get("costs") or {}).get("parts", []):
        for metric in COSTS:
            about = {"block": part["block"], "part": part["part"], "metric": metric}
            yield _row(table="costs", **about, value=part[metric])


TABLE = Table(
    columns=COLUMNS,
    rows=rows,
    words=_WORDS,
    named=("table", "metric", "side", "statistic", "part"),
)


def _point_rows(point: Mapping[str, Any]) -> Iterator[Row]:
    load = point["load"]
    for timing in point["timings"]:
        yield from _timing_rows(timing, load)
    for side, numbers in _sided(point.get("requests")):
        yield from _request_rows(numbers, load, side)
    for side, numbers in _sided(point.get("memory")):
        for metric in ("cache_bytes", "peak_bytes"):
            about = {"load": load, "side": side, "metric": metric}
            yield _row(table="memory", **about, value=numbers[metric])


def _timing_rows(timing: Mapping[str, Any], load: int) -> Iterator[Row]:
    about = {"load": load, "metric": timing["metric"]}
    for side in SIDES:
        for name in STATISTICS:
            value = timing[side][name]
            yield _row(table="timings", **about, side=side, statistic=name, value=value)
    if speedup := timing["speedup"]:
        told = {"statistic": "median", "value": speedup["value"], **ends(speedup["ci95"])}
        yield _row(table="speedups", **about, **told)
    if estimate := timing["estimate"]:
        yield _row(table="estimates", **about, statistic="ratio", value=estimate["speedup"])
        for side in SIDES:
            yield _row(table="estimates", **about, side=side, value=estimate[side])
    for side in SIDES:
        for number, value in enumerate(timing["pairs"].get(side) or [], start=1):
            yield _row(table="pairs", **about, side=side, pair=number, value=value)


def _request_rows(numbers: Mapping[str, Any], load: int, side: str) -> Iterator[Row]:
    about = {"load": load, "side": side}
    for metric in ("sent", "completed", "prompt_tokens", "output_tokens"):
        yield _row(table="requests", **about, metric=metric, value=numbers[metric])
    for reason, count in numbers["failed"].items():
        yield _row(table="requests", **about, metric="failed", reason=reason, value=count)


def _sided(numbers: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    return [(side, numbers[side]) for side in SIDES if side in numbers] if numbers else []
