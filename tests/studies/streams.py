"""A stream of made-up states, and whole passes over parts of it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.measure.moments import accumulation_dtype
from linearity.measure.windows import Role, Window
from linearity.models.source import Batches, StateBatch, counted_heldout
from linearity.studies.collect import Collected, Opening, batched, collect


@dataclass(frozen=True)
class Stream:
    """Batches of windows, and for each token of the vocabulary a state of its own."""

    batches: list[list[Window]]
    states: Tensor

    def stream(
        self, batches: Batches, *, ahead: Callable[[int, int], None]
    ) -> Iterator[StateBatch]:
        """Look every token up; meets `StateSource`."""
        del ahead
        for windows in batches:
            ids = torch.tensor([id for window in windows for id in window.ids])
            heldout = self.states[ids][counted_heldout(windows)]
            dtype = accumulation_dtype(self.states.shape[-1])
            yield StateBatch(windows, self.states[ids], heldout.to(dtype))


def a_stream(
    *, windows: int = 60, width: int = 8, states: int = 5, sinks: int = 2, seed: int = 0
) -> Stream:
    """Return a stream of windows of 20 to 60 tokens, a few of them long as sinks are."""
    noise, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    vocabulary = 3000
    steps = torch.randn(vocabulary, states, width, generator=generator, dtype=torch.float64)
    embedded = steps.cumsum(1) + 4.0
    embedded[:sinks] *= 300.0
    roles: list[Role] = ["train", "train", "validation", "heldout"] * 3
    noise.shuffle(roles)
    made = []
    for number in range(windows):
        document = number % len(roles)
        ids = tuple(noise.randrange(sinks, vocabulary) for _ in range(noise.randint(20, 60)))
        if number in (3, 40):
            ids = (*ids[:5], *range(sinks), *ids[5:])
        scored = tuple(noise.random() < 0.7 for _ in ids[1:]) if number % 7 == 0 else None
        whole = None if scored is None else (*scored, True)
        made.append(Window(document, 0, ids, roles[document], scored=whole))
    return Stream(batched(made, 200), embedded)


def collected_of(
    stream: Stream, part: slice = slice(None), *, reach: int = 4, opening: Opening | None = None
) -> Collected:
    """Return what a pass over some batches keeps."""
    return collect(
        stream, stream.batches[part], reach=reach, after_batch=lambda _: None, known=opening
    )


def differences(one: Collected, other: Collected) -> float:
    """Return the largest difference of two collections, relative to what is largest in each part.

    What no rounding may change must be equal.
    """
    assert one.apart_rows == other.apart_rows
    assert one.apart_cosine_rows == other.apart_cosine_rows
    for name in ("roles", "held_apart", "heldout", "apart", "apart_cosines"):
        assert torch.equal(torch.cat(getattr(one, name)), torch.cat(getattr(other, name))), name
    for name in one.table().__dataclass_fields__:
        assert torch.equal(getattr(one.table(), name), getattr(other.table(), name)), name
    sums = [(one.cosine_sum, other.cosine_sum), (one.angular_sum, other.angular_sum)]
    for role, moments in one.moments.items():
        merged = other.moments[role]
        assert (moments.n, moments.reach) == (merged.n, merged.reach)
        sums += [(moments.sums, merged.sums), *zip(moments.rows, merged.rows, strict=True)]
    return max(float((a - b).abs().max() / a.abs().max().clamp_min(1.0)) for a, b in sums)
