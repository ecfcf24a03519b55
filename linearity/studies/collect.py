"""The one pass over the text: states go by, and only sums, held-out states and norms stay."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from linearity.errors import LinearScopeError
from linearity.measure.moments import Moments, Split, accumulation_dtype
from linearity.measure.tokens import StreamGuard, TokenTable, angular, cosines
from linearity.measure.windows import Window
from linearity.models.source import StateBatch, StateSource, scored

ROLES = ("train", "validation", "heldout")
FIRST_BATCH_TOKENS = 1024


@dataclass
class Collected:
    """What remains of the states seen so far; context leaves its norms only.

    Attributes
    ----------
    moments : dict of role to Moments
        Of ordinary tokens of the fit split, ``train`` and ``validation`` apart.
    heldout : list of (n, S, d) Tensor
        All states of all scored held-out tokens, in the order of the stream: on the device, or
        mapped from a file (see `StateBatch`).
    apart : list of (k, S, d) float64
        States of first tokens and possible sinks of the fit split; `apart_rows` their rows.
    cosine_sum, angular_sum : (S, S) float64
        Over ordinary tokens of both splits; the tokens held apart stand in `apart_cosines`.
    tables, roles : lists
        The token table and role of every token, batch by batch.
    """

    moments: dict[str, Moments]
    guard: StreamGuard
    cosine_sum: Tensor
    angular_sum: Tensor
    heldout: list[Tensor] = field(default_factory=list)
    apart: list[Tensor] = field(default_factory=list)
    apart_rows: list[int] = field(default_factory=list)
    apart_cosines: list[Tensor] = field(default_factory=list)
    apart_cosine_rows: list[int] = field(default_factory=list)
    tables: list[TokenTable] = field(default_factory=list)
    roles: list[Tensor] = field(default_factory=list)
    held_apart: list[Tensor] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Tokens seen so far, of both splits."""
        return sum(len(table) for table in self.tables)

    def table(self) -> TokenTable:
        """Return the token table of everything seen so far."""
        return TokenTable.joined(self.tables)

    def split(self, roles: Sequence[str], included: Tensor) -> Split:
        """Return the fit tokens of some roles.

        Parameters
        ----------
        roles : some of "train", "validation"
        included : (N,) bool
            Which tokens count; decides about those held apart.
        """
        rows = torch.tensor(self.apart_rows, dtype=torch.int64)
        role = torch.cat(self.roles)[rows]
        wanted = included[rows] & torch.isin(role, torch.tensor([ROLES.index(r) for r in roles]))
        shards = [self.moments[role] for role in roles]
        apart = torch.cat(self.apart)[wanted.to(self.apart[0].device)]
        return Split(shards, apart)

    def mean_cosines(self, included: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean cosine and the mean angular distance of all pairs, (S, S) each."""
        wanted = included[torch.tensor(self.apart_cosine_rows, dtype=torch.int64)]
        extra = torch.cat(self.apart_cosines)[wanted.to(self.apart_cosines[0].device)]
        cosine = self.cosine_sum + extra.sum(0)
        angle = self.angular_sum + angular(extra).sum(0)
        n = int(included.sum())
        return cosine / n, angle / n


def collect(  # noqa: PLR0913  # what a pass needs, by name
    source: StateSource,
    windows: Sequence[Window],
    *,
    reach: int,
    batch_tokens: int,
    after_batch: Callable[[Collected], None],
    ahead: Callable[[int, int], None] = lambda _done, _total: None,
    guard: StreamGuard | None = None,
) -> Collected:
    """Let all states go by and keep what scores need.

    The first batch is a small one, so that there is something to see early.

    Parameters
    ----------
    source : StateSource
    windows : sequence of Window
    reach : int
        How far apart two states may be to have their moments kept.
    batch_tokens : int
        Tokens in one forward pass; changes speed and rounding, nothing else.
    after_batch : callable
        Called with what has been collected so far; may raise to stop.
    ahead : callable
        Hears of the work before the first batch, see `StateSource`; may raise to stop.
    guard : StreamGuard, optional
        Medians known beforehand; by default those of the first batch.
    """
    collected: Collected | None = None
    for batch in source.stream([*_batches(windows, batch_tokens)], ahead=ahead):
        table, role, cosine = _describe(batch.states, batch.windows)
        if collected is None:
            collected = _begin(batch.states, table, reach, guard or StreamGuard.of(table))
        _take(collected, batch, table, role, cosine)
        after_batch(collected)
    if collected is None:
        raise LinearScopeError("no windows to measure")
    return collected


def missed_sinks(collected: Collected) -> bool:
    """Whether a token that went into the sums turned out to be a sink at the end.

    Only a stream whose median norm falls to a third after the first batch can do that.
    """
    return bool((collected.table().sinks() & ~torch.cat(collected.held_apart)).any())


def _batches(windows: Sequence[Window], batch_tokens: int) -> Iterator[list[Window]]:
    batch: list[Window] = []
    tokens, limit = 0, min(FIRST_BATCH_TOKENS, batch_tokens)
    for window in windows:
        if batch and tokens + len(window.ids) > limit:
            yield batch
            batch, tokens, limit = [], 0, batch_tokens
        batch.append(window)
        tokens += len(window.ids)
    if batch:
        yield batch


def _describe(states: Tensor, batch: Sequence[Window]) -> tuple[TokenTable, Tensor, Tensor]:
    wide = states.to(accumulation_dtype(states.shape[-1]))
    cosine = cosines(wide)
    lengths = [len(window.ids) for window in batch]
    norms = torch.linalg.vector_norm(wide, dim=-1, dtype=torch.float64)
    updates = torch.linalg.vector_norm(wide[:, 1:] - wide[:, :-1], dim=-1, dtype=torch.float64)
    repeats = torch.tensor(lengths)
    role = torch.tensor([ROLES.index(window.role) for window in batch]).repeat_interleave(repeats)
    table = TokenTable(
        document=torch.tensor([w.document for w in batch]).repeat_interleave(repeats),
        position=torch.cat([torch.arange(length) for length in lengths]),
        heldout=role == ROLES.index("heldout"),
        scored=torch.cat([scored(window) for window in batch]),
        norms=norms.cpu(),
        update_norms=updates.cpu(),
        cosine_next=cosine.diagonal(offset=1, dim1=1, dim2=2).double().cpu(),
    )
    return table, role, cosine


def _begin(states: Tensor, table: TokenTable, reach: int, guard: StreamGuard) -> Collected:
    dtype = accumulation_dtype(states.shape[-1])
    ordinary = states[(~guard.apart(table)).to(states.device)]
    reference = ordinary.to(dtype).mean(0)
    S = states.shape[1]
    zeros = torch.zeros((S, S), dtype=torch.float64, device=states.device)
    return Collected(
        moments={
            role: Moments(reference, reach=reach, dtype=dtype) for role in ("train", "validation")
        },
        guard=guard,
        cosine_sum=zeros,
        angular_sum=zeros.clone(),
    )


def _take(
    collected: Collected, batch: StateBatch, table: TokenTable, role: Tensor, cosine: Tensor
) -> None:
    states, offset, device = batch.states, collected.tokens, batch.states.device
    apart = collected.guard.apart(table)
    for name, moments in collected.moments.items():
        chosen = (role == ROLES.index(name)) & ~apart & table.scored
        if chosen.any():
            moments.add(states[chosen.to(device)])
    fit_apart = apart & ~table.heldout & table.scored
    collected.apart.append(states[fit_apart.to(device)].double())
    collected.apart_rows += (fit_apart.nonzero().squeeze(1) + offset).tolist()
    collected.heldout.append(batch.heldout)
    ordinary = cosine[(~apart & table.scored).to(device)]
    collected.cosine_sum += ordinary.sum(0, dtype=torch.float64)
    collected.angular_sum += angular(ordinary).sum(0, dtype=torch.float64)
    scored_apart = apart & table.scored
    collected.apart_cosines.append(cosine[scored_apart.to(device)].double())
    collected.apart_cosine_rows += (scored_apart.nonzero().squeeze(1) + offset).tolist()
    collected.tables.append(table)
    collected.roles.append(role)
    collected.held_apart.append(apart)
