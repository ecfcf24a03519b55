r"""Fit the maps that stand in for blocks.

``linear``: ``x -> b + x A`` with ``A = I + (C_xx + lam I)^-1 C_xu`` and ``u = y - x``, centred,
fitted without first tokens and sinks. ``merged``: the map T acts on the MLP output M of the block
before, ``y = x + M (T - I)``, uncentred because most families have no bias there, and fitted
with every token, because it is applied to every token.

Both are ridge maps shrunk toward the identity (docs/science.md, sections 2 and 3), solved in
float64; ``lam = ridge * trace / d`` with the trace of ordinary tokens.
"""

import operator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from linearity.contracts.linearity import RIDGE_WITHOUT_VALIDATION, RIDGES
from linearity.errors import DegenerateStatesError, TooFewTokensError
from linearity.measure.moments import CHUNK_TOKENS, accumulation_dtype

MASSIVE = 10.0
"""Rows this many medians long are summed in float64: beside them float32 loses the others."""


@dataclass(frozen=True)
class FitTokens:
    """Which tokens of split F a map is fitted on.

    Parameters
    ----------
    ordinary : (N,) bool
        Neither at position 0 nor a sink.
    first : (N,) bool
        At position 0.
    validation : (N,) bool
        Tokens of the fifth of the documents that chooses the ridge.
    """

    ordinary: Tensor
    first: Tensor
    validation: Tensor


