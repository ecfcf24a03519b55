"""Classes of tokens, in Japanese too; the characters' own names in Unicode are the oracle."""

import unicodedata

import pytest

from linearity.contracts.linearity import TOKEN_CLASSES
from linearity.measure.token_classes import class_of, text_classes

NAMES = {
    "kanji": ("CJK UNIFIED IDEOGRAPH", "IDEOGRAPHIC ITERATION MARK", "CJK COMPATIBILITY"),
    "hiragana": ("HIRAGANA LETTER",),
    "katakana": ("KATAKANA LETTER", "HALFWIDTH KATAKANA LETTER", "KATAKANA-HIRAGANA PROLONGED"),
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" the", "word_start"), ("the", "word_start"), ("Ünder", "word_start"),
        (" Ωmega", "word_start"), ("한국", "word_start"),
        ("関数", "kanji"), ("々", "kanji"), ("行う", "kanji"), (" 行", "kanji"),
        ("ひらがな", "hiragana"), ("する。", "hiragana"),
        ("カタカナ", "katakana"), ("ー", "katakana"), ("ﾊﾝｶｸ", "katakana"),
        ("、", "punctuation"), ("。", "punctuation"), ("「", "punctuation"), ("・", "punctuation"),
        (" +", "punctuation"), ("_x", "punctuation"), ("€", "punctuation"), ("\x00", "punctuation"),
        ("2024", "digits"), (" 2nd", "digits"), ("12", "digits"), ("½", "digits"), ("Ⅳ", "digits"),
        (" ", "whitespace"), ("\n\n", "whitespace"), ("\u3000", "whitespace"), ("", "whitespace"),
        ("⟨E3 81⟩", "byte"), (" ⟨E3⟩", "byte"), ("a\N{REPLACEMENT CHARACTER}", "byte"),
    ],
)  # fmt: skip
def test_the_first_visible_character_names_the_class(text: str, wanted: str) -> None:
    assert class_of(text) == wanted


@pytest.mark.parametrize("script", NAMES)
def test_every_letter_of_a_japanese_script_is_of_its_class(script: str) -> None:
    # Up to the end of the basic plane; the supplementary ideographs have the same names.
    letters = [
        sign
        for sign in map(chr, range(0x3000, 0xFFFF))
        if unicodedata.category(sign)[0] in "LM"
        and unicodedata.name(sign, "").startswith(NAMES[script])
    ]

    assert len(letters) > 80
    assert {class_of(sign) for sign in letters} == {script}


@pytest.mark.parametrize(
    ("before", "text", "wanted"),
    [
        ("Linear", "Scope", "word_inside"),
        ("Linear", " Scope", "word_start"),
        ("(", "Scope", "word_start"),
        ("3", "rd", "word_start"),
        ("\n", "Scope", "word_start"),
        ("関数", "map", "word_inside"),
        ("a", "1", "digits"),
    ],
)
def test_a_word_goes_on_where_letters_follow_letters(before: str, text: str, wanted: str) -> None:
    assert class_of(text, before) == wanted


def test_windows_begin_anew_and_special_tokens_end_a_word() -> None:
    texts = {0: "<|end|>", 1: "lin", 2: "ear", 3: " map"}

    found = text_classes([[1, 2, 3], [2, 0, 2]], texts.__getitem__, frozenset({0}))

    assert [TOKEN_CLASSES[place] for place in found] == [
        "word_start", "word_inside", "word_start", "word_start", "special", "word_start",
    ]  # fmt: skip
