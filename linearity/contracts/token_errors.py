"""How the errors of single tokens spread: one histogram a block, on the same bins everywhere."""

from dataclasses import dataclass, field

BINS_PER_DECADE = 10
LOWEST_DECADE, HIGHEST_DECADE = -5, 3
ERROR_EDGES = tuple(
    10 ** (step / BINS_PER_DECADE)
    for step in range(LOWEST_DECADE * BINS_PER_DECADE, HIGHEST_DECADE * BINS_PER_DECADE + 1)
)
"""Edges of the bins, 1e-5 to 1e3, ten a decade. Never changed: histograms compare across runs."""

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class TokenErrors:
    """How badly each block's map predicts single held-out tokens.

    The error of a token is ``||y - xA||^2`` over the mean of ``||y - mean||^2`` of the held-out
    tokens that are scored: at least 0, and 1 for a map no better than the mean. A block's errors
    have the mean ``1 - r2_heldout``.

    Parameters
    ----------
    tokens : int
        Held-out tokens that are scored; every block counts each of them once.
    counts : L x (B + 1)
        Tokens below the first of the B edges, in the B - 1 bins between two, each with its lower
        edge, and from the last edge on.
    p50, p95, p99 : list of float, length L
        Quantiles of the errors themselves, not of the bins, between two values linearly.
    edges : list of float
        `ERROR_EDGES`.
    """

    tokens: int
    counts: list[list[int]]
    p50: list[float]
    p95: list[float]
    p99: list[float]
    edges: list[float] = field(default_factory=lambda: [*ERROR_EDGES])
