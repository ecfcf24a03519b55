"""The cost map: what every part of the dense model takes, to be set beside how linear it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from linearity.contracts.speed import CostMap, PartCost
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
    seconds = _Phases(
        [median(each) for each in zip(*(steps[0] for steps in taken), strict=True)],
        [median(each) for each in zip(*(s for steps in taken for s in steps[1:]), strict=True)],
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
    return _Phases(found[0], found[1])


def _rows(parts: Sequence[Part], seconds: _Phases, operations: _Phases) -> list[PartCost]:
    """Return a row a part; what a block takes beside its parts is its ``rest``."""
    costs = [
        PartCost(
            block=part.block,
            part=part.name,
            parameters=count(weights_of(part.modules)),
            bytes=size(weights_of(part.modules)),
            prefill_s=seconds.prefill[k],
            decode_s=seconds.decode[k],
            prefill_flops=operations.prefill[k],
            decode_flops=operations.decode[k],
        )
        for k, part in enumerate(parts)
    ]
    rows: list[PartCost] = []
    for cost in costs:
        if cost.part == WHOLE_BLOCK:
            inner = [c for c in costs if c.block == cost.block and c is not cost]
            rows += [*inner, _rest(cost, inner)]
        elif cost.block is None:
            rows.append(cost)
    return rows


def _rest(whole: PartCost, inner: Sequence[PartCost]) -> PartCost:
    return PartCost(
        block=whole.block,
        part="rest",
        parameters=whole.parameters - sum(part.parameters for part in inner),
        bytes=whole.bytes - sum(part.bytes for part in inner),
        prefill_s=max(whole.prefill_s - sum(part.prefill_s for part in inner), 0.0),
        decode_s=max(whole.decode_s - sum(part.decode_s for part in inner), 0.0),
        prefill_flops=whole.prefill_flops - sum(part.prefill_flops for part in inner),
        decode_flops=whole.decode_flops - sum(part.decode_flops for part in inner),
    )
