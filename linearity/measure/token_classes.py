"""What kind of token stands where: the first one, a sink, or what its text says.

A token belongs to the class of the first character behind its white space, so that ``" the"`` is a
word's start and ``"行う"`` is kanji. Scripts and categories are those of Unicode.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import regex

from linearity.contracts.byte_texts import has_bytes
from linearity.contracts.linearity import TOKEN_CLASSES

_PATTERNS = {
    name: regex.compile(pattern)
    for name, pattern in {
        "kanji": r"\p{Han}",
        "hiragana": r"\p{Hiragana}",
        "katakana": r"\p{Katakana}|ー",
        "digits": r"\p{N}",
        "punctuation": r"[^\p{L}\p{M}]",
    }.items()
}
"""Tried in this order; what none of them takes is a letter of another script."""
_ENDS_IN_LETTER = regex.compile(r"[\p{L}\p{M}]$")


def text_classes(
    windows: Iterable[Sequence[int]], text_of: Callable[[int], str], special: frozenset[int]
) -> list[int]:
    """Return the class of every token of some windows, by its text alone.

    Parameters
    ----------
    windows : iterable of sequence of int
        The ids of each window; they are put behind one another.
    text_of : callable
        One id to its text, a leading space included, parts of characters as ⟨E3 81⟩.
    special : set of int
        Ids that stand for no text.

    Returns
    -------
    list of int
        Places in `TOKEN_CLASSES`; never that of ``first`` or ``sink``, which is about states.
    """
    text = cache(text_of)
    found = []
    for ids in windows:
        before = ""
        for token in ids:
            name = "special" if token in special else class_of(text(token), before)
            found.append(TOKEN_CLASSES.index(name))
            before = "" if token in special else text(token)
    return found


def class_of(text: str, before: str = "") -> str:
    """Return the class of a token's text, which stands behind another token's text.

    A word goes on inside where letters follow letters without white space. Symbols and control
    characters count as punctuation.
    """
    if has_bytes(text):
        return "byte"
    visible = text.lstrip()
    if not visible:
        return "whitespace"
    for name, pattern in _PATTERNS.items():
        if pattern.match(visible):
            return name
    return "word_inside" if text == visible and _ENDS_IN_LETTER.search(before) else "word_start"
