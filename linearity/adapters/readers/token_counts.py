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
            word = getattr(self._tokenizer.model, "unk_token", None)
            self._unknown = None if word is None else self._tokenizer.token_to_id(word)

    def tokens_per_character(self, texts: Iterable[str]) -> float | None:
        """Return tokens a character over a sample of `texts`; None without tokenizer or text."""
        characters, tokens, _ = self._count(texts)
        return tokens / characters if characters else None

    def unknown_share(self, texts: Iterable[str]) -> float | None:
        """Return which share of the tokens of a sample stands for "unknown", 0 to 1.

        A model whose tokenizer has no signs of a language measures nothing of its texts. None
        without tokenizer or text.
        """
        _, tokens, unknown = self._count(texts)
        return unknown / tokens if tokens else None

    def _count(self, texts: Iterable[str]) -> tuple[int, int, int]:
        """Return characters, tokens and unknown tokens of a sample."""
        characters = tokens = unknown = 0
        if self._tokenizer is None:
            return 0, 0, 0
        for number, text in enumerate(texts):
            if number == MOST_TEXTS or characters > MOST_CHARACTERS:
                break
            piece = text[:LONGEST_TEXT]
            characters += len(piece)
            ids = self._tokenizer.encode(piece, add_special_tokens=False).ids
            tokens += len(ids)
            unknown += ids.count(self._unknown)
        return characters, tokens, unknown
