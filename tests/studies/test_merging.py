"""Shards of a stream, merged, are the stream: any number of them, computed in any order."""

import random

import pytest
import torch

from linearity.studies import collect as collecting
from linearity.studies.collect import Collected, open_stream
from linearity.studies.ridges import RidgeRule
from linearity.studies.scores import Scores
from linearity.studies.scoring import score_pairs
from linearity.studies.sides import Fit, Heldout
from tests.studies.streams import Stream, a_stream, collected_of, differences

FIELDS = [
    "r2_fit", "r2_adjusted", "r2_heldout", "update_r2_fit", "update_r2_heldout", "ridge",
]  # fmt: skip


def merged(stream: Stream, noise: random.Random, shards: int, *, reach: int = 4) -> Collected:
    """Cut the stream at random, compute the shards in random order, merge them two by two."""
    opening = open_stream(stream, stream.batches[0], None)
    places = range(1, len(stream.batches))
    cuts = [0, *sorted(noise.sample(places, shards - 1)), len(stream.batches)]
    parts: dict[int, Collected] = {}
    for number in noise.sample(range(shards), shards):
        part = slice(cuts[number], cuts[number + 1])
        parts[number] = collected_of(stream, part, reach=reach, opening=opening)
    row = [parts[number] for number in range(shards)]
    while len(row) > 1:  # neighbours, in any order
        at = noise.randrange(len(row) - 1)
        row[at].merge(row.pop(at + 1))
    return row[0]


def scores_of(collected: Collected) -> Scores:
    table = collected.table()
    included = table.scored & ~table.first & ~table.sinks()
    fit, heldout = Fit.of(collected, included), Heldout.of(collected, table, included)
    return score_pairs(fit, heldout, reach=4, ridge=RidgeRule(None))


@pytest.mark.parametrize("seed", range(12))
def test_any_shards_in_any_order_merge_to_the_pass_over_everything(seed: int) -> None:
    noise = random.Random(seed)
    stream = a_stream(seed=seed)
    whole = collected_of(stream)
    shards = noise.randint(2, len(stream.batches))
    again = merged(stream, noise, shards)

    assert whole.table().sinks().any()
    assert differences(whole, again) < 1e-12
    one, two = scores_of(whole), scores_of(again)
    for name in FIELDS:
        torch.testing.assert_close(
            getattr(one, name), getattr(two, name), rtol=0, atol=1e-9, equal_nan=True
        )
    assert one.intervals == [pytest.approx(interval, abs=1e-9) for interval in two.intervals]


def test_sums_in_float32_merge_within_the_bound_of_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "accumulation_dtype", lambda _: torch.float32)
    stream = a_stream(windows=200)
    one = scores_of(collected_of(stream))
    two = scores_of(merged(stream, random.Random(1), 9))

    for name in FIELDS:
        torch.testing.assert_close(
            getattr(one, name), getattr(two, name), rtol=0, atol=1e-5, equal_nan=True
        )


def test_the_mean_cosine_counts_every_token_once() -> None:
    stream = a_stream()
    whole, again = collected_of(stream), merged(stream, random.Random(2), 5)
    included = whole.table().scored
    for one, two in zip(whole.mean_cosines(included), again.mean_cosines(included), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)
