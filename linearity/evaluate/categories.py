"""Numbers of a changed model for every category of the text by itself: its routes or tasks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.contracts.common import MOST_CATEGORIES, CategoryQuality
from linearity.evaluate.quality import Reference, TokenQuality, paired_interval


@dataclass(frozen=True)
class Categories:
    """Which scored tokens belong to which category.

    Parameters
    ----------
    rows : dict of str to (n,) bool Tensor
        Categories with most tokens first; at most `MOST_CATEGORIES` of them.
    documents : dict of str to int
        How many documents of each were measured.
    left_out : list of str
        Further ones, which have fewer tokens.
    """

    rows: dict[str, Tensor]
    documents: dict[str, int]
    left_out: list[str]

    @classmethod
    def of(cls, documents: Tensor, names: Sequence[str | None]) -> "Categories":
        """Sort tokens by category.

        Parameters
        ----------
        documents : (n,) int64
            Whose text each token is.
        names : sequence of str or None
            The category of every document; None belongs to none.
        """
        members: dict[str, list[int]] = {}
        tokens: Counter[str] = Counter()
        for document, count in zip(*torch.unique(documents, return_counts=True), strict=True):
            name = names[int(document)]
            if name is not None:
                members.setdefault(name, []).append(int(document))
                tokens[name] += int(count)
        ordered = sorted(members, key=lambda name: (-tokens[name], name))
        rows = {
            name: torch.isin(documents, torch.tensor(members[name], device=documents.device))
            for name in ordered[:MOST_CATEGORIES]
        }
        counts = {name: len(members[name]) for name in rows}
        return cls(rows, counts, ordered[MOST_CATEGORIES:])


def by_category(
    tokens: TokenQuality, reference: Reference, categories: Categories
) -> list[CategoryQuality]:
    """Return the quality of each category, the one with most tokens first."""
    return [
        _quality(name, rows, categories.documents[name], tokens, reference)
        for name, rows in categories.rows.items()
    ]


def worse_than_all(qualities: Sequence[CategoryQuality], damage: float) -> list[CategoryQuality]:
    """Return the categories whose whole interval lies above the overall damage, worst first."""
    worse = [item for item in qualities if item.ci95 is not None and item.ci95[0] > damage]
    return sorted(worse, key=lambda item: -item.nll_diff)


def _quality(
    name: str, rows: Tensor, documents: int, tokens: TokenQuality, reference: Reference
) -> CategoryQuality:
    difference = (tokens.nll - reference.nll)[rows]
    interval = paired_interval(difference, reference.documents[rows])
    return CategoryQuality(
        category=name,
        documents=documents,
        tokens=len(difference),
        nll=float(tokens.nll[rows].mean()),
        nll_diff=float(difference.mean()),
        ci95=None if interval is None else list(interval),
        kl=float(tokens.kl[rows].mean()),
        top1=float(tokens.top1[rows].mean()),
    )
