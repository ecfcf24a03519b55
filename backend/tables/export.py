"""The table of an `export` result."""

from collections.abc import Iterator

from backend.tables.plan import step_text
from backend.tables.table import Result, Row, Table, Words, ends, flag, row_maker
from backend.tables.words import QUALITY, SHARED

COLUMNS = (
    "table", "plan", "name", "sha256", "entry", "first", "last", "metric", "value", "low", "high",
)  # fmt: skip
SIZES = (
    "blocks", "parameters", "dense_parameters", "weight_bytes", "dense_weight_bytes",
)  # fmt: skip
PROOF = ("tokens", "nll_plan", "nll", "nll_difference", "logits_difference", "logits_largest",
         "top1", "parameters")  # fmt: skip
GENERATED = ("same_as_plan", "same_without_cache")

_WORDS: Words = {
    **SHARED,
    **QUALITY,
    # columns
    "name": ("File", "ファイル"),
    "sha256": ("SHA-256", "SHA-256"),
    "entry": ("Block of the export (from 0)", "書き出したモデルのブロック(番号は0から)"),
    "first": ("First block of the dense model", "元のモデルの最初のブロック"),
    "last": ("Last block of the dense model", "元のモデルの最後のブロック"),
    # tables; `dense` is a table too
    "steps": ("Steps of the plan", "プランの各操作"),
    "point": ("The plan in memory", "メモリ上のプラン"),
    "architecture": ("The exported model", "書き出したモデル"),
    "entries": ("Where each block comes from", "各ブロックの由来"),
    "proof": ("What a fresh process found", "新しいプロセスでの確認"),
    "files": ("Files", "ファイル一覧"),
    # metrics
    "ridge": ("Ridge, relative [no unit]", "リッジ(相対値)[単位なし]"),
    "changed_blocks": ("Changed blocks", "変更した層の数"),
    "is_stock": ("Stock architecture [1 = yes]", "標準のアーキテクチャ[1=はい]"),
    "is_linear": ("A linear map [1 = yes]", "線形写像[1=はい]"),
    "blocks": ("Blocks", "ブロック数"),
    "parameters": ("Parameters", "パラメータ数"),
    "dense_parameters": ("Parameters, dense model", "パラメータ数(元のモデル)"),
    "weight_bytes": ("Weights [bytes]", "重み[バイト]"),
    "dense_weight_bytes": ("Weights, dense model [bytes]", "重み(元のモデル)[バイト]"),
    "tokens": ("Predictions compared", "比較した予測の数"),
    "nll_plan": (
        "Negative log-likelihood, plan in memory [nats per token]",
        "負の対数尤度(メモリ上のプラン)[nats/トークン]",
    ),
    "nll_difference": (
        "Difference of the two [nats per token]",
        "両者の差[nats/トークン]",
    ),
    "logits_difference": ("Largest difference of a logit", "logits の最大の差"),
    "logits_largest": ("Largest logit, by size", "logits の絶対値の最大"),
    "same_as_plan": (
        "Greedy tokens that are those of the plan in memory",
        "メモリ上のプランと一致した貪欲生成のトークン数",
    ),
    "same_without_cache": (
        "Greedy tokens that are the same without the cache",
        "キャッシュなしと一致した貪欲生成のトークン数",
    ),
    "generated": ("Greedy tokens written", "貪欲生成のトークン数"),
    "bytes": ("Size [bytes]", "大きさ[バイト]"),
}

_row = row_maker(COLUMNS)


def rows(result: Result) -> Iterator[Row]:
    """Yield the rows of the long table."""
    for metric, value in result["dense"].items():
        yield _row(table="dense", metric=metric, value=value)
    for step in result["steps"]:
        yield _row(table="steps", plan=step_text(step), metric="ridge", value=step["ridge"])
    yield from _point_rows(result)
    yield from _architecture_rows(result)
    yield from _proof_rows(result)
    for file in result["files"]:
        about = {"name": file["name"], "sha256": file["sha256"]}
        yield _row(table="files", **about, metric="bytes", value=file["bytes"])


TABLE = Table(columns=COLUMNS, rows=rows, words=_WORDS)


def _point_rows(result: Result) -> Iterator[Row]:
    point = result["point"]
    about = {"table": "point", "plan": point["plan"]}
    yield _row(**about, metric="changed_blocks", value=point["changed"])
    for metric in QUALITY:
        interval = ends(point["ci95"]) if metric == "nll_diff" else {}
        yield _row(**about, metric=metric, value=point[metric], **interval)


def _architecture_rows(result: Result) -> Iterator[Row]:
    found = result["architecture"]
    about = {"table": "architecture", "name": found["name"]}
    yield _row(**about, metric="is_stock", value=flag(found["is_stock"]))
    for metric in SIZES:
        yield _row(**about, metric=metric, value=found[metric])
    for entry, (first, last) in enumerate(found["origins"]):
        linear = flag(entry in found["linear_blocks"])
        where = {"entry": entry, "first": first, "last": last}
        yield _row(table="entries", **where, metric="is_linear", value=linear)


def _proof_rows(result: Result) -> Iterator[Row]:
    proof = result["proof"]
    for metric in PROOF:
        yield _row(table="proof", metric=metric, value=proof[metric])
    generated = proof["generated"]
    written = generated["prompts"] * generated["tokens"]
    yield _row(table="proof", metric="generated", value=written)
    for metric in GENERATED:
        yield _row(table="proof", metric=metric, value=generated[metric])
