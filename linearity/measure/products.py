"""Products of states with states: on tensor cores where there are some, to float32 accuracy.

A GPU multiplies half-precision numbers several times faster than float32 ones, and adds the
products in float32. A float32 number is, to 22 bits, the sum of two half-precision ones; of the
four products of two such sums the smallest is below the rounding, and three remain (Ootomo and
Yokota, 2022, arXiv:2203.03341; there with Volta's rounding in mind).
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

HIGHEST_POWER = 14
"""The largest value is scaled to just below this power of two: half precision ends at 2^16."""


@dataclass(frozen=True)
class Factors:
    """The states of some tokens, made ready to be multiplied with one another.

    Parameters
    ----------
    left, right : (k, S, d) Tensor
        The states themselves; or, stacked along tokens, their halves ``hi, hi, lo`` and
        ``hi, lo, hi``, scaled.
    scale : float
        Power of two that both sides are multiplied by.
    """

    left: Tensor
    right: Tensor
    scale: float

    @classmethod
    def of(cls, states: Tensor) -> Self:
        """Prepare (n, S, d) states of float32 or float64."""
        if states.device.type != "cuda" or states.dtype != torch.float32:
            return cls(states, states, 1.0)
        largest = float(states.abs().amax())
        if not 0.0 < largest < math.inf:
            return cls(states, states, 1.0)  # nothing to scale; what is not finite must show
        scale = 2.0 ** (HIGHEST_POWER - math.ceil(math.log2(largest)))
        high, low = halves(states * scale)
        return cls(torch.cat([high, high, low]), torch.cat([high, low, high]), scale)

    def add_products(self, row: Tensor, i: int, last: int) -> None:
        """Add ``X_i' X_j`` for j = i, ..., `last`, side by side, to `row` (d, w * d)."""
        X, Y = self.left[:, i].T, self.right[:, i : last + 1].flatten(1)
        if self.left.dtype == row.dtype:
            row.addmm_(X, Y)
        else:
            torch.addmm(row, X, Y, out_dtype=row.dtype, alpha=self.scale**-2, out=row)


def halves(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return two half-precision tensors whose sum is `values` to 22 bits, below 2^15."""
    high = values.half()
    return high, (values - high).half()
