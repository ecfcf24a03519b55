"""What a link or a bundle leaves out unless its maker chose otherwise: the texts of a dataset.

Numbers, names of models, datasets and categories stay; prompts, answers, passages, titles (the
beginning of a document) and single tokens go. A test names every text field of every result, so
that a new one must be judged before it can leave.
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

KINDS_WITH_TEXTS = ("plan", "answers", "passage", "heal", "benchmark")
"""Kinds whose results hold texts of the dataset, or of a person."""
TEXT_LISTS = ("answers", "canaries", "worst_tokens", "choices")
"""Lists whose entries are made of texts: shown empty."""
TEXT_FIELDS = ("title", "text", "character", "question")
"""Single texts: shown empty."""


def without_texts(value: Mapping[str, Any]) -> Json:
    """Return a result, or parameters, without any text that comes from a dataset or a person."""
    cleaned: Json = _cleaned(value)
    return cleaned


def lacks_texts(result: Mapping[str, Any]) -> bool:
    """Return whether the texts of a result, which its kind has, were left out of it."""
    return result["kind"] in KINDS_WITH_TEXTS and without_texts(result) == result


def asks_texts(params: Mapping[str, Any]) -> bool:
    """Return whether a question holds texts that a person wrote, so that it is none without."""
    return without_texts(params) != params


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _cleaned_field(key, item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_cleaned(item) for item in value]
    return value


def _cleaned_field(key: str, value: Any) -> Any:
    # The summary of answers counts its prompts under the same names, but as numbers.
    if key in TEXT_LISTS and isinstance(value, list):
        return []
    if key in TEXT_FIELDS and isinstance(value, str):
        return ""
    return _cleaned(value)
