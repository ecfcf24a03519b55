"""What people read of tokens: whole characters as text, parts of characters as their bytes."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from linearity.contracts.byte_texts import REPLACEMENT, text_of_bytes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPACE = "▁"
"""How tokenizers of the SentencePiece family write a space."""
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
"""How they write a byte of a character that their vocabulary does not hold."""

Text = Callable[[Sequence[int]], str]


def detokenizer(tokenizer: "PreTrainedTokenizerBase") -> Text:
    """Return ids to text, special tokens included, as a model is given it back."""

    def detokenize(ids: Sequence[int]) -> str:
        text: str = tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)
        return text

    return detokenize


def shower(tokenizer: "PreTrainedTokenizerBase") -> Text:
    """Return ids to text for people: the same, but no character that stands for broken bytes."""
    detokenize = detokenizer(tokenizer)

    def show(ids: Sequence[int]) -> str:
        text = detokenize(ids)
        if REPLACEMENT not in text:
            return text
        data = b"".join(_bytes_of(tokenizer, token) for token in ids)
        # Only where the bytes are surely those of the text: a decoder may do more than join them.
        same = data.decode(errors="replace") == text
        return text_of_bytes(data) if same else text

    return show


def token_text(tokenizer: "PreTrainedTokenizerBase") -> Callable[[int], str]:
    """Return one id to its text for people, a leading space included."""
    show = shower(tokenizer)

    def text_of(token: int) -> str:
        text = show([token])
        # Some decoders take the space off whatever stands first.
        spaced = str(tokenizer.convert_ids_to_tokens(token)).startswith(SPACE)
        return f" {text}" if spaced and not text.startswith(" ") else text

    return text_of


def _bytes_of(tokenizer: "PreTrainedTokenizerBase", token: int) -> bytes:
    name = str(tokenizer.convert_ids_to_tokens(token))
    if found := _BYTE.fullmatch(name):
        return bytes([int(found[1], 16)])
    if token not in tokenizer.all_special_ids and all(sign in _alphabet() for sign in name):
        return bytes(_alphabet()[sign] for sign in name)
    return detokenizer(tokenizer)([token]).encode(errors="replace")


@cache
def _alphabet() -> dict[str, int]:
    """Return the byte that each sign of a byte-level vocabulary stands for, as GPT-2 chose them.

    Bytes that print are written as themselves, the others as the signs from U+0100 on, in order.
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }
