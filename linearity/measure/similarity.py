"""Two ways to compare two states that no linear map is fitted for: a rotation, and CKA."""

import math

import torch
from torch import Tensor

FEWEST_TOKENS = 4
"""Below this many tokens the debiased CKA is not defined."""
SMALLEST, CONVERGED = 1e-8, 1e-9
"""The smallest singular value that the polar factor is made exact for, and how exact."""
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
    """
    return _nuclear_norm(C).square() / variations.prod()


def _nuclear_norm(C: Tensor) -> Tensor:
    """Return the sum of the singular values of a square matrix, () float64.

    ``tr(U'C)`` with U the orthogonal polar factor, by the dynamically weighted Halley iteration
    (QDWH; Nakatsukasa, Bai and Gygi, 2010, eq. 3.5 and 5.4) in its Cholesky form: products only,
    which a GPU makes 18 times faster than `svdvals` (4,096 wide). Errors of U enter squared, and
    of singular values below `SMALLEST` of the norm a part is lost.
    """
    X, lowest = C / torch.linalg.matrix_norm(C), SMALLEST
    one = torch.eye(len(C), dtype=C.dtype, device=C.device)
    while 1.0 - lowest > CONVERGED:
        squared = lowest**2
        d = (4.0 * (1.0 - squared) / squared**2) ** (1.0 / 3.0)
        root = math.sqrt(1.0 + d)
        a = root + 0.5 * math.sqrt(8.0 - 4.0 * d + 8.0 * (2.0 - squared) / (squared * root))
        b = (a - 1.0) ** 2 / 4.0
        c = a + b - 1.0
        factor = torch.linalg.cholesky(one + c * (X.T @ X))
        X = b / c * X + (a - b / c) * torch.cholesky_solve(X.T, factor).T
        lowest *= (a + b * squared) / (1.0 + c * squared)
    norm: Tensor = (X * C).sum()
    return norm


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
    del states  # where memory is short there is no room for both
    products = torch.zeros((S, S), dtype=torch.float64, device=centred.device)
    for rows in torch.split(centred, ROWS, dim=1):
        grams = (rows @ centred.mT).flatten(1).double()
        products.addmm_(grams, grams.T)
    lengths = torch.stack([rows.square().sum(-1, dtype=torch.float64) for rows in centred])
    traces = lengths.sum(1)
    spread = torch.outer(traces, traces) / ((n - 1) * (n - 2))
    hsic = products + spread - n / (n - 2) * (lengths @ lengths.T)
    own = hsic.diagonal()
    return hsic / torch.where(own > 0.0, own, torch.nan).sqrt().outer(own.sqrt())
