"""Orders in which blocks are changed, and how far to trust them.

Every strategy turns one number a block into an order: the lower, the sooner it is changed.
``span_angular`` picks a contiguous span of each length instead; ``greedy_loss`` searches.
"""

import math
import random
from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from linearity.contracts.actions import Plan, Step

FEWEST_RANKED = 3


def order_by(values: Sequence[float]) -> list[int]:
    """Return block numbers by ascending value; of equal ones the deeper block comes first.

    Deeper first, because an error made late passes through fewer blocks.
    """
    return sorted(range(len(values)), key=lambda block: (values[block], -block))


def random_order(blocks: int, seed: str) -> list[int]:
    """Return a random order of `blocks` blocks that only `seed` decides."""
    order = list(range(blocks))
    random.Random(seed).shuffle(order)
    return order


def best_spans(angles: Tensor, *, longest: int) -> list[range]:
    """Return the contiguous span of each length 1, ..., `longest` with the least angle.

    Parameters
    ----------
    angles : (S, S) float64
        Mean angular distance between states i and j, in [0, 1].
    longest : int

    Notes
    -----
    Gromov et al., arXiv:2403.17887, section 3: ``argmin_l d(x_l, x_l+n)``; here the mean over
    all ordinary tokens, there the last token. PruneMe does the same.
    """
    spans = []
    for length in range(1, longest + 1):
        starts = torch.diagonal(angles, offset=length)
        start = int(starts.argmin())
        spans.append(range(start, start + length))
    return spans


def span_plan(span: range, action: str) -> Plan:
    """Return the plan that gives a whole span one action: dropped, or one map for all of it."""
    return Plan((Step(span.start, span.stop - 1, action),))


def rank_correlation(ranking: Sequence[float | None], damage: Sequence[float]) -> float | None:
    """Return Spearman's correlation between a ranking and the measured damage.

    Parameters
    ----------
    ranking : sequence of L numbers or None
        The lower, the sooner a strategy changes the block; None where it does not rank it.
    damage : sequence of L numbers
        Of changing the block alone, nats per token.

    Returns
    -------
    float in [-1, 1], or None
        None with fewer than 3 ranked blocks, or where either side is constant.
    """
    pairs = [(rank, loss) for rank, loss in zip(ranking, damage, strict=True) if rank is not None]
    if len(pairs) < FEWEST_RANKED or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
        return None
    ranks, losses = np.array(pairs).T
    value = float(spearmanr(ranks, losses).statistic)
    return value if math.isfinite(value) else None
