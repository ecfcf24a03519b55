"""How far a student is from its teacher: in the states it keeps, and in what it predicts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from linearity.measure.tokens import SINK_RATIO

CHUNK_ROWS = 1024
"""Rows of logits at once; those of a chunk are computed again on the way back."""

Head = Callable[[Tensor], Tensor]


def ordinary_tokens(states: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Return which tokens stand behind position 0 and are no sink in any state, (B, T) bool.

    Parameters
    ----------
    states : sequence of (B, T, d)
        The teacher's.
    mask : (B, T) bool
        False for padding.
    """
    behind = mask.clone()
    behind[:, 0] = False
    massive = torch.zeros_like(mask)
    for state in states:
        norms = torch.linalg.vector_norm(state.float(), dim=-1)
        massive |= norms > SINK_RATIO * norms[behind].median()
    return behind & ~massive


def states_distance(student: Tensor, teacher: Tensor, mask: Tensor, ordinary: Tensor) -> Tensor:
    """Return the mean squared distance of two states, over the variance of the teacher's.

    Parameters
    ----------
    student, teacher : (B, T, d)
    mask : (B, T) bool
        Tokens that count.
    ordinary : (B, T) bool
        Those whose variance is taken. Others, at position 0 and sinks, are measured by their own
        distance from the mean: they are so long that their errors would be all that counts.

    Returns
    -------
    () float32
        At least 0; 1 for a student that always gives the teacher's mean, over ordinary tokens.
    """
    x = teacher[mask].float()
    ordinary = ordinary[mask]
    spread = (x - x[ordinary].mean(0)).square().sum(1)
    variance = spread[ordinary].mean()
    scale = torch.where(ordinary, variance, torch.maximum(spread, variance))
    error = (student[mask].float() - x).square().sum(1)
    return (error / scale).mean()


def divergence(head: Head, student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean ``KL(teacher || student)`` of next-token distributions, nats.

    Parameters
    ----------
    head : callable
        (m, d) last states to (m, V) logits.
    student, teacher : (n, d)
        Last states.
    """

    def part(rows: Tensor, dense: Tensor) -> Tensor:
        p = torch.log_softmax(head(dense).float(), 1)
        q = torch.log_softmax(head(rows).float(), 1)
        return (p.exp() * (p - q)).sum()

    return _mean(part, student, teacher)


def text_loss(head: Head, student: Tensor, targets: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the tokens that really come next, nats.

    Parameters
    ----------
    head : callable
    student : (n, d)
    targets : (n,) int64
    """

    def part(rows: Tensor, wanted: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(head(rows).float(), wanted, reduction="sum")

    return _mean(part, student, targets)


def _mean(part: Callable[[Tensor, Tensor], Tensor], rows: Tensor, other: Tensor) -> Tensor:
    """Return the mean over rows of what `part` sums up, with little memory for logits."""
    total = torch.zeros((), device=rows.device)
    pairs = zip(torch.split(rows, CHUNK_ROWS), torch.split(other, CHUNK_ROWS), strict=True)
    for some, others in pairs:
        total = total + checkpoint(part, some, others, use_reentrant=False)
    return total / len(rows)
