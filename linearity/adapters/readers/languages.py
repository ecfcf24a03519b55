"""Which languages the documents of a dataset are in, by a sample of them."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence

from linearity.adapters.packages import need_package

MOST_DOCUMENTS = 500
MOST_CHARACTERS = 1_000
FEWEST_LETTERS = 8
LEAST_CONFIDENCE = 0.5
UNKNOWN = "und"


def count_languages(texts: Sequence[str]) -> dict[str, int]:
    """Return documents by language (ISO 639-1), most frequent first, of at most 500 of them.

    "und" stands for what cannot be told: code, numbers, a few words.

    Raises
    ------
    MissingPackageError
        If py3langid is not installed.
    """
    step = max(len(texts) / MOST_DOCUMENTS, 1.0)
    sample = [texts[int(at * step)] for at in range(min(len(texts), MOST_DOCUMENTS))]
    counts = Counter(language(text) for text in sample)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def language(text: str) -> str:
    """Return the language of a text, or "und"."""
    beginning = text[:MOST_CHARACTERS]
    letters = sum(character.isalpha() for character in beginning)
    # One sign of Japanese or Chinese says as much as a few Latin letters.
    weight = letters + 2 * sum(ord(character) > 0x2E80 for character in beginning)
    if weight < FEWEST_LETTERS or 2 * letters < len(beginning.strip()):
        return UNKNOWN
    found, confidence = _classify()(beginning)
    return str(found) if confidence >= LEAST_CONFIDENCE and found != "zxx" else UNKNOWN


@functools.cache
def _classify() -> Callable[[str], tuple[str, float]]:
    langid = need_package("py3langid.langid")
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    classify: Callable[[str], tuple[str, float]] = identifier.classify
    return classify
