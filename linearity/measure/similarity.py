"""Two ways to compare two states that no linear map is fitted for: a rotation, and CKA."""

import torch
from torch import Tensor

FEWEST_TOKENS = 4
"""Below this many tokens the debiased CKA is not defined."""
BLUR = 1e-4
"""How far blurred singular values of a wide state may carry a rotation fit above 1."""
ROWS = 256
"""Rows of the token-by-token products that are in memory at once."""


def rotation_fit(C: Tensor, variations: Tensor) -> Tensor:
    r"""Return how much of one state a scaled rotation of the other explains, in [0, 1].

    Parameters
    ----------
    C : (d, d) float64
        Centred cross moments ``X'Y``.
    variations : (2,) float64
        ``trace(X'X)`` and ``trace(Y'Y)``.

    Notes
    -----
    ``(||X~'Y~||_*)^2`` with both states at Frobenius norm 1: one minus the residual of
    ``min ||Y~ - s X~ R||^2`` over scales s and orthogonal R (orthogonal Procrustes; Schönemann,
    1966). Not the paper's "Procrustes similarity", which allows any linear map and is `r2_fit`.

    The singular values are the lengths of C's products with the eigenvectors of C'C: zeros stay
    zeros, only values below 1e-8 of the largest one blur together, and a GPU is twelve times
    faster than with `svdvals` (4,096 wide).
    """
    V = torch.linalg.eigh(C.T @ C).eigenvectors
    nuclear = torch.linalg.vector_norm(C @ V, dim=0).sum()
    found = nuclear.square() / variations.prod()
    return torch.where((found > 1.0) & (found < 1.0 + BLUR), 1.0, found)


def debiased_cka(states: Tensor) -> Tensor:
    r"""Return the debiased linear CKA of every pair of states, (S, S) float64, at most 1.

    Parameters
    ----------
    states : (n, S, d) Tensor
        At least `FEWEST_TOKENS` tokens; float32 or float64, which products are computed in.

    Notes
    -----
    ``HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y))`` with the unbiased estimate of HSIC (Song et al.,
    2012, eq. 5), whose mean over samples is 0 for unrelated states, where the plain CKA
    (Kornblith et al., 2019, arXiv:1905.00414) grows with d / n. With centred rows the Gram
    matrices K and L have row sums 0, and what remains of the estimate is, up to a factor,

        sum K o L + tr K tr L / ((n - 1)(n - 2)) - n / (n - 2) sum_t K_tt L_tt.

    May be slightly negative. ``nan`` where a state does not vary.
    """
    n, S = states.shape[:2]
    centred = (states - states.mean(0)).movedim(1, 0).contiguous()
    products = torch.zeros((S, S), dtype=torch.float64, device=states.device)
    for rows in torch.split(centred, ROWS, dim=1):
        grams = (rows @ centred.mT).flatten(1).double()
        products.addmm_(grams, grams.T)
    lengths = centred.square().sum(-1, dtype=torch.float64)
    traces = lengths.sum(1)
    spread = torch.outer(traces, traces) / ((n - 1) * (n - 2))
    hsic = products + spread - n / (n - 2) * (lengths @ lengths.T)
    own = hsic.diagonal()
    return hsic / torch.where(own > 0.0, own, torch.nan).sqrt().outer(own.sqrt())
