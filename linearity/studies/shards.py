"""A long stream in shards: several processes compute them, the one that scores merges them.

::

    owner   divides the stream, claims shards until none is free, waits for the rest, merges
    helper  claims shards until none is free

Both compute a shard alike. The owner needs no helper: whatever nobody else claims it claims. What
is merged is what one pass would have kept, because shards end where batches of that pass end and
all have the opening of its first batch.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from linearity.contracts.canonical import canonical_json, digest
from linearity.errors import InputChangedError
from linearity.measure.moments import accumulation_dtype
from linearity.measure.tokens import StreamGuard
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.models.memory import batch_tokens, free_bytes
from linearity.models.source import Batches
from linearity.models.states import source_of
from linearity.studies.collect import Collected, Opening, collect, open_stream

MULTIPLE = 4
"""Shards come in fours: a quarter and half of a stream, where it is scored early, end with one."""

Cut = tuple[int, int]


@dataclass(frozen=True)
class Claim:
    """A shard that this process is to compute: batches `start` to the one before `stop`.

    Parameters
    ----------
    part : int
        Which stream of the run: 0, or the number of a repeat.
    number : int
        Of the shard within its stream.
    start, stop : int
    stream : str
        What `stream_digest` says of the whole stream.
    """

    part: int
    number: int
    start: int
    stop: int
    stream: str


@dataclass(frozen=True)
class Layout:
    """How a stream is divided; `plan` names it, so that a later attempt knows its own shards.

    `device` is its owner's, for whom a much slower one would be no help.
    """

    part: int
    cuts: tuple[Cut, ...]
    stream: str
    plan: str
    device: str = "cpu"


class Board(Protocol):
    """Where shards of one run are claimed and handed in; its owner and all helpers see the same."""

    shard_tokens: int
    """A stream of more tokens is divided; 0 for never."""

    def divide(self, layout: Layout, make: Callable[[], Opening]) -> Opening:
        """Offer the shards of a stream and return their opening, the known one if there is one."""

    def claim(self) -> Claim | None:
        """Take the next shard that nobody computes; None if there is none."""

    def opening(self) -> Opening:
        """Return the opening of the claimed shard."""

    def report(self, tokens: int) -> None:
        """Say how many tokens of the claimed shard are done."""

    def hand_in(self, collected: Collected) -> None:
        """Store the claimed shard for the owner."""

    def done(self) -> int:
        """Return how many tokens of the divided stream are done, by whomever."""

    def load(self, number: int) -> Collected | None:
        """Return a shard that was handed in; None if it has to be waited for or computed anew."""

    def wait(self) -> None:
        """Wait a moment for others."""

    def has_room(self, size: int) -> bool:
        """Whether so many bytes can be stored."""

    def used(self) -> dict[str, int]:
        """Return how many ``shards`` and ``workers`` there were, nothing if nothing was divided."""


def cut(batches: Batches, most_tokens: int) -> tuple[Cut, ...]:
    """Return where shards of at most `most_tokens` begin and end, give or take a batch.

    One shard, the whole stream, if it has no more tokens or `most_tokens` is 0.
    """
    ends = list(accumulate(sum(len(window.ids) for window in batch) for batch in batches))
    total = ends[-1] if ends else 0
    if not most_tokens or total <= most_tokens:
        return ((0, len(batches)),)
    shards = MULTIPLE * -(-total // (MULTIPLE * most_tokens))
    wanted = (-(-number * total // shards) for number in range(1, shards + 1))
    stops = sorted({bisect_left(ends, tokens) + 1 for tokens in wanted})
    return tuple(zip([0, *stops[:-1]], stops, strict=True))


def stream_digest(batches: Batches) -> str:
    """Return the sha256 of every window in its batch, as 64 hexadecimal digits."""
    hasher = hashlib.sha256()
    for batch in batches:
        for window in batch:
            place = [window.document, window.start, window.role, window.ids, window.scored]
            hasher.update(canonical_json(place))
        hasher.update(b"\n")
    return hasher.hexdigest()


@dataclass(frozen=True)
class SharedStream:
    """One stream of a run as its owner sees it.

    Parameters
    ----------
    model : LoadedModel
    batches : sequence of sequences of Window
    reach : int
    part : int
        Which stream of the run.
    board : Board
    """

    model: LoadedModel
    batches: Batches
    reach: int
    part: int
    board: Board

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Where its shards begin and end."""
        return cut(self.batches, self.board.shard_tokens)

    def is_divided(self) -> bool:
        """Whether it is long enough for shards, and there is room for them."""
        # Where sums do not fit, one pass keeps states instead, which are not merged.
        sums = self.sums // len(self.cuts)
        fits = 2 * sums <= free_bytes(self.model.device)
        return len(self.cuts) > 1 and fits and self.board.has_room(self.sums + self.heldout)

    @property
    def sums(self) -> int:
        """Bytes of the sums of all shards."""
        S, width = self.model.states, self.model.width
        pairs = sum(min(i + self.reach, S - 1) + 1 - i for i in range(S))
        return 2 * len(self.cuts) * pairs * width**2 * accumulation_dtype(width).itemsize

    @property
    def heldout(self) -> int:
        """Bytes of the states of held-out tokens."""
        windows = [window for batch in self.batches for window in batch]
        tokens = sum(len(window.ids) for window in windows if window.role == "heldout")
        width = self.model.width
        return tokens * self.model.states * width * accumulation_dtype(width).itemsize

    def collect(
        self,
        guard: StreamGuard | None,
        *,
        after_batch: Callable[[int, Collected], None],
        after_shard: Callable[[Collected], None],
        while_waiting: Callable[[], None],
    ) -> Collected:
        """Compute what nobody else does, wait for the rest, and merge.

        Parameters
        ----------
        guard : StreamGuard or None
            Medians known beforehand.
        after_batch : callable
            Called with the number of a shard and what it has kept so far; may raise to stop.
        after_shard : callable
            Called with what has been merged so far, always a beginning of the stream.
        while_waiting : callable
            Called again and again while others compute; may raise to stop.
        """
        opening = self.board.divide(
            self._layout(guard), lambda: open_stream(source_of(self.model), self.batches[0], guard)
        )
        while self._computed(after_batch):
            pass
        merged = Collected.empty(opening.on(self.model.device), reach=self.reach)
        for number in range(len(self.cuts)):
            while (shard := self.board.load(number)) is None:
                # Its worker may have died, so that it is free again.
                if not self._computed(after_batch):
                    while_waiting()
                    self.board.wait()
            merged.merge(shard)
            after_shard(merged)
        return merged

    def _layout(self, guard: StreamGuard | None) -> Layout:
        stream = stream_digest(self.batches)
        medians = None if guard is None else guard.medians.tolist()
        plan = digest([stream, self.cuts, self.reach, medians])
        return Layout(self.part, self.cuts, stream, plan, self.model.device.type)

    def _computed(self, after_batch: Callable[[int, Collected], None]) -> bool:
        """Compute a shard if one is free; return whether it was."""
        claim = self.board.claim()
        if claim is None:
            return False
        compute_shard(
            self.model,
            self.batches[claim.start : claim.stop],
            self.board,
            reach=self.reach,
            after_batch=lambda collected: after_batch(claim.number, collected),
        )
        return True


