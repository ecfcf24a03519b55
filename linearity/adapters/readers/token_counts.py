"""How many tokens a model makes of a text, estimated from a sample."""

from collections.abc import Iterable
from typing import Any

from linearity.adapters.packages import need_package

MOST_TEXTS = 200
MOST_CHARACTERS = 100_000
LONGEST_TEXT = 4_000


class TokenCounter:
    """Counts with the tokenizer of a registered model; with none it knows nothing.

    Parameters
    ----------
    path : str or None
        A ``tokenizer.json``.
    """

    def __init__(self, path: str | None) -> None:
        self._tokenizer: Any = None  # untyped for us
        if path is not None:
            self._tokenizer = need_package("tokenizers").Tokenizer.from_file(path)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()

    def tokens_per_character(self, texts: Iterable[str]) -> float | None:
        """Return tokens a character over a sample of `texts`; None without tokenizer or text."""
        if self._tokenizer is None:
            return None
        characters = tokens = 0
        for number, text in enumerate(texts):
            if number == MOST_TEXTS or characters > MOST_CHARACTERS:
                break
            piece = text[:LONGEST_TEXT]
            characters += len(piece)
            tokens += len(self._tokenizer.encode(piece, add_special_tokens=False).ids)
        return tokens / characters if characters else None
