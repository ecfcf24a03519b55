"""Rows of a log: what is understood, what is skipped with a reason, and what is never said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from linearity.adapters import log_values as values
from linearity.adapters.limited import call_limited
from linearity.adapters.log_preview import preview_log
from linearity.adapters.log_reader import Skipped, estimate_tokens, read_log, read_requests
from linearity.contracts.logs import LogColumns, LogOptions, parse_log_options
from linearity.errors import InvalidParameterError, LinearScopeError, RejectedInputError
from tests.log_generator import write_csv

CANARY = "canary-7f3a-secret"
COLUMNS = LogColumns("t", "r", "p", "a", "pt", "at", "s", "c")
GOOD: dict[str, Any] = {
    "t": "2026-11-25T14:03:22Z",
    "r": "chat",
    "p": CANARY,
    "pt": 7,
    "at": 3,
    "s": 0.25,
    "c": 0.1,
}

NOON = 1_795_608_000.0  # 2026-11-25T12:00:00Z
MOMENTS: dict[str, tuple[Any, int, float, int]] = {
    "ISO with Z": ("2026-11-25T12:00:00Z", 0, NOON, 12),
    "ISO with an offset": ("2026-11-25T21:00:00+09:00", 0, NOON, 12),
    "UTC seen from Tokyo": ("2026-11-25T12:00:00Z", 540, NOON, 21),
    "local time without a zone": ("2026/11/25 21:00:00", 540, NOON, 21),
    "no zone, no offset": ("2026-11-25 12:00:00.000", 0, NOON, 12),
    "seconds": (1_795_608_000, 0, NOON, 12),
    "seconds as text": ("1795608000.5", 540, NOON + 0.5, 21),
    "milliseconds": (1_795_608_000_000, 540, NOON, 21),
    "microseconds": (1_795_608_000_000_000, 0, NOON, 12),
    "half an hour": ("2026-11-25T12:00:00Z", 330, NOON, 17),
    "west of Greenwich": ("2026-11-25T12:00:00Z", -780, NOON, 23),
}


@pytest.mark.parametrize(("value", "offset", "seconds", "hour"), MOMENTS.values(), ids=MOMENTS)
def test_moments_are_understood(value: Any, offset: int, seconds: float, hour: int) -> None:
    assert values.moment(value, offset) == (seconds, hour)


BAD_ROWS: dict[str, tuple[dict[str, Any] | str, str, str | None]] = {
    "no JSON": (f'{{"p": "{CANARY}"', "unreadable_row", None),
    "a key twice": (f'{{"{CANARY}": 1, "{CANARY}": 2}}', "unreadable_row", None),
    "no object": (f'["{CANARY}"]', "unreadable_row", None),
    "no moment": (GOOD | {"t": CANARY}, "bad_timestamp", "t"),
    "a far moment": (GOOD | {"t": 5}, "bad_timestamp", "t"),
    "negative tokens": (GOOD | {"pt": -1}, "bad_number", "pt"),
    "half a token": (GOOD | {"at": 1.5}, "bad_number", "at"),
    "tokens in words": (GOOD | {"at": CANARY}, "bad_number", "at"),
    "a negative time": (GOOD | {"s": -0.1}, "bad_number", "s"),
    "endless time": (GOOD | {"s": "inf"}, "bad_number", "s"),
    "a decimal comma": (GOOD | {"s": "0,25"}, "bad_number", "s"),
    "no money": (GOOD | {"c": CANARY}, "bad_number", "c"),
    "true": (GOOD | {"pt": True}, "bad_number", "pt"),
    "a route like a letter": (GOOD | {"r": CANARY * 20}, "bad_route", "r"),
    "a route that is a list": (GOOD | {"r": [CANARY]}, "bad_route", "r"),
    "a prompt that is a number": (GOOD | {"p": 5}, "bad_text", "p"),
    "neither prompt nor tokens": (GOOD | {"p": None, "pt": ""}, "no_tokens", None),
}


@pytest.mark.parametrize(("row", "reason", "column"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_means_nothing_is_skipped_with_its_reason(
    tmp_path: Path, row: Any, reason: str, column: str | None
) -> None:
    path = _jsonl(tmp_path, [GOOD, row, GOOD])
    summary = _read(path)
    assert summary["totals"]["requests"] == 2
    assert summary["skipped"] == [{"reason": reason, "column": column, "rows": 1, "lines": [2]}]
    assert CANARY not in json.dumps(summary)


def test_a_log_without_a_readable_row_is_refused_without_its_text(tmp_path: Path) -> None:
    path = _jsonl(tmp_path, [row for row, _, _ in BAD_ROWS.values()])
    with pytest.raises(RejectedInputError, match="no row of the log can be read") as refused:
        call_limited("linearity.adapters.log_reader:read_log", _argument(path))
    assert refused.value.data["reason"] == "no_requests"
    assert CANARY not in json.dumps(refused.value.as_json())


def test_files_that_cannot_be_read_are_refused_without_their_text(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    quoted = f't,p,pt\n2026-01-01,"{CANARY},1\n'
    for data in (quoted.encode(), f"t,p,pt\n2026-01-01,{CANARY}\u3042,1\n".encode("cp932")):
        path.write_bytes(data)
        with pytest.raises(LinearScopeError) as refused:
            _read(path, format="csv", columns=LogColumns("t", prompt="p", prompt_tokens="pt"))
        assert CANARY not in json.dumps(refused.value.as_json())


def test_amounts_are_exact(tmp_path: Path) -> None:
    rows = [GOOD | {"s": 0.1, "c": "$0.000000001"}, GOOD | {"s": "0.2", "c": 1_234.5}]
    totals = _read(_jsonl(tmp_path, rows))["totals"]
    assert totals["time"] == 300_000
    assert totals["cost"] == 1_234_500_000_001


def test_counts_may_be_written_with_commas_and_nested(tmp_path: Path) -> None:
    row = {"p": "hi", "usage": {"in": "1,234", "out": 5.0}}
    columns = LogColumns(prompt="p", prompt_tokens="usage.in", response_tokens="usage.out")
    totals = _read(_jsonl(tmp_path, [row]), columns=columns)["totals"]
    assert (totals["prompt_tokens"], totals["response_tokens"]) == (1234, 5)


def test_messages_are_read_as_lines(tmp_path: Path) -> None:
    row = {"p": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}
    path = _jsonl(tmp_path, [row])
    [item] = read_requests(_argument(path, columns=LogColumns(prompt="p")), Skipped())
    assert item.prompt == "Be brief.\nHi"


def test_missing_counts_are_estimated_and_said_to_be(tmp_path: Path) -> None:
    rows = [GOOD, {"p": "abcdefgh", "a": "これは応答"}]
    summary = _read(_jsonl(tmp_path, rows))
    assert summary["totals"]["prompt_tokens"] == 7 + 2
    assert summary["totals"]["response_tokens"] == 3 + 5
    assert summary["known"]["estimated"] == 1
    assert summary["tokens"] == "characters"
    assert _read(_jsonl(tmp_path, [GOOD]))["tokens"] == "counted"


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde日本", 4)])
def test_estimates_follow_the_script(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_a_tokenizer_counts_what_the_log_does_not_say(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, "[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    path = _jsonl(tmp_path, [{"p": "a a a", "a": "a b"}, GOOD, {"p": "a"}])
    argument = _argument(path) | {"tokenizer": str(tmp_path / "tokenizer.json")}
    summary: Any = call_limited("linearity.adapters.log_reader:read_log", argument)
    assert summary["totals"]["prompt_tokens"] == 3 + 7 + 1
    assert summary["totals"]["response_tokens"] == 2 + 3
    assert summary["tokens"] == "tokenizer"


def test_a_japanese_table_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "利用.csv"
    head = "日時,業務,質問,回答,入力トークン数,出力トークン数,所要時間(ms),費用\n"
    row = '2026/11/25 14:03:22,要約,"次の文章を、短く",はい,120,45,"1,200",￥3\n'
    path.write_bytes((head + row * 3).encode("cp932"))
    preview: Any = preview_log({"path": str(path), "name": "利用.csv"}, lambda _: None)
    options = preview["options"]
    assert options["encoding"] == "cp932"
    assert options["columns"] == {
        "timestamp": "日時",
        "route": "業務",
        "prompt": "質問",
        "response": "回答",
        "prompt_tokens": "入力トークン数",
        "response_tokens": "出力トークン数",
        "latency": "所要時間(ms)",
        "cost": "費用",
    }
    assert (options["latency_unit"], options["currency"]) == ("ms", "JPY")
    assert preview["rows"][0]["cells"][2] == "次の文章を、短く"


def test_the_preview_of_a_generated_table_can_be_used_as_it_is(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", 300)
    preview: Any = preview_log({"path": str(path), "name": "log"}, lambda _: None)
    summary: Any = read_log(
        {"path": str(path), "name": "log", "options": preview["options"], "tokenizer": None},
        lambda _: None,
    )
    assert summary["totals"]["requests"] == 300
    assert summary["skipped"] == []
    assert len(preview["rows"]) == 12


BAD_OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no format": ({"format": "xml"}, "format"),
    "no columns": ({"columns": None}, "columns"),
    "nothing to count": ({"columns": {"route": "r"}}, "a column of prompts"),
    "one column twice": ({"columns": {"route": "p", "prompt": "p"}}, "used once"),
    "a far zone": ({"offset_minutes": 900}, "offset_minutes"),
    "a wide delimiter": ({"delimiter": "::"}, "delimiter"),
    "minutes": ({"latency_unit": "min"}, "latency_unit"),
}


@pytest.mark.parametrize(("changes", "named"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_options_outside_their_range_are_refused(changes: dict[str, Any], named: str) -> None:
    good: dict[str, Any] = {"format": "csv", "columns": {"prompt": "p"}}
    assert parse_log_options(good).columns.prompt == "p"
    with pytest.raises(InvalidParameterError, match=named):
        parse_log_options(good | changes)


def _jsonl(folder: Path, rows: Sequence[Any]) -> Path:
    path = folder / "log.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _argument(path: Path, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"format": "jsonl", "columns": COLUMNS} | changes
    options = LogOptions(**given)
    return {"path": str(path), "name": "log", "options": options.as_json(), "tokenizer": None}


def _read(path: Path, **changes: Any) -> Any:
    return read_log(_argument(path, **changes), lambda _: None)
