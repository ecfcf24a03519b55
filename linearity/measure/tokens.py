"""What is remembered of every single token: where it stands, how long its states are.

Small numbers (L + 1 norms a token) that let first tokens and sinks be judged at the end, against
medians of the whole run, although the states themselves have long gone by.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SINK_RATIO = 30.0
"""A token is a sink when its norm exceeds this many medians, in any state."""
APART_RATIO = 10.0
"""While streaming, tokens above this many medians *so far* are held apart until the end."""


@dataclass(frozen=True)
class TokenTable:
    """One row a token, in the order of the stream.

    Parameters
    ----------
    document, position : (N,) int64
        Where the token stands; position counts within its window, so 0 is a first token.
    heldout : (N,) bool
    scored : (N,) bool
        Whether it belongs to an answer; all tokens of a text without one do.
    norms : (N, S) float64
        Euclidean norm of each of the S = L + 1 states.
    update_norms : (N, L) float64
    cosine_next : (N, L) float64
        Cosine between a state and the next one.
    """

    document: Tensor
    position: Tensor
    heldout: Tensor
    scored: Tensor
    norms: Tensor
    update_norms: Tensor
    cosine_next: Tensor

    def __len__(self) -> int:
        return len(self.position)

    @classmethod
    def joined(cls, tables: list["TokenTable"]) -> "TokenTable":
        """Put tables behind one another."""
        return cls(
            *(
                torch.cat([getattr(table, name) for table in tables])
                for name in cls.__dataclass_fields__
            )
        )

    @property
    def first(self) -> Tensor:
        """Which tokens stand at position 0, (N,) bool."""
        return self.position == 0

    def norm_ratios(self) -> Tensor:
        """Return every norm over the median of non-first tokens at its state, (N, S)."""
        return self.norms / self.norms[~self.first].median(0).values

    def sinks(self) -> Tensor:
        """Return which tokens are sinks elsewhere than at position 0, (N,) bool."""
        return (self.norm_ratios() > SINK_RATIO).any(1) & ~self.first


@dataclass(frozen=True)
class StreamGuard:
    """Decides, batch by batch, which tokens must be held apart from the sums.

    Parameters
    ----------
    medians : (S,) float64
        Median norm of the non-first tokens of the first batch.
    """

    medians: Tensor

    @classmethod
    def of(cls, first_batch: TokenTable) -> "StreamGuard":
        """Take the medians of the first batch."""
        return cls(first_batch.norms[~first_batch.first].median(0).values)

    def apart(self, batch: TokenTable) -> Tensor:
        """Return which tokens of `batch` are first tokens or may turn out to be sinks."""
        return batch.first | (batch.norms > APART_RATIO * self.medians).any(1)


def cosines(states: Tensor) -> Tensor:
    """Return the cosine of every pair of states of every token, (n, S, S), in [-1, 1].

    Parameters
    ----------
    states : (n, S, d) Tensor
        Not centred. A state of norm zero has cosine zero with everything.
    """
    unit = torch.nn.functional.normalize(states, dim=-1, eps=1e-30)
    return (unit @ unit.mT).clamp(-1.0, 1.0)


def angular(cosine: Tensor) -> Tensor:
    """Return ``arccos(cosine) / pi``, in [0, 1] (Gromov et al., arXiv:2403.17887, eq. 6)."""
    return torch.arccos(cosine) / torch.pi
