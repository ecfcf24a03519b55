"""What each part of a model takes while it runs: seconds, or operations.

A mark is set before and after every module of a part; what lies between two marks is added up. On
a GPU marks are events in its queue, so nothing waits for them until they are read.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from linearity.models.parts import Part

Mark = Any  # a moment, a CUDA event, a count


class PartMeter:
    """Adds up what lies between the marks of every part.

    Parameters
    ----------
    parts : sequence of Part
    mark : callable
    between : callable
        Two marks to what lies between them.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        mark: Callable[[], Mark],
        between: Callable[[Mark, Mark], float],
    ) -> None:
        self._parts, self._mark, self._between = parts, mark, between
        self._open: list[list[Mark]] = [[] for _ in parts]
        self._closed: list[list[tuple[Mark, Mark]]] = [[] for _ in parts]

    @contextmanager
    def attached(self) -> Iterator["PartMeter"]:
        """Mark every module of every part while this lasts."""
        with ExitStack() as undo:
            for number, part in enumerate(self._parts):
                for module in part.modules:
                    before = module.register_forward_pre_hook(self._opens(number))
                    undo.callback(before.remove)
                    after = module.register_forward_hook(self._closes(number))
                    undo.callback(after.remove)
            yield self

    def take(self) -> list[float]:
        """Return what every part took since the last time, and begin anew."""
        taken = [sum(self._between(*pair) for pair in pairs) for pairs in self._closed]
        self._closed = [[] for _ in self._parts]
        return taken

    def _opens(self, number: int) -> Callable[..., None]:
        def opens(*_: object) -> None:
            self._open[number].append(self._mark())

        return opens

    def _closes(self, number: int) -> Callable[..., None]:
        def closes(_: nn.Module, __: object, ___: object) -> None:
            self._closed[number].append((self._open[number].pop(), self._mark()))

        return closes


def seconds_meter(parts: Sequence[Part], device: torch.device) -> PartMeter:
    """Return a meter of seconds; on a GPU those that pass on the device itself."""
    if device.type != "cuda":
        return PartMeter(parts, time.perf_counter, lambda before, after: after - before)

    def mark() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(device))
        return event

    return PartMeter(parts, mark, lambda before, after: before.elapsed_time(after) / 1000)


@contextmanager
def counted_operations(parts: Sequence[Part] = ()) -> Iterator[tuple[FlopCounterMode, PartMeter]]:
    """Yield a counter of operations, and a meter that tells those of every part.

    Two for every multiplication and addition of a matrix product, attention included as it is
    computed: in full, not the causal half. What is no matrix product counts nothing.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_OPERATIONS)
    meter = PartMeter(parts, counter.get_total_flops, lambda before, after: float(after - before))
    with meter.attached(), counter:
        yield counter, meter


def _attention(query: Any, key: Any, value: Any, *_: object, **__: object) -> int:
    """Count scores and mixing, whatever number of heads share keys. Arguments are shapes."""
    *outer, tokens, width = query
    heads = 1
    for extent in outer:
        heads *= extent
    return int(2 * heads * tokens * key[-2] * (width + value[-1]))


def _grouped(left: Any, right: Any, *_: object, **__: object) -> int:
    """Count a product of sorted rows with one matrix each of a stack: (M, K), (E, K, N)."""
    return int(2 * left[-2] * left[-1] * right[-1])


def _mapping() -> dict[Any, Callable[..., int]]:
    names: dict[str, Callable[..., int]] = {
        "_scaled_dot_product_flash_attention_for_cpu": _attention,
        "_scaled_dot_product_flash_attention": _attention,
        "_scaled_dot_product_efficient_attention": _attention,
        "_scaled_dot_product_cudnn_attention": _attention,
        "_scaled_dot_product_fused_attention_overrideable": _attention,
        "_grouped_mm": _grouped,
    }
    known = {name: getattr(torch.ops.aten, name, None) for name in names}
    return {found: names[name] for name, found in known.items() if found is not None}


_OPERATIONS = _mapping()
