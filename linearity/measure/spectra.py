"""How a state spreads over its directions, from the eigenvalues of its covariance."""

import torch
from torch import Tensor


def anisotropy(w: Tensor) -> Tensor:
    """Return the largest eigenvalue's share of their sum, in [1/d, 1].

    Parameters
    ----------
    w : (d,) float64
        Eigenvalues of a covariance, or of any multiple of it; at least one above 0.

    References
    ----------
    The paper's appendix on anisotropy (arXiv:2405.12250) and Ethayarajh, 2019 (arXiv:1909.00512)
    ask how much of a space one direction takes up; this is that share of the variance.
    """
    return w.max() / w.sum()


def effective_rank(w: Tensor) -> Tensor:
    """Return ``exp(-sum p ln p)`` with ``p = w / sum(w)``, from 1 to d dimensions.

    Parameters
    ----------
    w : (d,) float64
        Eigenvalues of a covariance, or of any multiple of it; at least one above 0.

    References
    ----------
    Roy and Vetterli, 2007, "The effective rank", with eigenvalues in place of singular values.
    """
    rank: Tensor = torch.special.entr(w / w.sum()).sum().exp()
    return rank