@dataclass(frozen=True)
class Moments:
    """Sums of predictors X (n, d) and targets U (n, e), in float64.

    Parameters
    ----------
    n : int
    x, u : (d,), (e,)
        Sums about `about`.
    xx, xu : (d, d), (d, e)
    uu : () float64
    about : (mean of x, mean of u)
        The points that the sums were taken about.
    """

    n: int
    x: Tensor
    u: Tensor
    xx: Tensor
    xu: Tensor
    uu: Tensor
    about: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, X: Tensor, U: Tensor, about: tuple[Tensor, Tensor]) -> "Moments":
        """Add up rows; chunks are summed in the width's type, between chunks in float64."""
        dtype = accumulation_dtype(X.shape[1])
        cx, cu = (point.to(dtype) for point in about)
        parts = [
            _chunk_moments(x.to(dtype) - cx, u.to(dtype) - cu, about)
            for x, u in zip(torch.split(X, CHUNK_TOKENS), torch.split(U, CHUNK_TOKENS), strict=True)
        ]
        return reduce(operator.add, parts)

    def __add__(self, other: "Moments") -> "Moments":
        """Add two shards that were taken about the same points."""
        return Moments(
            self.n + other.n,
            self.x + other.x,
            self.u + other.u,
            self.xx + other.xx,
            self.xu + other.xu,
            self.uu + other.uu,
            self.about,
        )

    def means(self) -> tuple[Tensor, Tensor]:
        """Return the means of X and U, float64."""
        return (
            self.about[0].double() + self.x / self.n,
            self.about[1].double() + self.u / self.n,
        )

    def centred(self, at: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``sum (x-c)'(x-c)``, ``sum (x-c)'(u-e)`` and ``sum |u-e|^2`` about (c, e)."""
        c = at[0].double() - self.about[0].double()
        e = at[1].double() - self.about[1].double()
        xx = self.xx - torch.outer(c, self.x) - torch.outer(self.x, c) + self.n * torch.outer(c, c)
        xu = self.xu - torch.outer(c, self.u) - torch.outer(self.x, e) + self.n * torch.outer(c, e)
        uu = self.uu - 2.0 * e @ self.u + self.n * e @ e
        return xx, xu, uu


@dataclass(frozen=True)
class RidgeMap:
    """A fitted map ``u = b + x W``.

    Parameters
    ----------
    W : (d, e) float64
    b : (e,) float64
    ridge : float
    """

    W: Tensor
    b: Tensor
    ridge: float


def fit_linear(X: Tensor, Y: Tensor, tokens: FitTokens, ridge: float | None) -> RidgeMap:
    """Fit the map of the action `linear`.

    Parameters
    ----------
    X, Y : (N, d) Tensor
        States entering the first and leaving the last block that it replaces.
    tokens : FitTokens
    ridge : float or None
        None chooses from `RIDGES` on the validation tokens.

    Returns
    -------
    RidgeMap
        ``W = A - I`` and the intercept ``b``: ``y = x + x W + b``.

    Raises
    ------
    TooFewTokensError, DegenerateStatesError
    """
    train = tokens.ordinary & ~tokens.validation
    held = tokens.ordinary & tokens.validation
    U = _update(X, Y)
    about = _near_means(X, U, tokens.ordinary)
    fit = Moments.of(X[train], U[train], about)
    if held.any():
        check = Moments.of(X[held], U[held], about)
        whole = fit + check
    else:
        check, whole = None, fit
    _check_enough(whole.n)
    if ridge is None:
        ridge = _choose(fit, check, fit.means())
    at = whole.means()
    xx, xu, _ = whole.centred(at)
    W = _solve(xx, xu, ridge, _scale(xx))
    return RidgeMap(W, at[1] - at[0] @ W, ridge)


def fit_merged(M: Tensor, X: Tensor, Y: Tensor, tokens: FitTokens, ridge: float | None) -> RidgeMap:
    """Fit the map of the action `merged`, with position 0 and sinks, uncentred.

    Parameters
    ----------
    M : (N, d) Tensor
        Output of the MLP of the block before.
    X : (N, d) Tensor
        State leaving that block.
    Y : (N, d) Tensor
        State leaving the last block that is removed.

    Returns
    -------
    RidgeMap
        ``W = T - I``; the intercept is zero. The new down projection is ``(I + W)' down``.

    References
    ----------
    ReplaceMe, arXiv:2505.02819, section 3 (there shrunk toward zero).
    """
    U = _update(X, Y)
    zero = torch.zeros(X.shape[1], dtype=torch.float64, device=X.device)
    origin = (zero, zero)
    every = torch.ones_like(tokens.ordinary)
    fit = _with_massive(M, U, every & ~tokens.validation, origin)
    check = _with_massive(M, U, tokens.validation, origin) if tokens.validation.any() else None
    whole = fit if check is None else fit + check
    _check_enough(whole.n)
    scale = float(M[tokens.ordinary].double().square().mean()) * whole.n * M.shape[1]
    if ridge is None:
        ridge = _choose(fit, check, origin, scale * fit.n / whole.n)
    xx, xu, _ = whole.centred(origin)
    return RidgeMap(_solve(xx, xu, ridge, scale), zero, ridge)


def merged_weight(down: Tensor, W: Tensor) -> Tensor:
    """Return a down projection's weight with ``T = I + W`` merged in, (d, inner), in its own type.

    With rows as tokens ``M T = (a down' + bias) T``, so the stored (d, inner) weight becomes
    ``T' down``, and a bias (d,) likewise ``T' bias``; computed in float64.
    """
    wide = down.double()
    return (wide + W.T @ wide).to(down.dtype)


def held_out_scores(
    maps: RidgeMap, X: Tensor, Y: Tensor, ordinary: Tensor
) -> tuple[float, float | None]:
    """Return the held-out scores of a linear map on other tokens: of the stream, of the update.

    ``1 - RSS / TSS`` with TSS about the mean of these tokens; None without update variance.
    """
    dtype = accumulation_dtype(X.shape[1])
    x, y = X[ordinary].to(dtype), Y[ordinary].to(dtype)
    u = y - x
    rss = (u - x @ maps.W.to(dtype) - maps.b.to(dtype)).square().sum(dtype=torch.float64)
    stream, update = ((t.double() - t.double().mean(0)).square().sum() for t in (y, u))
    if float(stream) <= 0.0:
        raise DegenerateStatesError(
            "a state is the same for all tokens, so no score is defined",
            next_step="Check the weights, and that the dataset is not one token.",
        )
    still = float(update) <= 1e-14 * float(stream)
    return 1.0 - float(rss / stream), None if still else 1.0 - float(rss / update)


def _chunk_moments(x: Tensor, u: Tensor, about: tuple[Tensor, Tensor]) -> Moments:
    return Moments(
        len(x),
        x.sum(0).double(),
        u.sum(0).double(),
        (x.T @ x).double(),
        (x.T @ u).double(),
        u.square().sum(dtype=torch.float64),
        about,
    )


def _update(X: Tensor, Y: Tensor) -> Tensor:
    """Return ``Y - X`` in the type that moments are summed in; bfloat16 would round it first."""
    dtype = accumulation_dtype(X.shape[1])
    return Y.to(dtype) - X.to(dtype)


def _near_means(X: Tensor, U: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    some = rows.nonzero().squeeze(1)[:CHUNK_TOKENS]
    return X[some].double().mean(0), U[some].double().mean(0)


def _with_massive(X: Tensor, U: Tensor, rows: Tensor, about: tuple[Tensor, Tensor]) -> Moments:
    x, u = X[rows], U[rows]
    length = torch.maximum(x.float().norm(dim=1), u.float().norm(dim=1))
    massive = length > MASSIVE * length.median()
    usual = Moments.of(x[~massive], u[~massive], about)
    if not massive.any():
        return usual
    return usual + _chunk_moments(
        x[massive].double() - about[0], u[massive].double() - about[1], about
    )


def _choose(
    fit: Moments,
    check: Moments | None,
    at: tuple[Tensor, Tensor],
    scale: float | None = None,
) -> float:
    """Return the ridge with the least squared error on the validation tokens."""
    if check is None:
        return RIDGE_WITHOUT_VALIDATION
    xx, xu, _ = fit.centred(at)
    vxx, vxu, vuu = check.centred(at)
    errors = []
    for ridge in RIDGES:
        W = _solve(xx, xu, ridge, _scale(xx) if scale is None else scale)
        errors.append(float(vuu - 2.0 * (W * vxu).sum() + (W * (vxx @ W)).sum()))
    return RIDGES[min(range(len(RIDGES)), key=errors.__getitem__)]


def _scale(xx: Tensor) -> float:
    return float(xx.diagonal().sum())


def _solve(xx: Tensor, xu: Tensor, ridge: float, scale: float) -> Tensor:
    d = len(xx)
    if scale <= 0.0:
        raise DegenerateStatesError(
            "the states that a map is fitted on do not vary",
            next_step="Check the weights, and that the dataset is not one token.",
        )
    lam = ridge * scale / d
    factor, failed = torch.linalg.cholesky_ex(
        xx + lam * torch.eye(d, dtype=xx.dtype, device=xx.device)
    )
    solution: Tensor
    if not failed:
        solution = torch.cholesky_solve(xu, factor)
        return solution
    # Directions that the tokens do not span come out of float32 sums a little below zero; they
    # count as zero, as in `linearity.measure.maps`.
    w, Q = torch.linalg.eigh(xx)
    solution = Q @ ((Q.T @ xu) / (w.clamp_min(0.0) + lam)[:, None])
    return solution


def _check_enough(n: int) -> None:
    if n < 2:
        raise TooFewTokensError(
            f"only {n:,} tokens are left to fit a map on",
            next_step="Use a dataset with more text, or more fit_tokens.",
            fit=n,
        )
