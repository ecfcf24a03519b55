"""How the errors of single tokens spread: counts on fixed logarithmic bins, exact quantiles."""

from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.contracts.token_errors import ERROR_EDGES, QUANTILES


@dataclass(frozen=True)
class ErrorSpread:
    """One block's errors, counted.

    Parameters
    ----------
    counts : (B + 1,) int64
        Below the first of the B edges of `ERROR_EDGES`, between them, and from the last one on.
    quantiles : (3,) float64
        Those of `QUANTILES`.
    """

    counts: Tensor
    quantiles: Tensor

    @classmethod
    def of(cls, errors: Tensor) -> "ErrorSpread":
        """Count the errors of some tokens, (n,) float64, none of them negative; n is at least 1.

        Notes
        -----
        Counts are those of ``numpy.searchsorted(edges, errors, side="right")``, quantiles those of
        ``numpy.quantile`` (Hyndman and Fan, 1996, definition 7).
        """
        edges = torch.tensor(ERROR_EDGES, dtype=errors.dtype, device=errors.device)
        places = torch.bucketize(errors, edges, right=True)
        return cls(places.bincount(minlength=len(edges) + 1), _quantiles(errors))


def _quantiles(errors: Tensor) -> Tensor:
    # torch.quantile takes no more than 16 million values.
    ordered = errors.sort().values
    place = torch.tensor(QUANTILES, dtype=errors.dtype, device=errors.device) * (len(ordered) - 1)
    below = place.floor().long()
    above = (below + 1).clamp_max(len(ordered) - 1)
    return torch.lerp(ordered[below], ordered[above], place - below)
