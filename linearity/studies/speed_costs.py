"""The cost map: what every part of the dense model takes, to be set beside how linear it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

import torch
from torch import Tensor

from linearity.contracts.speed import PARTS, CostMap, PartCost
from linearity.models.decoding import Decoded, decode
from linearity.models.loaded import LoadedModel
from linearity.models.part_meters import counted_operations, seconds_meter
from linearity.models.parts import WHOLE_BLOCK, Part, count, parts_of, size, weights_of

MOST_STEPS = 16
"""Steps of decoding that each pass times; more would tell the same again."""
FEWEST_STEPS = 2

Check = Callable[[], None]


@dataclass(frozen=True)
class _Phases:
    """One value a part for the pass over the prompt, and for a step after it."""

    prefill: list[float]
    decode: list[float]


def cost_map(
    model: LoadedModel, prompts: Sequence[Tensor], new_tokens: int, *, check: Check
) -> CostMap:
    """Measure the dense model part by part at batch 1.

    Parameters
    ----------
    model : LoadedModel
    prompts : sequence of (1, T) Tensor
        The first warms up; every other one is run twice, with clocks and without.
    new_tokens : int
    check : callable
        Called between steps; may raise to stop.
    """
    parts = parts_of(model)
    tokens = max(FEWEST_STEPS, min(new_tokens, MOST_STEPS))
    decode(model.network, prompts[0], tokens, check=check)
    plain, clocked, taken = _timed(model, parts, prompts[1:], tokens, check)
    apart = [[_apart(parts, step) for step in steps] for steps in taken]
    seconds = _Phases(
        [median(each) for each in zip(*(steps[0] for steps in apart), strict=True)],
        [median(each) for each in zip(*(s for steps in apart for s in steps[1:]), strict=True)],
    )
    rows = _rows(parts, seconds, _operations(model, parts, prompts[0]))
    step = median(s for one in clocked for s in one.steps_s)
    return CostMap(
        prompt_tokens=prompts[0].shape[1],
        repeats=len(clocked),
        prefill_s=median(one.first_s for one in clocked),
        decode_s=step,
        overhead=step / median(s for one in plain for s in one.steps_s) - 1,
        parts=rows,
    )


def prefill_operations(model: torch.nn.Module, prompt: Tensor) -> float:
    """Return the operations of one pass over a prompt, (1, T)."""
    with counted_operations() as (counter, _):
        decode(model, prompt, 1)
    return float(counter.get_total_flops())


def _timed(
    model: LoadedModel, parts: Sequence[Part], prompts: Sequence[Tensor], tokens: int, check: Check
) -> tuple[list[Decoded], list[Decoded], list[list[list[float]]]]:
    plain: list[Decoded] = []
    clocked: list[Decoded] = []
    taken: list[list[list[float]]] = []
    meter = seconds_meter(parts, model.device)
    for prompt in prompts:
        plain.append(decode(model.network, prompt, tokens, check=check))
        steps: list[list[float]] = []
        with meter.attached():
            clocked.append(
                decode(
                    model.network,
                    prompt,
                    tokens,
                    check=check,
                    after=lambda _, steps=steps: steps.append(meter.take()),  # type: ignore[misc]
                )
            )
        taken.append(steps)
    return plain, clocked, taken


def _operations(model: LoadedModel, parts: Sequence[Part], prompt: Tensor) -> _Phases:
    found: list[list[float]] = []
    with counted_operations(parts) as (_, meter):
        decode(model.network, prompt, FEWEST_STEPS, after=lambda _: found.append(meter.take()))
    return _Phases(_apart(parts, found[0]), _apart(parts, found[1]))


def _apart(parts: Sequence[Part], values: Sequence[float]) -> list[float]:
    """Return values of the same pass with that of a whole block as what no part of it took."""
    inner: dict[int | None, float] = {}
    for part, value in zip(parts, values, strict=True):
        if part.name != WHOLE_BLOCK:
            inner[part.block] = inner.get(part.block, 0.0) + value
    return [
        max(value - inner[part.block], 0.0) if part.name == WHOLE_BLOCK else value
        for part, value in zip(parts, values, strict=True)
    ]


def _rows(parts: Sequence[Part], seconds: _Phases, operations: _Phases) -> list[PartCost]:
    """Return a row a part, of every block its ``rest`` last."""
    parameters = _apart(parts, [count(weights_of(part.modules)) for part in parts])
    sizes = _apart(parts, [size(weights_of(part.modules)) for part in parts])
    rows = [
        PartCost(
            block=part.block,
            part="rest" if part.name == WHOLE_BLOCK else part.name,
            parameters=round(parameters[k]),
            bytes=round(sizes[k]),
            prefill_s=seconds.prefill[k],
            decode_s=seconds.decode[k],
            prefill_flops=operations.prefill[k],
            decode_flops=operations.decode[k],
        )
        for k, part in enumerate(parts)
    ]
    return sorted(rows, key=_place)


def _place(row: PartCost) -> tuple[float, int]:
    """Return where a row stands: embedding, block by block, what lies behind the blocks."""
    outer = -1.0 if row.part == PARTS[0] else inf
    return (outer if row.block is None else row.block, PARTS.index(row.part))
