r"""Streamed first and second moments of the states, from which every fitted map follows.

For each state ``i`` of the stream and each later state ``j`` within reach, the sums

    n,   s_i = sum_t (x_ti - r_i),   G_ij = sum_t (x_ti - r_i)' (x_tj - r_j)

are kept, with ``r`` a reference near the mean. They add: two shards merge by addition, in any
order, so batches, devices and hosts combine to the same result. Rows are tokens (N x d).
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from linearity.measure.products import Factors

CHUNK_TOKENS = 2048
"""Most tokens in one matrix product: longer float32 sums lose digits (docs/science.md, 1)."""
WIDEST_IN_FLOAT64 = 256
"""States up to this width are accumulated in float64, where it costs nothing."""


def accumulation_dtype(width: int) -> torch.dtype:
    """Return the type moments of a `width`-wide model are summed in."""
    return torch.float64 if width <= WIDEST_IN_FLOAT64 else torch.float32


class Moments:
    """Sums over the tokens seen so far.

    Parameters
    ----------
    reference : (S, d) Tensor
        A point near the mean of each of the S = L + 1 states. Subtracted before multiplying, so
        that large means do not eat the digits of small variances.
    reach : int, from 1 to L
        Pairs (i, j) with j - i <= reach are kept: 1 for adjacent pairs, L for all.
    dtype : torch.dtype
        Of the sums.

    Attributes
    ----------
    n : int
        Tokens seen.
    rounding : float
        Relative rounding of the sums: that of their type, or of coarser products.
    sums : (S, d) Tensor
    rows : list of (d, w_i * d) Tensor
        ``rows[i]`` holds ``G_ij`` for j = i, ..., min(i + reach, L) side by side.
    """

    def __init__(self, reference: Tensor, *, reach: int, dtype: torch.dtype) -> None:
        states = len(reference)
        if not 1 <= reach <= states - 1:
            raise ValueError(f"reach: wanted 1 to {states - 1}, got {reach}")
        self.reference = reference.to(dtype)
        self.reach = reach
        self.n = 0
        self.rounding = torch.finfo(dtype).eps
        self.sums = torch.zeros_like(self.reference)
        self.rows = self._no_rows()

    def _no_rows(self) -> list[Tensor]:
        return [
            self.reference.new_zeros((self.width, (self.last(i) + 1 - i) * self.width))
            for i in range(self.states)
        ]

    @property
    def states(self) -> int:
        """Number of states, L + 1."""
        return self.reference.shape[0]

    @property
    def width(self) -> int:
        """Width d of a state."""
        return self.reference.shape[1]

    def last(self, i: int) -> int:
        """Return the last state that is paired with state `i`."""
        return min(i + self.reach, self.states - 1)

    def add(self, states: Tensor) -> None:
        """Add tokens.

        Parameters
        ----------
        states : (n, S, d) Tensor
            Any floating type; padding must be gone already.
        """
        for chunk in torch.split(states, CHUNK_TOKENS):
            shifted = chunk.to(self.sums.dtype) - self.reference
            factors = Factors.of(shifted, coarse=chunk.dtype.itemsize < 4)
            self._add(factors)
            self.rounding = max(self.rounding, factors.rounding)
            self.sums += shifted.sum(0)
            self.n += chunk.shape[0]

    def _add(self, factors: Factors) -> None:
        for i, row in enumerate(self.rows):
            factors.add_products(row, i, self.last(i))

    def row(self, i: int, stop: int) -> Tensor:
        """Return ``G_ij`` for j = i, ..., `stop` - 1 side by side, (d, (stop - i) * d)."""
        return self.rows[i][:, : (stop - i) * self.width]

    def traces(self) -> Tensor:
        """Return ``trace(G_ii)`` of every state, (S,) float64."""
        return torch.stack(
            [self.row(i, i + 1).diagonal().double().sum() for i in range(self.states)]
        )

    def merge(self, other: "Moments") -> None:
        """Add another shard's sums to these; the two references and devices may differ.

        The order of merging does not matter beyond rounding (1e-12 relative in float64).
        """
        added = other.sums.to(self.sums.device)
        delta = other.reference.to(self.reference.device) - self.reference
        is_moved = bool(delta.any())
        for i, row in enumerate(self.rows):
            row += other.rows[i].to(row.device)
            if is_moved:
                stop = self.last(i) + 1
                sums, shift = added[i:stop].flatten(), delta[i:stop].flatten()
                row += torch.outer(added[i], shift)
                row += torch.outer(delta[i], sums + other.n * shift)
        self.sums += added + other.n * delta
        self.n += other.n


class RecomputedMoments(Moments):
    """Moments whose products are made from the kept states whenever a row of them is asked for.

    All pairs of a wide model need more room than the states of the tokens behind them: at 33
    states of width 4,096, 37 GB for a role, as much as 137,000 tokens in half precision.
    """

    def __init__(self, reference: Tensor, *, reach: int, dtype: torch.dtype) -> None:
        super().__init__(reference, reach=reach, dtype=dtype)
        self._kept: list[Factors] = []
        self._made: tuple[int, int, int, Tensor] | None = None
        self._traced: tuple[int, Tensor] | None = None

    def _no_rows(self) -> list[Tensor]:
        return []

    def _add(self, factors: Factors) -> None:
        self._kept.append(factors)

    def row(self, i: int, stop: int) -> Tensor:
        """Return ``G_ij`` for j = i, ..., `stop` - 1 side by side, (d, (stop - i) * d)."""
        wanted = (i, stop, self.n)
        if self._made is None or self._made[:3] != wanted:
            self._made = None  # before the next one needs its room
            row = self.reference.new_zeros((self.width, (stop - i) * self.width))
            for factors in self._kept:
                factors.add_products(row, i, stop - 1)
            self._made = (*wanted, row)
        return self._made[3]

    def traces(self) -> Tensor:
        """Return ``trace(G_ii)`` of every state, (S,) float64."""
        if self._traced is None or self._traced[0] != self.n:
            self._traced = (self.n, super().traces())
        return self._traced[1]

    def merge(self, other: Moments) -> None:
        """Add another shard that keeps its states too, about the same reference."""
        if not isinstance(other, RecomputedMoments) or not other.reference.equal(self.reference):
            raise ValueError("other: wanted kept states about the same reference")
        self._kept += other._kept
        self.sums += other.sums
        self.n += other.n
        self.rounding = max(self.rounding, other.rounding)


@dataclass(frozen=True)
class Band:
    """Float64 moments of state i with itself and m later states, about given centres.

    Parameters
    ----------
    first : int
        The index i.
    n : int
        Tokens behind the sums.
    means : (m + 1, d) float64
        Means of state i and of the later ones.
    C : (m + 1, d, d) float64
        ``C[0]`` of state i with itself, then ``sum_t (x_t - c_x)' (y_t - c_y)`` with every later
        state y, about the centres c.
    traces : (m + 1,) float64
        ``trace(C[k])``.
    rounding : float
        Relative rounding of the sums.
    """

    first: int
    n: int
    means: Tensor
    C: Tensor
    traces: Tensor
    rounding: float

    @classmethod
    def of(
        cls,
        split: "Split",
        i: int,
        *,
        reach: int,
        later: range | None = None,
        centres: Tensor | None = None,
    ) -> Self:
        """Centre the moments of a split about its means, or about `centres` (S, d).

        Of the states within reach behind i only those of `later`, if some are named.
        """
        one = split.shards[0]
        stop = min(i + reach, one.states - 1) + 1
        chosen = [i, *(range(i + 1, stop) if later is None else later)]
        G = sum(_columns(shard.row(i, stop), one.width, chosen) for shard in split.shards)
        assert isinstance(G, Tensor)
        reference = one.reference[chosen].double()
        if len(split.apart):
            shifted = split.apart[:, chosen] - reference
            G.addmm_(shifted[:, 0].T, shifted.flatten(1))
        C = G.view(one.width, len(chosen), one.width).movedim(1, 0).contiguous()
        n, sums, means = split.n, split.sums[chosen], split.means[chosen]
        about = (means if centres is None else centres[chosen]) - reference
        # sum (x - c)'(y - e) = G - s_x' e - c' s_y + n c' e, all relative to the reference.
        C -= sums[0, :, None] * about[:, None, :]
        C -= about[0, :, None] * (sums - n * about)[:, None, :]
        rounding = max(shard.rounding for shard in split.shards)
        return cls(i, n, means, C, torch.einsum("kdd->k", C), rounding)


def _columns(row: Tensor, width: int, chosen: list[int]) -> Tensor:
    """Return the products of some states with the first of them, side by side, in float64."""
    i, *later = chosen
    if not later:
        return row[:, :width].double()
    first, last = later[0] - i, later[-1] + 1 - i
    return torch.cat([row[:, :width], row[:, first * width : last * width]], 1).double()


class Split:
    """The tokens of one split: streamed sums of several shards, and a few tokens held apart.

    Parameters
    ----------
    shards : list of Moments
        With one common reference (merge shards that have another one first).
    apart : (k, S, d) float64
        Single tokens that count too. First tokens and sinks are so much longer than the others
        that float32 sums would lose the rest beside them; here they are added in float64.
    """

    def __init__(self, shards: list[Moments], apart: Tensor) -> None:
        reference = shards[0].reference.double()
        self.shards = shards
        self.apart = apart
        self.n = sum(shard.n for shard in shards) + len(apart)
        self.sums: Tensor = (apart - reference).sum(0)
        for shard in shards:
            self.sums = self.sums + shard.sums.double()
        self.means: Tensor = reference + self.sums / max(self.n, 1)

    def variation(self, centres: Tensor | None = None) -> Tensor:
        """Return every state's summed squared distance from its mean, or from `centres` (S, d).

        Returns
        -------
        (S,) float64
            ``trace(C_jj)``, at least 0, in squared units of the state.
        """
        one = self.shards[0]
        reference = one.reference.double()
        total = (self.apart - reference).square().sum((0, 2))
        for shard in self.shards:
            total = total + shard.traces()
        about = (self.means if centres is None else centres) - reference
        correction = (2.0 * self.sums - self.n * about) * about
        return total - correction.sum(1)
