r"""The best linear map from one state to later ones, from centred moments alone.

With ``C_ij`` the centred moments of states i and j (rows are tokens) and ``D = C_ij - C_ii``,

    A = I + (C_ii + lam I)^-1 D,        lam = ridge * trace(C_ii) / d

is the ridge map, shrunk toward the identity rather than toward zero: a stream that a block hardly
changes is then predicted by itself. Stream and update share one residual,
``Y - XA = U - X (C_ii + lam I)^-1 D`` with ``U = Y - X``. One eigendecomposition
``C_ii = Q diag(w) Q'`` serves every j, every ridge, and the unregularised in-sample score.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.measure.moments import Band
from linearity.measure.products import Weights

RELATIVE_CUTOFF = 1e-12
"""Eigenvalues below this share of the largest count as zero."""
ROUNDINGS = 64.0
"""How many roundings of the sums a score may lie above 1 and still be 1."""
NO_UPDATE = 1e-14
"""An update whose variation is below this share of the stream's has no score of its own."""


@dataclass(frozen=True)
class Regression:
    """Every later state regressed on state i, before a ridge is chosen.

    Parameters
    ----------
    band : Band
        Centred moments of state i with itself and m later states.
    w : (d,) float64
        Eigenvalues of ``C_ii``, ascending, negative rounding set to zero.
    Q : (d, d) float64
        Eigenvectors in columns.
    B : (m, d, d) float64
        ``Q' (C_ij - C_ii)``.
    """

    band: Band
    w: Tensor
    Q: Tensor
    B: Tensor

    @classmethod
    def of(cls, band: Band) -> "Regression":
        """Decompose the first state of `band`."""
        w, Q = torch.linalg.eigh(band.C[0])
        return cls(band, w.clamp_min(0.0), Q, _updates_in_basis(band, Q))

    def onto(self, band: Band) -> "Regression":
        """Regress other later states on the same state i, without decomposing it again."""
        return Regression(band, self.w, self.Q, _updates_in_basis(band, self.Q))

    @property
    def kept(self) -> Tensor:
        """Which eigenvalues lie above the cutoff and above what rounding makes, (d,) bool."""
        largest, mean = float(self.w[-1]), float(self.w.mean())
        return self.w > cutoff(largest, mean, len(self.w), self.band.rounding)

    @property
    def rank(self) -> int:
        """Numerical rank of the predictors."""
        return int(self.kept.sum())

    @property
    def condition(self) -> float:
        """Largest over smallest singular value of the predictors, of those above the cutoff."""
        above = self.w[self.kept]
        return math.sqrt(float(above[-1] / above[0]))

    def shrinkage(self, ridges: Tensor, scale: float | None = None) -> Tensor:
        """Return ``1 / (w + ridge * scale)``, (k, d); zero where both terms are zero.

        `scale` is ``trace(C_ii) / d`` unless another state of the same model sets it.
        """
        lam = ridges[:, None] * (self.w.mean() if scale is None else scale)
        return 1.0 / torch.where(self.kept | (lam > 0), self.w + lam, torch.inf)


def cutoff(largest: float, mean: float, width: int, rounding: float) -> float:
    """Return the eigenvalue up to which a direction counts as not spanned by the tokens."""
    # Directions that the tokens do not span come out of float32 sums as noise up to this size
    # (measured on flat, decaying and spiked spectra; for float64 it is below the cutoff).
    noise = rounding * min(2.0 * largest, 4.0 * math.sqrt(width) * mean)
    return max(RELATIVE_CUTOFF * largest, noise)


def _updates_in_basis(band: Band, Q: Tensor) -> Tensor:
    D: Tensor = band.C[1:] - band.C[0]
    return Q.T @ D


@dataclass(frozen=True)
class InSample:
    """Unregularised scores of state i against every later state within reach.

    Parameters
    ----------
    r2_fit, update_r2_fit : (m,) float64
        Share of the variation of Y, or of Y - X, that the best linear map of X accounts for on
        the tokens it was fitted to; in [0, 1] up to rounding. ``nan`` for an update without
        variation.
    rank : int
        Numerical rank of the predictors.
    """

    r2_fit: Tensor
    update_r2_fit: Tensor
    rank: int


def in_sample_scores(regression: Regression, variation: Tensor) -> InSample:
    """Score ordinary least squares with intercept on its own tokens.

    Parameters
    ----------
    regression : Regression
        Of the fit split.
    variation : (m + 1,) float64
        ``trace(C_jj)`` of states i, ..., i + m.

    Notes
    -----
    ``r2_fit`` is the paper's linearity score (generalised Procrustes similarity with any linear
    map): arXiv:2405.12250, section 3.1. ``update_r2_fit`` is its "without residual".
    """
    r = regression
    inverse = torch.where(r.kept, 1.0 / r.w, 0.0)
    # Q' C_ij = Q' D + diag(w) Q': no second product is needed for the stream.
    stream = r.B + r.w[:, None] * r.Q.T
    explained = stream.square().sum(-1) @ inverse
    update_explained = r.B.square().sum(-1) @ inverse
    return shares(r.band, variation, explained, update_explained, rank=r.rank)


def shares(
    band: Band, variation: Tensor, explained: Tensor, update_explained: Tensor, *, rank: int
) -> InSample:
    """Set what a fit explains of streams and of updates, (m,) each, against all there is.

    The other parameters are those of `in_sample_scores`.
    """
    update_variation = variation[1:] - 2.0 * band.traces[1:] + variation[0]
    # What lies below the rounding of the sums cannot be told from a block that adds nothing.
    moves = update_variation > max(NO_UPDATE, band.rounding) * variation[1:]
    rounding = ROUNDINGS * band.rounding
    # Both sides of the update's share are differences of the stream's much larger sums.
    update_rounding = rounding * (variation[0] + variation[1:]) / update_variation
    update_score = _without_rounding(update_explained / update_variation, update_rounding)
    return InSample(
        _without_rounding(explained / variation[1:], torch.full_like(explained, rounding)),
        torch.where(moves, update_score, torch.nan),
        rank,
    )


