"""Ridge maps and in-sample scores by Cholesky, where no spectra are wanted.

`maps.Regression` decomposes a covariance once and then serves every later state and every ridge.
For one later state it is cheaper to solve anew for each ridge: a GPU needs 125 ms for the
eigenvectors of 4,096 dimensions and 9 ms to factorise and solve (measured on one H100).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from linearity.measure.maps import InSample, Maps, cutoff, shares
from linearity.measure.moments import Band

MARGIN = 8.0
"""How far above the cutoff the smallest eigenvalue must lie to be sure that all directions count:
it is estimated from above."""
STEPS = 12
"""Power iterations; the estimates need no more than the right order of magnitude."""


def solved_scores(band: Band, variation: Tensor) -> InSample | None:
    """Score ordinary least squares on its own tokens, as `maps.in_sample_scores` does.

    Parameters
    ----------
    band : Band
        Of the fit split.
    variation : (m + 1,) float64
        ``trace(C_jj)`` of states i, ..., i + m.

    Returns
    -------
    InSample or None
        None where the tokens may not span every direction: then some have to be left out, and
        only a decomposition says which.
    """
    C = band.C[0]
    factor, failed = torch.linalg.cholesky_ex(C)
    if int(failed):
        return None
    largest = _largest(C, lambda v: C @ v)
    smallest = 1.0 / _largest(C, lambda v: torch.cholesky_solve(v, factor))
    mean = float(band.traces[0]) / len(C)
    if smallest < MARGIN * cutoff(largest, mean, len(C), band.rounding):
        return None
    D = (band.C[1:] - C).movedim(0, 1).flatten(1)
    update = torch.linalg.solve_triangular(factor, D, upper=False).view(len(C), -1, len(C))
    stream = update + factor.T[:, None]  # L^-1 C_ij = L^-1 D + L'
    explained, of_updates = (part.square().sum((0, 2)) for part in (stream, update))
    return shares(band, variation, explained, of_updates, rank=len(C))


def _largest(C: Tensor, apply: Callable[[Tensor], Tensor]) -> float:
    """Return about the largest eigenvalue of what `apply` does to a vector, from below."""
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(len(C), 1, generator=generator, dtype=C.dtype).to(C.device)
    for _ in range(STEPS):
        v = apply(v / torch.linalg.vector_norm(v))
    return float(torch.linalg.vector_norm(v))


def solved_maps(band: Band, ridge: float, scale: float | None = None) -> Maps | None:
    """Return the maps to every later state of `band` at one ridge.

    Parameters
    ----------
    band : Band
        Of the tokens that the maps are fitted to.
    ridge : float
        Relative to `scale`.
    scale : float, optional
        ``trace(C_ii) / d`` unless another state of the same model sets it.

    Returns
    -------
    Maps or None
        None at ridge 0, and where rounding has left the covariance indefinite beyond the ridge.
    """
    d = band.C.shape[-1]
    lam = ridge * (float(band.traces[0]) / d if scale is None else scale)
    if lam <= 0.0:
        return None
    factor, failed = torch.linalg.cholesky_ex(band.C[0] + lam * _identity(band))
    if int(failed):
        return None
    D = (band.C[1:] - band.C[0]).movedim(0, 1).flatten(1)
    solved = torch.cholesky_solve(D, factor)
    return Maps(band.means, None, solved.view(d, -1, d).movedim(1, 0))


def choose_by_solving(
    train: Band, validation: Band, update_spread: Tensor, ridges: Tensor
) -> Tensor | None:
    """Return, for every later state, the index of the ridge with the least validation error.

    Parameters
    ----------
    train, validation : Band
        The latter *about the means of the training tokens*.
    update_spread : (m,) float64
        Sum over validation tokens of ``||u - mean of u in training||^2``.
    ridges : (k,) float64
        Candidates; one that cannot be solved for is passed over.

    Returns
    -------
    (m,) int64 or None
        None if no candidate could be solved for.
    """
    M_xx, M_xu = validation.C[0], validation.C[1:] - validation.C[0]
    errors = torch.full((len(ridges), len(update_spread)), torch.inf, dtype=torch.float64)
    for k, ridge in enumerate(ridges.tolist()):
        maps = solved_maps(train, ridge)
        if maps is not None:
            explained = 2.0 * (maps.W * M_xu).sum((1, 2)) - (maps.W * (M_xx @ maps.W)).sum((1, 2))
            errors[k] = (update_spread - explained).cpu()
    return errors.argmin(0) if bool(torch.isfinite(errors).any()) else None


def _identity(band: Band) -> Tensor:
    return torch.eye(band.C.shape[-1], dtype=band.C.dtype, device=band.C.device)
