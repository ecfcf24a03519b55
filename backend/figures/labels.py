"""The words of the figures, in English and Japanese, and what keeps user text harmless."""

from collections.abc import Mapping
from typing import Any

from backend.figures.ablation_labels import ABLATION_LABELS
from backend.figures.benchmark_labels import BENCHMARK_LABELS
from backend.figures.heal_labels import HEAL_LABELS
from backend.figures.speed_labels import SPEED_LABELS
from linearity.contracts.runs import Language

LINEARITY_LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "from_state": "from state",
        "to_state": "to state",
        "block": "block",
        "block_place": "block {block}",
        "attention_place": "block {block}, attention",
        "mlp_place": "block {block}, MLP",
        "block_in_parts": "block: attention, then MLP",
        "parts_key": "● attention  ■ MLP",
        "score_axis": "linearity score R²",
        "ratio_axis": "update norm / stream norm",
        "stream": "stream",
        "update": "update",
        "stream_heldout": "R², stream, held-out",
        "stream_adjusted": "R², stream, adjusted",
        "stream_fit": "R², stream, in-sample",
        "update_heldout": "R², update, held-out",
        "update_adjusted": "R², update, adjusted",
        "update_fit": "R², update, in-sample",
        "angular": "angular distance",
        "cosine": "mean cosine",
        "cka": "CKA, debiased",
        "one_minus": "1 − {score}",
        "not_measured": "hatched: not measured",
        "heldout": "held-out, 95 % band",
        "fit": "in-sample",
        "fit_as_paper": "in-sample, every token kept: the paper's procedure",
        "kept": "first token and sinks kept",
        "published": "published: in-sample, read off",
        "published_range": "{name}, {score}, middle of the depth: {low} – {high}<br>"
        "published, in-sample, read off figure 1 of arXiv:2405.12250",
        "below": "below the axis",
        "pair_hover": "state {from} → {to}",
        "interval": "95 % interval",
        "ratio": "update / stream",
        "tokens_seen": "tokens",
        "quartiles": "half of the blocks",
        "class_first": "first token",
        "class_sink": "sink",
        "class_special": "special token",
        "class_byte": "part of a character",
        "class_whitespace": "white space",
        "class_punctuation": "punctuation, symbols",
        "class_digits": "digits",
        "class_word_start": "start of a word",
        "class_word_inside": "inside a word",
        "class_kanji": "kanji",
        "class_hiragana": "hiragana",
        "class_katakana": "katakana",
        "class_error": "share not explained",
        "token_error": "errors of single tokens",
        "token_position": "token",
        "p50": "median token",
        "p95": "95th percentile",
        "p99": "99th percentile",
        "mean_error": "mean: 1 − R²",
        "tokens": "{tokens} tokens",
        "partial": "preliminary: {done} of {total} tokens",
    },
    "ja": {
        "from_state": "入力側の状態",
        "to_state": "出力側の状態",
        "block": "ブロック",
        "block_place": "ブロック {block}",
        "attention_place": "ブロック {block} の注意機構",
        "mlp_place": "ブロック {block} の MLP",
        "block_in_parts": "ブロック(注意機構、MLP の順)",
        "parts_key": "● 注意機構  ■ MLP",
        "score_axis": "線形性スコア R²",
        "ratio_axis": "更新ノルム / ストリームノルム",
        "stream": "ストリーム",
        "update": "更新",
        "stream_heldout": "R²(ストリーム、検証データ)",
        "stream_adjusted": "R²(ストリーム、自由度調整済み)",
        "stream_fit": "R²(ストリーム、同一データ)",
        "update_heldout": "R²(更新、検証データ)",
        "update_adjusted": "R²(更新、自由度調整済み)",
        "update_fit": "R²(更新、同一データ)",
        "angular": "角距離",
        "cosine": "平均コサイン類似度",
        "cka": "CKA(バイアス補正済み)",
        "one_minus": "1 − {score}",
        "not_measured": "斜線: 未測定",
        "heldout": "検証データ(帯は 95 % 区間)",
        "fit": "同一データ",
        "fit_as_paper": "同一データ、全トークン(論文の手順)",
        "kept": "先頭トークンとシンクを含む",
        "published": "論文の値(同一データ、読み取り)",
        "published_range": "{name}、{score}、深さの中央付近: {low}〜{high}<br>"
        "論文の値(同一データ、arXiv:2405.12250 の図 1 から読み取り)",
        "below": "軸の範囲より下",
        "pair_hover": "状態 {from} → {to}",
        "interval": "95 % 区間",
        "ratio": "更新 / ストリーム",
        "tokens_seen": "トークン数",
        "quartiles": "半数のブロック",
        "class_first": "先頭トークン",
        "class_sink": "シンク",
        "class_special": "特殊トークン",
        "class_byte": "文字の一部(バイト)",
        "class_whitespace": "空白・改行",
        "class_punctuation": "句読点・記号",
        "class_digits": "数字",
        "class_word_start": "単語の先頭",
        "class_word_inside": "単語の途中",
        "class_kanji": "漢字",
        "class_hiragana": "ひらがな",
        "class_katakana": "カタカナ",
        "class_error": "説明できない割合",
        "token_error": "個々のトークンの誤差",
        "token_position": "トークン",
        "p50": "中央のトークン",
        "p95": "95 パーセンタイル",
        "p99": "99 パーセンタイル",
        "mean_error": "平均(1 − R²)",
        "tokens": "{tokens} トークン",
        "partial": "途中経過: {done} / {total} トークン",
    },
}

LABELS: dict[Language, dict[str, str]] = {
    language: words
    | ABLATION_LABELS[language]
    | HEAL_LABELS[language]
    | SPEED_LABELS[language]
    | BENCHMARK_LABELS[language]
    for language, words in LINEARITY_LABELS.items()
}

_SEEN = ("fit", "heldout", "excluded_first", "excluded_sinks", "context")


def escape(text: str) -> str:
    """Return `text` without the characters that Plotly reads as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def seen_tokens(counts: Mapping[str, Any]) -> int:
    """Return how many tokens the model read, which can be fewer than were asked for."""
    return sum(int(counts.get(name, 0)) for name in _SEEN)  # schema 1 has no context


def caption(result: Mapping[str, Any], language: Language) -> str:
    """Return the line that an exported picture carries: model, dataset, tokens."""
    parts = [
        escape(str(result[key].get("name") or result[key].get("id")))
        for key in ("model", "dataset")
    ]
    return " · ".join(part for part in [*parts, _extent(result, LABELS[language])] if part)


def _extent(result: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """Return how much was read or scored, or how far a run is."""
    partial, counts = result.get("partial"), result.get("tokens")
    protocol = result.get("protocol") or {}
    if partial:
        done, total = (f"{partial.get(key) or 0:,}" for key in ("done", "total"))
        # Only `linearity` counts its progress in tokens.
        return words["partial" if counts else "partial_steps"].format(done=done, total=total)
    if counts:
        return words["tokens"].format(tokens=f"{seen_tokens(counts):,}")
    if protocol:
        tokens, context = f"{protocol['tokens']:,}", f"{protocol['context']:,}"
        return words["scored_tokens"].format(tokens=tokens, context=context)
    return ""
