"""Splits and orders of documents in which every category has its share.

A category is the route, task or kind of text that a record names. Without categories, or with a
single one, everything is as a hash of seed and text decides alone. With several, documents stand
in one row, category after category and hashed within it, and the places of the row take turns:
so every category, and every few neighbouring small ones together, give each split its share
(systematic sampling of strata; docs/decisions/0019).
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

Categories = Sequence[str | None]
FIT_SHARE, SELECT_SHARE = 0.4, 0.2
"""Of the documents, when there are three splits; the rest is for reports."""
TURNS = ("fit", "select", "report", "fit", "report")
"""How five consecutive documents of the row go to the three splits: the same shares."""


def fraction(seed: int, purpose: str, text: str) -> float:
    """Return a number in [0, 1) that only seed, purpose and text decide."""
    data = f"{seed}:{purpose}:".encode() + hashlib.sha256(text.encode()).digest()
    return int.from_bytes(hashlib.sha256(data).digest()[:8]) / 2**64


def has_strata(categories: Categories | None) -> bool:
    """Return whether there is anything to share out: two categories, or one and none."""
    return categories is not None and len(set(categories)) > 1


def three_splits(
    seed: int, texts: Sequence[str], categories: Categories | None = None
) -> dict[str, str]:
    """Return ``fit``, ``select`` or ``report`` for every text; copies stand on one side.

    Notes
    -----
    By the rank of a hash, so that shares are exact: a threshold on the hash itself would leave 5
    of 79 documents to a split of 20 % for one seed and 22 for another (docs/decisions/0009).
    """
    if categories is not None and has_strata(categories):
        row = _row(seed, texts, categories)
        return {text: TURNS[place % len(TURNS)] for place, text in enumerate(row)}
    ranked = sorted(set(texts), key=lambda text: (fraction(seed, "split", text), text))
    fit = round(FIT_SHARE * len(ranked))
    select = fit + max(round(SELECT_SHARE * len(ranked)), 1)
    return {
        text: "fit" if rank < fit else "select" if rank < select else "report"
        for rank, text in enumerate(ranked)
    }


def heldout_texts(
    seed: int, texts: Sequence[str], share: float, categories: Categories | None = None
) -> set[str]:
    """Return the texts that are only scored on, about `share` of all of them."""
    if categories is not None and has_strata(categories):
        row = _row(seed, texts, categories)
        return {
            text
            for place, text in enumerate(row)
            if math.floor((place + 1) * share) > math.floor(place * share)
        }
    return {text for text in texts if fraction(seed, "split", text) < share}


def hashed_order(seed: int, texts: Sequence[str]) -> list[int]:
    """Return the numbers of all documents in the order that the seed gives them."""
    return sorted(range(len(texts)), key=lambda k: (fraction(seed, "order", texts[k]), k))


def spread(members: Sequence[int], categories: Categories | None = None) -> list[int]:
    """Return documents of a split so that any first part of them holds every category's share.

    Parameters
    ----------
    members : sequence of int
        Documents in hashed order. Without categories they stay as they are.
    categories : sequence of str or None
        Of all documents.
    """
    if categories is None or not has_strata(categories):
        return list(members)
    sizes = Counter(categories[k] for k in members)
    seen: Counter[str | None] = Counter()
    places = []
    for k in members:
        category = categories[k]
        places.append((seen[category] + 0.5) / sizes[category])
        seen[category] += 1
    return [members[n] for n in sorted(range(len(members)), key=lambda n: (places[n], n))]


def _row(seed: int, texts: Sequence[str], categories: Categories) -> list[str]:
    """Return the distinct texts, category after category; both in hashed order."""
    own: dict[str, str | None] = {}
    for text, category in zip(texts, categories, strict=True):
        # A text of two categories belongs to the first of them by name.
        if text not in own or _by_name(category) < _by_name(own[text]):
            own[text] = category
    strata: dict[str | None, list[str]] = defaultdict(list)
    for text, category in own.items():
        strata[category].append(text)
    names = sorted(strata, key=lambda name: (fraction(seed, "category", name or ""), str(name)))
    return [
        text
        for name in names
        for text in sorted(strata[name], key=lambda text: (fraction(seed, "split", text), text))
    ]


def _by_name(category: str | None) -> tuple[bool, str]:
    return category is None, category or ""
