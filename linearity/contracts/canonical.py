"""Strict JSON in, canonical JSON out, and the digest that gives everything its name."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from linearity.errors import MalformedJSONError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

RUN_ID_LENGTH = 32
"""Hexadecimal digits of a run id: 128 bits of a sha256, short enough for a link."""

MAX_DEPTH = 64
MAX_DIGITS = 400

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(r"[\[\]{}]")


def canonical_json(value: object) -> bytes:
    """Return the one spelling of `value`: sorted keys, no spaces, UTF-8, finite numbers only.

    Raises
    ------
    ValueError
        If `value` holds NaN or infinity.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: object) -> str:
    """Return the sha256 of the canonical JSON of `value` as 64 hexadecimal digits."""
    return sha256_hex(canonical_json(value))


def strict_loads(data: bytes) -> Json:
    """Parse JSON and refuse what JSON readers usually let through.

    Raises
    ------
    MalformedJSONError
        On invalid UTF-8, NaN or infinity, numbers that overflow, duplicate keys, NUL characters,
        lone surrogates, or nesting deeper than 64.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJSONError(f"the text is not UTF-8 (byte {error.start})") from error
    _check_depth(text)
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_bounded_int,
        )
    except json.JSONDecodeError as error:
        raise MalformedJSONError(
            f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}",
            next_step='Send one JSON object, for example {"kind": "linearity", ...}.',
        ) from error
    _check_text(value)
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedJSONError(f"nested deeper than {MAX_DEPTH} levels", limit=MAX_DEPTH)


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise MalformedJSONError(f"the key {key[:80]!r} occurs twice")
        seen.add(key)
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJSONError(f"{name} is not a JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedJSONError(f"the number {text[:40]} is too large")
    return value


def _bounded_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise MalformedJSONError(f"a whole number of {len(text)} digits", limit=MAX_DIGITS)
    return int(text)


def _check_text(value: Json) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise MalformedJSONError("a text holds the NUL character")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise MalformedJSONError("a text holds half a character (lone surrogate)") from error
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, Sequence):
        for item in value:
            _check_text(item)