def _without_rounding(score: Tensor, rounding: Tensor) -> Tensor:
    """Return 1 where only the rounding of the sums carried a score above it."""
    return torch.where((score > 1.0) & (score <= 1.0 + rounding), 1.0, score)


def adjusted(r2: Tensor, *, n: int, rank: int) -> Tensor:
    """Return ``1 - (1 - r2) (n - 1) / (n - rank - 1)``; ``nan`` when there are too few tokens.

    Parameters
    ----------
    r2 : Tensor
        In-sample scores.
    n : int
        Tokens fitted to.
    rank : int
        Numerical rank of the predictors.

    References
    ----------
    Ezekiel, 1930; Theil, 1961. Removes the expected in-sample score ``d / (n - 1)`` of unrelated
    states.
    """
    left = n - rank - 1
    return torch.full_like(r2, torch.nan) if left <= 0 else 1.0 - (1.0 - r2) * (n - 1) / left


def choose_ridges(
    train: Regression, validation: Band, update_spread: Tensor, ridges: Tensor
) -> Tensor:
    """Return, for every later state, the index of the ridge with the least validation error.

    Parameters
    ----------
    train : Regression
        Of the tokens that the maps are fitted to.
    validation : Band
        Moments of the validation tokens *about the means of the training tokens*.
    update_spread : (m,) float64
        Sum over validation tokens of ``||u - mean of u in training||^2``.
    ridges : (k,) float64
        Candidates, ascending.

    Returns
    -------
    (m,) int64

    Notes
    -----
    With s the shrinkage, ``P = Q' M_xx Q`` and ``K = Q' M_xu`` of the validation moments M,
    ``RSS = spread - 2 sum_a s_a (K o B)_a. + sum_ab s_a s_b P_ab (B B')_ab``.
    """
    B, Q = train.B, train.Q
    P = Q.T @ validation.C[0] @ Q
    cross = (_updates_in_basis(validation, Q) * B).sum(-1)
    quadratic = P * (B @ B.mT)
    s = train.shrinkage(ridges)
    fitted = torch.einsum("ra,kab,rb->kr", s, quadratic, s)
    return (update_spread[:, None] - 2.0 * cross @ s.T + fitted).argmin(1)


@dataclass(frozen=True)
class Maps:
    """Ridge maps from state i to every later state.

    Parameters
    ----------
    means : (m + 1, d) float64
        Fit means of states i, ..., i + m: the intercepts.
    Q : (d, d) float64 or None
        The eigenbasis of state i; None where the maps are written in the states' own coordinates.
    W : (m, d, d) float64
        ``A_k = I + Q W_k``.
    """

    means: Tensor
    Q: Tensor | None
    W: Tensor

    @classmethod
    def fitted(cls, regression: Regression, ridges: Tensor, scale: float | None = None) -> "Maps":
        """Fit one map for every later state with its own ridge, (m,) float64."""
        W = regression.shrinkage(ridges, scale)[:, :, None] * regression.B
        return cls(regression.band.means, regression.Q, W)

    def matrix(self, k: int) -> Tensor:
        """Return ``A`` to the k-th later state, (d, d) float64; tokens are rows."""
        identity = torch.eye(self.W.shape[-1], dtype=self.W.dtype, device=self.W.device)
        return identity + (self.W[k] if self.Q is None else self.Q @ self.W[k])

    def nearest(self) -> "Maps":
        """Return the map to the next state alone."""
        return Maps(self.means[:2], self.Q, self.W[:1])

    def predictor(self, dtype: torch.dtype) -> "Predictor":
        """Make the maps ready for states that are computed with in `dtype`."""
        rows = self.W.to(dtype).movedim(0, 1).flatten(1)
        Q = None if self.Q is None else self.Q.to(dtype)
        return Predictor(self.means.to(dtype), Q, Weights.of(rows))

    def squared_errors(self, states: Tensor) -> Tensor:
        """Return the squared residual of every token and later state.

        Parameters
        ----------
        states : (n, m + 1, d) Tensor
            States i, ..., i + m of the same tokens.

        Returns
        -------
        (n, m) float64
            ``||y - mean - (x - mean) A||^2``, in squared units of the state.
        """
        dtype = states.dtype if states.dtype.itemsize >= 4 else torch.float32
        return self.predictor(dtype).squared_errors(states[:, 0], states[:, 1:])


@dataclass(frozen=True)
class Predictor:
    """`Maps` in the type that predictions are made in.

    Parameters
    ----------
    means : (m + 1, d) Tensor
    Q : (d, d) Tensor or None
    weights : Weights
        ``W_0, ..., W_m-1`` side by side, (d, m * d).
    """

    means: Tensor
    Q: Tensor | None
    weights: Weights

    def squared_errors(self, state: Tensor, later: Tensor) -> Tensor:
        """Return the squared residuals, (n, m) float64, of (n, m, d) states behind (n, d) ones."""
        X, rest = state.to(self.means.dtype), later.to(self.means.dtype)
        Z = X - self.means[0]
        predicted = self.weights.applied(Z if self.Q is None else Z @ self.Q)
        residual = rest - X[:, None] - (self.means[1:] - self.means[0])
        residual -= predicted.view_as(residual)
        return residual.square_().sum(-1, dtype=torch.float64)
