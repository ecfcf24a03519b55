"""What is taken out of a text, and what must stay."""

import pytest

from linearity.adapters.masking import MASKS, mask
from linearity.errors import InvalidParameterError

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----"

FOUND = {
    "an address": ("Write to taro.yamada+x@example.co.jp.", "Write to [email]."),
    "an address between Japanese words": ("宛先はa_b@example.comまで", "宛先は[email]まで"),
    "a full-width at sign": ("taro＠example.jp", "[email]"),
    "a Tokyo number": ("Call 03-1234-5678 now", "Call [phone] now"),
    "a mobile number": ("携帯は090-1234-5678です", "携帯は[phone]です"),
    "a mobile number in a row": ("09012345678", "[phone]"),
    "a free number": ("0120-123-456まで", "[phone]まで"),
    "an international number": ("+81 3-1234-5678 / +81-90-1234-5678", "[phone] / [phone]"),
    "a foreign number": ("at +44 20 7946 0958,", "at [phone],"),
    "full-width digits": ("電話０３－１２３４－５６７８", "電話[phone]"),
    "a long vowel as hyphen": ("０３ー１２３４ー５６７８", "[phone]"),
    "brackets": ("(03) 1234-5678", "[phone]"),
    "a card in groups": ("4111 1111 1111 1111", "[card]"),
    "a card in a row": ("card=5500005555555559;", "card=[card];"),
    "a card of fifteen": ("3782-822463-10005", "[card]"),
    "a full-width card": ("４１１１－１１１１－１１１１－１１１１", "[card]"),
    "an AWS id": ("id AKIAIOSFODNN7EXAMPLE here", "id [key] here"),
    "an AWS secret": (
        "aws_secret_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
        "aws_secret_key = '[key]'",
    ),
    "a GitHub token": ("ghp_" + "a1B2" * 9, "[key]"),
    "a JWT with its signature": (f"Bearer {JWT} end", "Bearer [key] end"),
    "a private key to its end": (f"see\n{PEM}\nbye", "see\n[key]\nbye"),
    "a private key cut off": (f"{PEM[:60]}", "[key]"),
    "a Slack token": ("xoxb-123456789012-abcdefGHIJ", "[key]"),
    "a password in an address": ("postgres://u:hunter2secret@db/x", "postgres://u:[key]@db/x"),
    "a named key": ('{"api_key": "f3A9c2E81b7D4e60aa19"}', '{"api_key": "[key]"}'),
    "several": ("a@b.jp 03-1234-5678", "[email] [phone]"),
}
STAYS = {
    "prose": "The quick brown fox, at 3 o'clock.",
    "a date": "2026-11-25 14:03:22 and 2026/11/25",
    "milliseconds": "ts=1732543402000",
    "a price": "1,234,567 yen or 1 234 567",
    "an address of a machine": "192.168.10.123",
    "a version": "numpy 2.0.1.dev20251125",
    "a decimal": "3.14159265358979",
    "an order number": "order 4111111111111112",  # its check digit is wrong
    "ten digits": "id 9012345678 row 1234567890",
    "a column of numbers": "2311 4 5 66 7 8 99 10 11 12 13",
    "digits in columns": "01  012 0123  01234",
    "an ISBN": "ISBN 978-4-04-891686-8",
    "code": "def token(n: int) -> str:\n    return secret_names[n] + 'x' * 32\n",
    "a decorator": "@property\ndef x(self): ...",
    "a path": "token = tokens/english/wikipedia/train",
    "a commit": "git show 3cc63f6d29f1a3b7c08df3a1e5b9c7d2e4f60718",
    "a handle": "ask @taro",
}


@pytest.mark.parametrize(("text", "masked"), FOUND.values(), ids=FOUND)
def test_patterns_are_replaced_by_their_kind(text: str, masked: str) -> None:
    assert mask(text, MASKS) == masked


@pytest.mark.parametrize("text", STAYS.values(), ids=STAYS)
def test_ordinary_text_stays(text: str) -> None:
    assert mask(text, MASKS) == text


def test_only_the_kinds_asked_for_are_masked() -> None:
    text = "a@example.com 03-1234-5678"
    assert mask(text, ["phone"]) == "a@example.com [phone]"
    assert mask(text, []) == text


def test_masking_again_changes_nothing() -> None:
    once = mask(" ".join(text for text, _ in FOUND.values()), MASKS)
    assert mask(once, MASKS) == once


def test_national_numbers_are_those_of_the_region() -> None:
    text = "(415) 555-2671"
    assert mask(text, ["phone"]) == text
    assert mask(text, ["phone"], regions=["JP", "US"]) == "[phone]"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="email, phone, card, key"):
        mask("x", ["name"])
