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
RUN = 512
"""Tokens that tensor cores add up by themselves: they cut off instead of rounding, always toward
zero. Measured on one H100: sums of 6,144 at a time were off by 1.5e-5, in these runs by 2e-6."""
HALF_RUN = 1024
"""The same for states that a model computed in half precision, whose own rounding is far coarser:
4e-6, and 390 TFLOP/s instead of 240, because the sums are read and written half as often."""


COARSE_ROUNDING = 2.0**-21
"""Stands for that of float32 sums where they are made of half-precision numbers alone: four times
as much, as squares are then up to 4.4e-6 too small."""


NARROW = 1024
"""Below this width float32 products cost little, and round where tensor cores cut off: smollm2 (576
wide, 4,096 tokens) was up to 1.4e-5 off the processor's scores of updates with the latter."""


@dataclass(frozen=True)
class Factors:
    """The states of some tokens, made ready to be multiplied with one another.

    Parameters
    ----------
    high : (n, S, d) Tensor
        The states themselves where there are no tensor cores; else their upper halves, scaled.
    low : (n, S, d) Tensor or None
        Their lower halves; None where the upper ones say enough.
    scale : float
        Power of two that the halves are multiplied by.
    """

    high: Tensor
    low: Tensor | None = None
    scale: float = 1.0

    @classmethod
    def of(cls, states: Tensor, *, coarse: bool = False) -> Self:
        """Prepare (n, S, d) states of float32 or float64.

        `coarse` says that they come from half-precision numbers: of such a state, less a mean, one
        half-precision number keeps more digits (11 bits) than the state had (8 in bfloat16).
        """
        if not _on_tensor_cores(states, states.shape[-1]):
            return cls(states)
        largest = float(states.abs().amax())
        if not 0.0 < largest < math.inf:
            return cls(states)  # nothing to scale; what is not finite must show
        scale = 2.0 ** (HIGHEST_POWER - math.ceil(math.log2(largest)))
        if coarse:
            return cls((states * scale).half(), None, scale)
        return cls(*halves(states * scale), scale)

    @property
    def rounding(self) -> float:
        """Relative rounding of the sums of their products."""
        if self.high.dtype != torch.float16:
            return torch.finfo(self.high.dtype).eps
        return COARSE_ROUNDING if self.low is None else torch.finfo(torch.float32).eps

    def add_products(self, row: Tensor, i: int, last: int) -> None:
        """Add ``X_i' X_j`` for j = i, ..., `last`, side by side, to `row` (d, w * d)."""
        X, Y = self.high[:, i], self.high[:, i : last + 1].flatten(1)
        if X.dtype != torch.float16:
            row.addmm_(X.T, Y)
            return
        run = HALF_RUN if self.low is None else RUN
        for x, y in zip(torch.split(X, run), torch.split(Y, run), strict=True):
            self._add(row, x, y)
        if self.low is None:
            return
        # The small products lie eleven bits lower, and so do their errors.
        rest = self.low[:, i : last + 1].flatten(1)
        self._add(row, torch.cat([X, self.low[:, i]]), torch.cat([rest, Y]))

    def _add(self, row: Tensor, X: Tensor, Y: Tensor) -> None:
        torch.addmm(row, X.T, Y, out_dtype=row.dtype, alpha=self.scale**-2, out=row)


@dataclass(frozen=True)
class Weights:
    """A matrix that many tokens are multiplied with: in half precision where a GPU is.

    Each factor is rounded to 11 bits, so a product of d terms is off by 2e-4 of a typical term
    times the square root of d: a residual computed from it differs by noise of 1e-7 of the
    prediction's square, far below what a score shows.

    Parameters
    ----------
    matrix : (d, w) Tensor
        In half precision with rows of largest absolute value 1, or as given.
    sizes : (d,) Tensor or None
        What the rows were divided by; None where they were not.
    """

    matrix: Tensor
    sizes: Tensor | None = None

    @classmethod
    def of(cls, matrix: Tensor) -> Self:
        """Prepare a (d, w) matrix of float32 or float64."""
        if not _on_tensor_cores(matrix, len(matrix)):
            return cls(matrix)
        sizes = matrix.abs().amax(1)
        return cls((matrix / torch.where(sizes > 0.0, sizes, 1.0)[:, None]).half(), sizes)

    def applied(self, tokens: Tensor) -> Tensor:
        """Return (n, d) tokens times the matrix, (n, w), in the type of the tokens."""
        if self.sizes is None:
            return tokens @ self.matrix
        sized = tokens * self.sizes
        largest = float(sized.abs().amax()) if len(sized) else 0.0
        if not 0.0 < largest < math.inf:
            return sized @ self.matrix.to(sized.dtype)
        scale = 2.0 ** (HIGHEST_POWER - math.ceil(math.log2(largest)))
        product = torch.mm((sized * scale).half(), self.matrix, out_dtype=tokens.dtype)
        return product.div_(scale)


def _on_tensor_cores(values: Tensor, width: int) -> bool:
    return values.is_cuda and values.dtype == torch.float32 and width >= NARROW


def bytes_a_number(states: Tensor) -> int:
    """Return how many bytes `Factors` of some states keep of each number."""
    if states.device.type != "cuda" or states.shape[-1] < NARROW:
        return max(states.dtype.itemsize, 4)
    return min(states.dtype.itemsize, 4)


def halves(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return two half-precision tensors whose sum is `values` to 22 bits, below 2^15."""
    high = values.half()
    return high, (values - high).half()
