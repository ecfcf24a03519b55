"""One timed answer: the pass over a prompt, then token by token, with a clock around each.

A loop of our own instead of transformers' `generate`, because every step is timed by itself and
answers must have one length: a model that stops early would pass for a fast one.
"""

import gc
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Check = Callable[[], None]


@dataclass(frozen=True)
class Clock:
    """Seconds at which the device has done all it was told to."""

    device: torch.device

    def now(self) -> float:
        """Return the moment, in seconds, once nothing is left to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


@dataclass(frozen=True)
class Decoded:
    """What one answer of a batch took.

    Parameters
    ----------
    first_s : float
        The pass over the prompt, to the first token.
    steps_s : list of float
        Every further token.
    cache_bytes : (int, int)
        Of keys and values after the prompt, and after the last step.
    tokens : (B, N) int64 Tensor
        What was written.
    """

    first_s: float
    steps_s: list[float]
    cache_bytes: tuple[int, int]
    tokens: Tensor = field(repr=False)

    @property
    def request_s(self) -> float:
        """All of it: what lies between two steps is ours and not the model's."""
        return self.first_s + sum(self.steps_s)


@torch.inference_mode()
def decode(
    network: nn.Module,
    ids: Tensor,
    new_tokens: int,
    *,
    check: Check = lambda: None,
    after: Callable[[int], None] = lambda _: None,
) -> Decoded:
    """Write `new_tokens` tokens greedily after every row of `ids` and time each step.

    Parameters
    ----------
    network : nn.Module
        A causal language model of transformers.
    ids : (B, T) int64 Tensor
        Prompts of one length, so that nothing is padded.
    new_tokens : int
        At least 1. What ends an answer elsewhere does not end it here.
    check : callable, optional
        Called between steps, outside the clock; may raise to stop.
    after : callable, optional
        Called between steps with the number of the step that was done; 0 is the prompt.
    """
    clock = Clock(ids.device)
    only_last: dict[str, Any] = {"logits_to_keep": 1} if _keeps_logits(network) else {}
    cache: Any = None
    token, written, seconds, sizes = ids, [], [], []
    for step in range(new_tokens):
        check()
        with _without_collection():
            started = clock.now()
            output = network(input_ids=token, past_key_values=cache, use_cache=True, **only_last)
            token = output.logits[:, -1:].argmax(-1)
            seconds.append(clock.now() - started)
        cache = output.past_key_values
        written.append(token)
        if step in (0, new_tokens - 1):
            sizes.append(cache_bytes(cache))
        after(step)
    return Decoded(seconds[0], seconds[1:], (sizes[0], sizes[-1]), torch.cat(written, 1))


def cache_bytes(cache: Any) -> int:  # Any: a cache of transformers, which is not typed
    """Return the bytes of the keys and values that a cache holds."""
    held = [getattr(layer, name, None) for layer in cache.layers for name in ("keys", "values")]
    return sum(tensor.nbytes for tensor in held if isinstance(tensor, Tensor))


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let Python collect garbage between steps: within, it stops at the same places every time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _keeps_logits(network: nn.Module) -> bool:
    return "logits_to_keep" in inspect.signature(network.forward).parameters
