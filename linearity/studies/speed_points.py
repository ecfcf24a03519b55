"""From what both sides took, pair by pair, to the numbers of one load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from linearity.contracts.timings import SIDES, THROUGHPUT, Estimate, LoadPoint, SideMemory, Timing
from linearity.measure.speedups import speedup, spread
from linearity.models.decoding import Decoded

Sides = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Expected:
    """What arithmetic alone says of both sides.

    Parameters
    ----------
    prefill_flops : dict of side to float
        Of one prompt.
    step_bytes : dict of side to int, or None
        Weights that a step reads; None where a router decides it.
    """

    prefill_flops: dict[str, float]
    step_bytes: dict[str, int] | None


@dataclass(frozen=True)
class Batch:
    """Everything measured at one load.

    Parameters
    ----------
    load, new_tokens : int
    decoded : dict of side to list of Decoded
        The same number of each side, at least one; in the order measured.
    memory : dict of side to SideMemory
    """

    load: int
    new_tokens: int
    decoded: dict[str, list[Decoded]]
    memory: dict[str, SideMemory]


def load_point(batch: Batch, expected: Expected) -> LoadPoint:
    """Return the numbers of one load."""

    def each(value: Callable[[Decoded], float]) -> dict[str, list[float]]:
        return {side: [value(one) for one in batch.decoded[side]] for side in SIDES}

    steps = {side: [step for one in batch.decoded[side] for step in one.steps_s] for side in SIDES}
    return LoadPoint(
        load=batch.load,
        timings=[
            _timing("first_token", each(lambda one: one.first_s), _by_flops(expected, batch)),
            _timing("next_token", each(lambda one: fmean(one.steps_s)), _by_bytes(expected, batch)),
            _timing("gap", each(lambda one: median(one.steps_s)), None, steps),
            _timing("request", each(lambda one: one.request_s), None),
            _timing(
                THROUGHPUT,
                each(lambda one: batch.load * batch.new_tokens / one.request_s),
                None,
            ),
        ],
        memory=batch.memory,
    )


def _timing(
    metric: str,
    pairs: dict[str, list[float]],
    estimate: Estimate | None,
    single: Sides | None = None,
) -> Timing:
    """Return one metric; `single` are its values where there are more than one a pair."""
    values = pairs if single is None else single
    return Timing(
        metric=metric,
        dense=spread(values["dense"]),
        changed=spread(values["changed"]),
        pairs=pairs,
        speedup=speedup(metric, pairs["dense"], pairs["changed"]),
        estimate=estimate,
    )


def _by_flops(expected: Expected, batch: Batch) -> Estimate:
    dense, changed = (batch.load * expected.prefill_flops[side] for side in SIDES)
    return Estimate("flops", dense, changed, dense / changed)


def _by_bytes(expected: Expected, batch: Batch) -> Estimate | None:
    """Weights that run, and the cache as long as it is halfway through an answer."""
    if expected.step_bytes is None:
        return None
    dense, changed = (
        expected.step_bytes[side] + fmean(batch.decoded[side][0].cache_bytes) for side in SIDES
    )
    return Estimate("bytes", dense, changed, dense / changed)
