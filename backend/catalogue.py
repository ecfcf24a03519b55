"""The words of the page, for what the server writes itself: snapshots and pages of ended links."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import frontend

LANGUAGES = ("en", "ja")


@functools.cache
def words(language: str) -> Mapping[str, str]:
    """Return the catalogue of a language."""
    assert language in LANGUAGES
    path = Path(frontend.__file__).parent / "i18n" / f"{language}.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def preferred_language(accepted: str) -> str:
    """Return the language of a browser's Accept-Language: the first of ours, else English."""
    for item in accepted.split(","):
        language = item.strip().lower().partition(";")[0].partition("-")[0]
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]
