import hashlib

import pytest

from linearity.contracts.canonical import (
    MAX_DEPTH,
    Json,
    canonical_json,
    digest,
    strict_loads,
)
from linearity.errors import MalformedJSONError

REFUSED = {
    "empty": b"",
    "cut off": b'{"a": [1, 2',
    "two values": b"{} {}",
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "a float that overflows": b"[1e999]",
    "a negative float that overflows": b"[-1e999]",
    "a key twice": b'{"a": 1, "a": 1}',
    "a key twice, deep inside": b'[{"b": {"a": 1, "a": 1}}]',
    "a key twice, spelled differently": b'{"a": 1, "\\u0061": 2}',
    "5000 digits": b"9" * 5000,
    "NUL in a text": b'["\\u0000"]',
    "NUL in a key": b'{"\\u0000": 1}',
    "half a character": b'["\\ud800"]',
    "half a character in a key": b'{"\\udfff": 1}',
    "not UTF-8": b'["\xff"]',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "one level too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "200,000 levels": b"[" * 200_000,
    "a comment": b"{} // nothing",
    "a comma too many": b"[1,]",
    "single quotes": b"{'a': 1}",
}

ACCEPTED: dict[bytes, Json] = {
    b'{"a": [1, 2.5, "x", true, null]}': {"a": [1, 2.5, "x", True, None]},
    b'"\\ud83d\\ude00"': "\U0001f600",
    b'"[[[[{{{{"': "[[[[{{{{",
    b'"\\"["': '"[',
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH: None,
    b"-0.0": -0.0,
    b"9007199254740993": 9007199254740993,
    "「線形」".join('""').encode(): "「線形」",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedJSONError):
        strict_loads(data)


@pytest.mark.parametrize(("data", "value"), ACCEPTED.items())
def test_strict_json_is_read(data: bytes, value: Json) -> None:
    read = strict_loads(data)

    assert value is None or read == value


def test_the_canonical_spelling_does_not_depend_on_order_or_spaces() -> None:
    one = strict_loads(b'{"b": 1, "a": {"d": [1, 2], "c": "x"}}')
    two = strict_loads(b'{ "a" : {"c":"x","d":[ 1,2 ]},"b":1 }')

    assert canonical_json(one) == canonical_json(two) == b'{"a":{"c":"x","d":[1,2]},"b":1}'


def test_the_canonical_spelling_reads_back_as_the_same_value() -> None:
    value = {"π": [0.1, 1e-300, -0.0, 2**60], "空": None, "t": True}

    assert strict_loads(canonical_json(value)) == value


def test_the_digest_is_the_sha256_of_the_canonical_spelling() -> None:
    assert digest({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()


def test_different_values_have_different_digests() -> None:
    values: list[Json] = [1, 1.5, "1", True, None, [1], {"1": 1}, [], {}, ""]

    assert len({digest(value) for value in values}) == len(values)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_a_number_that_is_not_finite_has_no_spelling(value: Json) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)