def help_out(
    model: LoadedModel,
    batches_of: Callable[[int], Batches],
    reach_of: Callable[[int], int],
    board: Board,
    after_batch: Callable[[Collected], None],
) -> int:
    """Compute shards until none is free; return how many.

    Parameters
    ----------
    model : LoadedModel
    batches_of, reach_of : callable
        From the part of a run to the batches of its stream, and to how far pairs reach there.
    board : Board
    after_batch : callable
        Called with what the present shard has kept so far; may raise to stop.

    Raises
    ------
    InputChangedError
        If the text is another one here than where the run was divided.
    """
    known: dict[int, Batches] = {}
    computed = 0
    while (claim := board.claim()) is not None:
        if claim.part not in known:
            known = {claim.part: batches_of(claim.part)}
            if stream_digest(known[claim.part]) != claim.stream:
                raise InputChangedError(
                    "this worker cuts the text into other batches than the one that asks for help",
                    next_step="Run the same version on all workers.",
                )
        batches = known[claim.part][claim.start : claim.stop]
        reach = reach_of(claim.part)
        compute_shard(model, batches, board, reach=reach, after_batch=after_batch)
        computed += 1
    return computed


def compute_shard(
    model: LoadedModel,
    batches: Batches,
    board: Board,
    *,
    reach: int,
    after_batch: Callable[[Collected], None],
) -> None:
    """Compute the claimed shard and hand it in."""

    def report(collected: Collected) -> None:
        board.report(collected.tokens)
        after_batch(collected)

    own = gathered(batches, batch_tokens(model))
    opening = board.opening()
    board.hand_in(collect(source_of(model), own, reach=reach, after_batch=report, known=opening))


def gathered(batches: Batches, most_tokens: int) -> Batches:
    """Return fewer and larger batches, as large as this device likes them; only speed depends."""
    larger: list[list[Window]] = []
    tokens = most_tokens
    for batch in batches:
        size = sum(len(window.ids) for window in batch)
        if tokens + size > most_tokens:
            larger.append([])
            tokens = 0
        larger[-1] += batch
        tokens += size
    return larger
