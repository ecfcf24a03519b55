"""Bytes that are only a part of a character, written so that a reader sees what they are.

A byte-level tokenizer may cut a character, most of all a Japanese one, into several tokens. Each of
them alone is no text: it is shown as ⟨E3 81⟩, its bytes, and not as a replacement character.
"""

import codecs
import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_ERRORS = "linearity_bytes"
_SHOWN = r"⟨[0-9A-F]{2}(?: [0-9A-F]{2})*⟩"


def _show(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    piece = error.object[error.start : error.end]
    return f"⟨{piece.hex(' ').upper()}⟩", error.end


codecs.register_error(_ERRORS, _show)


def text_of_bytes(data: bytes) -> str:
    """Return UTF-8 as text; what is no whole character as its bytes, for example ⟨E3 81⟩."""
    return data.decode(errors=_ERRORS).replace("⟩⟨", " ")


def has_bytes(text: str) -> bool:
    """Return whether a text shows a part of a character."""
    return re.search(_SHOWN, text) is not None or REPLACEMENT in text


def without_bytes(text: str) -> str:
    """Return a text without the parts of characters at its ends."""
    return re.sub(f"^{_SHOWN}|{_SHOWN}$", "", text).strip(REPLACEMENT)
