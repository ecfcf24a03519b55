"""The beginning of a request log, and how it seems to be laid out: a proposal to confirm."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import cast

from linearity.adapters import log_values as values
from linearity.adapters.readers.encodings import ENCODINGS, detect_encoding
from linearity.adapters.readers.lines import Row, read_lines
from linearity.adapters.readers.separated import DELIMITERS
from linearity.adapters.readers.tables import Layout, read_rows
from linearity.contracts.canonical import Json
from linearity.contracts.logs import COLUMN_NAMES, LogColumns, LogOptions

ROWS_SHOWN = 12
LONGEST_CELL = 160
_ROWS_JUDGED = 200
_SLOW_MILLISECONDS = 100
"""Requests that would take this many seconds are written in milliseconds."""

_NAMES = {
    "timestamp": "timestamp time ts date datetime created created_at request_time requested_at "
    "start_time started_at logged_at 日時 時刻 タイムスタンプ リクエスト日時",
    "route": "route task endpoint route_name task_name operation use_case usecase feature path "
    "category intent app service ルート タスク 用途 業務 処理 機能 分類",
    "prompt": "prompt input question query request_text user_message input_text prompt_text "
    "messages request プロンプト 質問 入力 質問文 入力文",
    "response": "response output answer completion reply output_text response_text "
    "completion_text generated_text 応答 回答 出力 返答",
    "prompt_tokens": "prompt_tokens input_tokens tokens_in tokens_prompt n_prompt_tokens "
    "prompt_token_count input_token_count usage_prompt_tokens usage_input_tokens "
    "入力トークン 入力トークン数 プロンプトトークン数",
    "response_tokens": "response_tokens completion_tokens output_tokens tokens_out "
    "tokens_completion n_completion_tokens output_token_count usage_completion_tokens "
    "usage_output_tokens 出力トークン 出力トークン数 応答トークン数",
    "latency": "latency latency_ms latency_s latency_seconds duration duration_ms duration_s "
    "elapsed elapsed_ms elapsed_s response_time response_time_ms total_time time_ms 所要時間 "
    "応答時間 処理時間 レイテンシ",
    "cost": "cost price cost_usd cost_jpy cost_eur usd amount total_cost 費用 料金 金額 コスト",
}
_CURRENCIES = {"usd": "USD", "jpy": "JPY", "eur": "EUR", "円": "JPY", "$": "USD", "€": "EUR",
               "¥": "JPY", "￥": "JPY"}  # fmt: skip


def preview_log(argument: Json, log: Callable[[str], None]) -> dict[str, Json]:
    """Return the first rows of a log and the options that seem to fit.

    Parameters
    ----------
    argument : mapping
        ``path``, ``name``, and ``options``: what is already known of format, encoding and
        delimiter; the rest is found out.
    log : callable
        Not used: this is quick.

    Returns
    -------
    dict
        ``columns`` (names), ``rows`` (line and shortened cells), ``unreadable`` (lines among the
        first rows), ``encoding`` (how sure, and alternatives), ``options`` (a whole proposal).

    Raises
    ------
    RejectedInputError
        If the file as a whole cannot be read.
    """
    assert isinstance(argument, Mapping)
    path, name = Path(str(argument["path"])), str(argument["name"])
    known = cast("Mapping[str, Json]", argument.get("options") or {})
    guess = detect_encoding(path)
    encoding = str(known.get("encoding") or guess.encoding)
    head = "".join(islice(read_lines(path, name, encoding), 5))
    form = str(known.get("format") or _format(head))
    delimiter = str(known.get("delimiter") or _delimiter(head))
    rows = list(islice(read_rows(path, Layout(form, encoding, delimiter), name=name), _ROWS_JUDGED))
    read = [row for row in rows if row.problem is None]
    columns = _columns(read)
    return {
        "size": path.stat().st_size,
        "columns": columns,
        "rows": [_shown(row, columns) for row in read[:ROWS_SHOWN]],
        "unreadable": [row.number for row in rows if row.problem is not None],
        "encoding": {
            "confidence": guess.confidence if encoding == guess.encoding else "chosen",
            "marked": guess.marked,
            "names": {key: ENCODINGS[key] for key in (guess.encoding, *guess.alternatives)},
        },
        "options": _proposal(form, encoding, delimiter, columns, read).as_json(),
    }


def _format(head: str) -> str:
    return "jsonl" if head.lstrip().startswith("{") else "csv"


def _delimiter(head: str) -> str:
    first = head.partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _columns(rows: Sequence[Row]) -> list[str]:
    """Return every column in order of appearance; of objects inside a row, their own keys."""
    found: dict[str, None] = {}
    for row in rows:
        for name, value in row.values.items():
            inner = value if isinstance(value, Mapping) else {}
            found |= dict.fromkeys([f"{name}.{key}" for key in inner] or [name])
    return list(found)


def _proposal(
    form: str, encoding: str, delimiter: str, columns: Sequence[str], rows: Sequence[Row]
) -> LogOptions:
    named: dict[str, str | None] = {}
    for name in COLUMN_NAMES:
        taken = set(named.values())
        named[name] = _column_for(name, [column for column in columns if column not in taken])
    chosen = LogColumns(**named)
    return LogOptions(
        format=form,
        encoding=encoding,
        delimiter=delimiter,
        columns=chosen,
        latency_unit=_unit(chosen.latency, rows),
        currency=_currency(chosen.cost, rows),
    )


def _column_for(name: str, columns: Sequence[str]) -> str | None:
    plain = {_plain(column): column for column in reversed(columns)}
    for usual in _NAMES[name].split():
        if usual in plain:
            return plain[usual]
    return None


def _plain(column: str) -> str:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", column)
    # Units in brackets do not change what a column is: "所要時間(ms)".
    bare = re.sub(r"[((\[].*?[))\]]", "", spaced)
    return re.sub(r"[^\w]+", "_", bare).strip("_").lower()


def _unit(column: str | None, rows: Sequence[Row]) -> str:
    if column is None:
        return "s"
    if re.search(r"(?:ms|msec|millis|ミリ秒)(?:\W*)$", column, re.IGNORECASE):
        return "ms"
    if re.search(r"(?:_s|sec|seconds|秒)(?:\W*)$", column, re.IGNORECASE):
        return "s"
    numbers = [number for row in rows for number in _numbers(values.cell(row.values, column))]
    return "ms" if numbers and median(numbers) >= _SLOW_MILLISECONDS else "s"


def _numbers(value: Json) -> Iterator[float]:
    try:
        if isinstance(value, int | float | str):
            yield float(value)
    except ValueError:
        return


def _currency(column: str | None, rows: Sequence[Row]) -> str:
    if column is None:
        return ""
    first = next((str(c) for row in rows if (c := values.cell(row.values, column)) is not None), "")
    text = f"{column.lower()} {first}"
    return next((code for sign, code in _CURRENCIES.items() if sign in text), "")


def _shown(row: Row, columns: Sequence[str]) -> dict[str, Json]:
    cells = [values.cell(row.values, column) for column in columns]
    return {"line": row.number, "cells": [_short(value) for value in cells]}


def _short(value: Json) -> str | None:
    if value is None:
        return None
    try:
        written = values.text(value) if not isinstance(value, bool | int | float) else str(value)
    except values.UnreadableValueError:
        written = "{…}"
    return written if len(written) <= LONGEST_CELL else f"{written[: LONGEST_CELL - 1]}…"
