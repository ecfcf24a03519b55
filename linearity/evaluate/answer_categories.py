"""What two models answer, for every category of the prompts by itself: its routes or tasks."""

import math
from collections.abc import Sequence

import torch

from linearity.contracts.answers import AnswerPair, CategoryAnswers
from linearity.contracts.common import MOST_CATEGORIES, Interval
from linearity.evaluate.answers import Exchange, summarise
from linearity.evaluate.quality import paired_interval

Z = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""


def answers_by_category(
    exchanges: Sequence[Exchange], pairs: Sequence[AnswerPair]
) -> list[CategoryAnswers]:
    """Return the categories with most prompts, those first.

    Parameters
    ----------
    exchanges : sequence of Exchange
    pairs : sequence of AnswerPair
        The same, compared.
    """
    members: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        if pair.category is not None:
            members.setdefault(pair.category, []).append(place)
    ordered = sorted(members, key=lambda name: (-len(members[name]), name))
    return [
        _answers(name, [exchanges[k] for k in members[name]], [pairs[k] for k in members[name]])
        for name in ordered[:MOST_CATEGORIES]
    ]


def wilson_interval(hits: int, total: int) -> Interval:
    """Return the 95 % score interval of a share (Wilson, 1927), within [0, 1].

    Unlike a jackknife it says something where all or none are hits.
    """
    share = hits / total
    middle = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    half = Z / (1 + Z**2 / total) * math.sqrt(share * (1 - share) / total + (Z / (2 * total)) ** 2)
    return [max(middle - half, 0.0), min(middle + half, 1.0)]


def _answers(
    name: str, exchanges: Sequence[Exchange], pairs: Sequence[AnswerPair]
) -> CategoryAnswers:
    summary = summarise(exchanges, pairs)
    documents = [pair.document for pair in pairs]
    agreement = torch.tensor([pair.agreement for pair in pairs], dtype=torch.float64)
    interval = paired_interval(agreement, torch.tensor(documents))
    return CategoryAnswers(
        category=name,
        documents=len(set(documents)),
        prompts=len(pairs),
        identical=summary.identical,
        identical_ci95=wilson_interval(summary.identical, len(pairs)),
        agreement=summary.agreement,
        agreement_ci95=None if interval is None else list(interval),
        first_difference_median=summary.first_difference_median,
        length_ratio=summary.length_ratio,
        dense=summary.dense,
        changed=summary.changed,
    )
