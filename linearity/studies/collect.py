"""The one pass over the text: states go by, and only sums, held-out states and norms stay."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from linearity.errors import LinearScopeError
from linearity.measure.moments import (
    CHUNK_TOKENS,
    Moments,
    RecomputedMoments,
    Split,
    accumulation_dtype,
)
from linearity.measure.products import bytes_a_number
from linearity.measure.tokens import StreamGuard, TokenTable, angular, cosines
from linearity.measure.windows import Window
from linearity.models.memory import LEAST_BATCH, free_bytes
from linearity.models.source import Batches, StateBatch, StateSource, scored

ROLES = ("train", "validation", "heldout")
FIRST_BATCH_TOKENS = 1024
EARLY_SHARES = (1 / 4, 1 / 2)
"""Parts of the stream after which the profile is scored in earnest, to show how it settles."""


@dataclass(frozen=True)
class Opening:
    """What a stream is measured against, known after its first batch.

    Shards of one stream share it; their sums then merge by plain addition.

    Parameters
    ----------
    guard : StreamGuard
    reference : (S, d) Tensor
        Mean of the ordinary tokens of the first batch, in the type of the sums.
    """

    guard: StreamGuard
    reference: Tensor

    @classmethod
    def of(cls, states: Tensor, table: TokenTable, guard: StreamGuard | None = None) -> "Opening":
        """Take both from a first batch, unless medians are known beforehand."""
        guard = guard or StreamGuard.of(table)
        ordinary = states[(~guard.apart(table)).to(states.device)]
        wide = accumulation_dtype(states.shape[-1])
        # In the states' own type: what is left after subtracting it then has few digits.
        return cls(guard, ordinary.to(wide).mean(0).to(states.dtype).to(wide))

    def on(self, device: torch.device) -> "Opening":
        """Return the same with its reference on a device, where sums are then kept."""
        return Opening(self.guard, self.reference.to(device))


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

    @classmethod
    def empty(cls, opening: Opening, *, reach: int, kind: type[Moments] = Moments) -> "Collected":
        """Return what is there before the first batch, on the device of the reference."""
        reference = opening.reference
        S = len(reference)
        zeros = torch.zeros((S, S), dtype=torch.float64, device=reference.device)
        moments = {
            role: kind(reference, reach=reach, dtype=reference.dtype)
            for role in ("train", "validation")
        }
        return cls(moments, opening.guard, zeros, zeros.clone())

    def merge(self, later: "Collected") -> None:
        """Put what the next part of the same stream kept behind this.

        Both must have the opening in common: then sums are added and lists put behind one another,
        and the result is that of one pass over both, but for the rounding of the sums.
        """
        offset, device = self.tokens, self.cosine_sum.device
        for role, moments in self.moments.items():
            moments.merge(later.moments[role])
        self.cosine_sum += later.cosine_sum.to(device)
        self.angular_sum += later.angular_sum.to(device)
        self.heldout += [states.to(device) for states in later.heldout]
        self.apart += [states.to(device) for states in later.apart]
        self.apart_cosines += [cosine.to(device) for cosine in later.apart_cosines]
        self.apart_rows += [row + offset for row in later.apart_rows]
        self.apart_cosine_rows += [row + offset for row in later.apart_cosine_rows]
        self.tables += later.tables
        self.roles += later.roles
        self.held_apart += later.held_apart

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


def collect(
    source: StateSource,
    batches: Batches,
    *,
    reach: int,
    after_batch: Callable[[Collected], None],
    ahead: Callable[[int, int], None] = lambda _done, _total: None,
    known: Opening | StreamGuard | None = None,
) -> Collected:
    """Let all states go by and keep what scores need.

    Parameters
    ----------
    source : StateSource
    batches : sequence of sequences of Window
        As `batched` makes them.
    reach : int
        How far apart two states may be to have their moments kept.
    after_batch : callable
        Called with what has been collected so far; may raise to stop.
    ahead : callable
        Hears of the work before the first batch, see `StateSource`; may raise to stop.
    known : Opening or StreamGuard, optional
        What is known beforehand; by default both are taken from the first batch. With an opening
        sums are kept, to be merged.
    """
    collected: Collected | None = None
    for batch in source.stream(batches, ahead=ahead):
        table, role, cosine = _describe(batch.states, batch.windows)
        if collected is None:
            summed = isinstance(known, Opening) or _sums_fit(batch.states, batches, reach)
            if not isinstance(known, Opening):
                known = Opening.of(batch.states, table, known)
            opening, kind = known.on(batch.states.device), Moments if summed else RecomputedMoments
            collected = Collected.empty(opening, reach=reach, kind=kind)
        _take(collected, batch, table, role, cosine)
        after_batch(collected)
    if collected is None:
        raise LinearScopeError("no windows to measure")
    return collected


def open_stream(source: StateSource, first: Sequence[Window], guard: StreamGuard | None) -> Opening:
    """Return the opening of the stream that begins with the batch `first`."""
    [batch] = source.stream([first], ahead=lambda _done, _total: None)
    table, _, _ = _describe(batch.states, batch.windows)
    return Opening.of(batch.states, table, guard)


def missed_sinks(collected: Collected) -> bool:
    """Whether a token that went into the sums turned out to be a sink at the end.

    Only a stream whose median norm falls to a third after the first batch can do that.
    """
    return bool((collected.table().sinks() & ~torch.cat(collected.held_apart)).any())


def batched(windows: Sequence[Window], batch_tokens: int) -> list[list[Window]]:
    """Return the windows in batches of one forward pass each.

    The first one is small, so that there is something to see early. The size of the others changes
    speed and rounding, nothing else: whatever it is, a batch ends where the stream is scored early.
    """
    return _cut(windows, batch_tokens, ends=early_ends(windows))


def early_ends(windows: Sequence[Window]) -> dict[int, int]:
    """Return where the stream is scored early: after how many windows, and tokens of these.

    Behind the first batch, of the usual size, that completes each of `EARLY_SHARES`.
    """
    total, seen, cut = sum(len(window.ids) for window in windows), 0, 0
    wanted = [share * total for share in EARLY_SHARES]
    ends = {}
    for batch in _cut(windows, LEAST_BATCH, ends={}):
        seen, cut = seen + sum(len(window.ids) for window in batch), cut + len(batch)
        if wanted and wanted[0] <= seen < total:
            ends[cut] = seen
        wanted = [tokens for tokens in wanted if tokens > seen]
    return ends


def _cut(
    windows: Sequence[Window], batch_tokens: int, *, ends: Collection[int]
) -> list[list[Window]]:
    batches: list[list[Window]] = []
    tokens, limit = 0, min(FIRST_BATCH_TOKENS, batch_tokens)
    for number, window in enumerate(windows):
        if not batches or tokens + len(window.ids) > limit or number in ends:
            limit = batch_tokens if batches else limit
            batches.append([])
            tokens = 0
        batches[-1].append(window)
        tokens += len(window.ids)
    return batches


def _describe(states: Tensor, batch: Sequence[Window]) -> tuple[TokenTable, Tensor, Tensor]:
    cosine, norms, updates = (
        torch.cat(parts)
        for parts in zip(*map(_lengths, torch.split(states, CHUNK_TOKENS)), strict=True)
    )
    lengths = [len(window.ids) for window in batch]
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


def _lengths(states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return cosines of all pairs, norms, and norms of updates, of some tokens."""
    wide = states.to(accumulation_dtype(states.shape[-1]))
    norms = torch.linalg.vector_norm(wide, dim=-1, dtype=torch.float64)
    updates = torch.linalg.vector_norm(wide[:, 1:] - wide[:, :-1], dim=-1, dtype=torch.float64)
    return cosines(wide), norms, updates


def _sums_fit(states: Tensor, batches: Batches, reach: int) -> bool:
    """Whether there is room for all moments, or keeping the states instead would need more."""
    S, d = states.shape[1:]
    products = sum(min(reach, S - 1 - i) + 1 for i in range(S))
    sums = 2 * products * d * d * accumulation_dtype(d).itemsize  # of two roles
    windows = (window for batch in batches for window in batch if window.role != "heldout")
    kept = sum(len(window.ids) for window in windows) * S * d * bytes_a_number(states)
    return sums <= free_bytes(states.device) // 2 or sums <= kept


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
