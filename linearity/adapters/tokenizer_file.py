"""``tokenizer.json``: checked before the library that can be made to hang or abort reads it.

Measured with tokenizers 0.22: padding to a billion tokens aborts the process, nested replacements
make ten characters a hundred million, a regular expression can panic, ids are never compared with
the model. What may be read is settled here; how it behaves is tried in `tokenizer_trial.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from linearity.adapters.findings import Findings
from linearity.contracts.canonical import Json
from linearity.contracts.model_files import TOKENIZER

MOST_TOKENS = 1_000_000
MOST_ADDED = 10_000
MOST_STEPS = 64
LONGEST_EXPRESSION = 4_000
LONGEST_PADDING = 1_000_000
LARGEST_GROWTH = 64
SPARE_IDS = 1_024
"""Added tokens may lie this far beyond the embedding: fine-tunes add a token for padding and never
use it. A text that does use one is refused when it is read."""

MODELS = ("BPE", "Unigram", "WordPiece", "WordLevel")
STEPS = {
    "normalizer": (
        "Sequence",
        "BertNormalizer",
        "ByteLevel",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Nmt",
        "Precompiled",
        "Prepend",
        "Replace",
        "Strip",
        "StripAccents",
    ),
    "pre_tokenizer": (
        "Sequence",
        "BertPreTokenizer",
        "ByteLevel",
        "CharDelimiterSplit",
        "Digits",
        "FixedLength",
        "Metaspace",
        "Punctuation",
        "Split",
        "UnicodeScripts",
        "Whitespace",
        "WhitespaceSplit",
    ),
    "post_processor": (
        "Sequence",
        "BertProcessing",
        "ByteLevel",
        "RobertaProcessing",
        "TemplateProcessing",
    ),
    "decoder": (
        "Sequence",
        "BPEDecoder",
        "ByteFallback",
        "ByteLevel",
        "CTC",
        "Fuse",
        "Metaspace",
        "Replace",
        "Strip",
        "WordPiece",
    ),
}
_NESTED = ("normalizers", "pretokenizers", "processors", "decoders")


@dataclass(frozen=True)
class TokenizerFile:
    """A checked tokenizer.

    Parameters
    ----------
    tokens : frozenset of str
        Every token it knows.
    expressions : tuple of str
        Its regular expressions and the texts it replaces, to try it with.
    cleaned : dict or None
        The file without padding, truncation and dropout; None if it has none.
    """

    tokens: frozenset[str]
    expressions: tuple[str, ...]
    cleaned: dict[str, Json] | None


def read_tokenizer(
    value: Mapping[str, Json], vocabulary: int | None, findings: Findings
) -> TokenizerFile | None:
    """Return what ``tokenizer.json`` says, or None with findings.

    `vocabulary` is the number of rows of the embedding, None if it is not known.
    """
    before = len(findings.reasons)
    model = value.get("model")
    if not isinstance(model, dict):
        _refuse(findings, "has no model", "model")
        return None
    ids = _vocabulary(model, findings)
    added = _added_tokens(value.get("added_tokens"), findings)
    _check_model(model, ids, added, findings)
    _check_ids(ids, added, vocabulary, findings)
    expressions = _check_steps(value, findings)
    _check_padding(value.get("padding"), findings)
    if len(findings.reasons) > before:
        return None
    return TokenizerFile(frozenset({*ids, *added}), expressions, _cleaned(value, model, findings))


def _vocabulary(model: Mapping[str, Json], findings: Findings) -> dict[str, int]:
    """Return {token: id}; a Unigram model lists its tokens with scores instead."""
    given = model.get("vocab")
    if isinstance(given, list | dict) and len(given) > MOST_TOKENS:
        _refuse(
            findings,
            f"has {len(given):,} tokens, at most {MOST_TOKENS:,} are read",
            "model.vocab",
            (MOST_TOKENS, len(given)),
        )
        return {}
    if isinstance(given, dict) and all(type(id) is int and id >= 0 for id in given.values()):
        ids = {token: int(str(id)) for token, id in given.items()}
    elif isinstance(given, list) and all(_is_scored(item) for item in given):
        ids = {str(item[0]): place for place, item in enumerate(given) if isinstance(item, list)}
    else:
        ids = {}
    if not ids:
        _refuse(findings, "has no vocabulary of tokens with whole numbers or scores", "model.vocab")
    return ids


def _is_scored(item: Json) -> bool:
    if not isinstance(item, list) or len(item) != 2:
        return False
    token, score = item
    return isinstance(token, str) and type(score) in (int, float)


def _added_tokens(given: Json, findings: Findings) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, list) or len(given) > MOST_ADDED:
        count = len(given) if isinstance(given, list) else 0
        _refuse(
            findings,
            f"has {count:,} added tokens, at most {MOST_ADDED:,} are read",
            "added_tokens",
            (MOST_ADDED, count),
        )
        return {}
    added = {}
    for token in given:
        content, id = (token.get("content"), token.get("id")) if isinstance(token, dict) else (0, 0)
        if not isinstance(content, str) or not content or type(id) is not int or id < 0:
            _refuse(findings, f"has the added token {str(token)[:80]}", "added_tokens")
            return {}
        added[content] = id
    return added


def _check_model(
    model: Mapping[str, Json], ids: dict[str, int], added: dict[str, int], findings: Findings
) -> None:
    kind = model.get("type")
    if kind is not None and kind not in MODELS:
        _refuse(
            findings,
            f"has a model of type {str(kind)[:40]!r}; read are {', '.join(MODELS)}",
            "model.type",
        )
    unknown = model.get("unk_token")
    if unknown is not None and unknown not in ids and unknown not in added:
        _refuse(
            findings,
            f"names the unknown token {str(unknown)[:40]!r}, which its vocabulary does not hold",
            "model.unk_token",
        )
    place = model.get("unk_id")
    if place is not None and not (type(place) is int and 0 <= place < len(ids)):
        _refuse(
            findings,
            f"names the unknown token {str(place)[:40]}, its vocabulary has {len(ids):,}",
            "model.unk_id",
            (len(ids), str(place)[:40]),
        )
    for pair in _strange_merges(model, ids):
        _refuse(
            findings,
            f"merges {' and '.join(pair)[:80]!r}, which its vocabulary does not hold",
            "model.merges",
        )
        return


def _strange_merges(model: Mapping[str, Json], ids: dict[str, int]) -> Iterator[list[str]]:
    """Yield merges whose parts or whole are no tokens."""
    merges = model.get("merges")
    prefix = model.get("continuing_subword_prefix")
    cut = len(prefix) if isinstance(prefix, str) else 0
    for merge in merges if isinstance(merges, list) else []:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2:
            yield [str(merge)]
            continue
        left, right = map(str, pair)
        if left not in ids or right not in ids or left + right[cut:] not in ids:
            yield [left, right]


def _check_ids(
    ids: dict[str, int], added: dict[str, int], vocabulary: int | None, findings: Findings
) -> None:
    if vocabulary is None or not ids:
        return
    highest = max([*ids.values(), *(id - SPARE_IDS for id in added.values())])
    if highest >= vocabulary:
        actual = max([*ids.values(), *added.values()])
        findings.refuse(
            "tokenizer_mismatch",
            f"{TOKENIZER} has the token id {actual:,}, the model knows {vocabulary:,} ids",
            file=TOKENIZER,
            field="model.vocab",
            bounds=(vocabulary - 1, actual),
        )
    elif max(added.values(), default=0) >= vocabulary:
        beyond = [token for token, id in added.items() if id >= vocabulary]
        findings.warn(
            f"{TOKENIZER}: the added token {beyond[0][:40]!r} lies beyond the model's embedding; "
            "a text that holds it is refused"
        )


def _check_steps(value: Mapping[str, Json], findings: Findings) -> tuple[str, ...]:
    """Check the steps before and after the model and return the expressions in them."""
    expressions: list[str] = []
    for part, known in STEPS.items():
        steps = list(_flat(value.get(part)))
        growth = 1.0
        for step in steps[:MOST_STEPS]:
            if step.get("type") not in known:
                _refuse(
                    findings,
                    f"has the {part} {str(step.get('type'))[:40]!r}; read are {', '.join(known)}",
                    part,
                )
            expressions += _expressions(step)
            growth *= _growth(step)
        if len(steps) > MOST_STEPS:
            _refuse(
                findings,
                f"has {len(steps)} steps in {part}, at most {MOST_STEPS} are read",
                part,
                (MOST_STEPS, len(steps)),
            )
        if growth > LARGEST_GROWTH:
            what = f"could make a text {growth:,.0f} times as long in {part}"
            limit = f"at most {LARGEST_GROWTH} times is accepted"
            _refuse(findings, f"{what}, {limit}", part, (LARGEST_GROWTH, growth))
    for expression in expressions:
        if len(expression) > LONGEST_EXPRESSION:
            _refuse(
                findings,
                f"has an expression of {len(expression):,} characters, at most "
                f"{LONGEST_EXPRESSION:,} are read",
                "pattern",
                (LONGEST_EXPRESSION, len(expression)),
            )
    return tuple(expressions)


def _flat(step: Json) -> Iterator[Mapping[str, Json]]:
    """Yield a step and the steps inside it."""
    if not isinstance(step, dict):
        return
    yield step
    for name in _NESTED:
        inner = step.get(name)
        for item in inner if isinstance(inner, list) else []:
            yield from _flat(item)


def _expressions(step: Mapping[str, Json]) -> list[str]:
    pattern = step.get("pattern")
    return [str(text) for text in pattern.values()] if isinstance(pattern, dict) else []


def _growth(step: Mapping[str, Json]) -> float:
    """Return how many times as long a replacement can make a text."""
    content, pattern = step.get("content"), step.get("pattern")
    if step.get("type") != "Replace" or not isinstance(content, str):
        return 1.0
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    if literal == "":
        return 1.0 + len(content)
    return max(1.0, len(content) / (len(literal) if isinstance(literal, str) else 1))


def _check_padding(given: Json, findings: Findings) -> None:
    strategy = given.get("strategy") if isinstance(given, dict) else None
    length = strategy.get("Fixed") if isinstance(strategy, dict) else None
    if type(length) is int and length > LONGEST_PADDING:
        _refuse(
            findings,
            f"pads every text to {length:,} tokens",
            "padding.strategy.Fixed",
            (LONGEST_PADDING, length),
        )


def _cleaned(
    value: Mapping[str, Json], model: Mapping[str, Json], findings: Findings
) -> dict[str, Json] | None:
    dropout = model.get("dropout")
    if dropout:
        findings.warn(f"{TOKENIZER}: dropout {str(dropout)[:20]} is switched off; results repeat")
    if not dropout and value.get("padding") is None and value.get("truncation") is None:
        return None
    plain = dict(model) | ({"dropout": None} if dropout else {})
    return dict(value) | {"padding": None, "truncation": None, "model": plain}


def _refuse(
    findings: Findings, what: str, field: str, bounds: tuple[Json, Json] = (None, None)
) -> None:
    findings.refuse(
        "bad_tokenizer", f"{TOKENIZER} {what}", file=TOKENIZER, field=field, bounds=bounds
    )
