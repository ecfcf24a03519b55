"""What a model writes after some prompts: greedy decoding, as it would be served.

transformers' own `generate` does the work, with its cache, so a model that was changed in place
(`linearity.models.surgery`) is asked exactly as the dense one is. Prompts are padded on the left;
positions count from the first real token.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from linearity.errors import NonFiniteStatesError, OutOfDeviceMemoryError
from linearity.models.loaded import LoadedModel
from linearity.models.memory import by_halves

CPU_BATCH_PROMPTS, CPU_BATCH_TOKENS = 32, 8192
GPU_BATCH_PROMPTS, GPU_BATCH_TOKENS = 64, 65_536
"""Prompts in a batch, and their tokens with all that is written, at most."""

Check = Callable[[], None]


@dataclass(frozen=True)
class Answer:
    """What one model wrote after one prompt.

    Parameters
    ----------
    tokens : tuple of int
        Without the prompt and without the token that ended it.
    stopped : bool
        Whether the model ended it itself, before the length limit.
    """

    tokens: tuple[int, ...]
    stopped: bool


def write_answers(
    model: LoadedModel,
    prompts: Sequence[Sequence[int]],
    *,
    new_tokens: int,
    check: Check = lambda: None,
) -> Iterator[dict[int, Answer]]:
    """Yield the answers batch by batch, each under the index of its prompt.

    Parameters
    ----------
    model : LoadedModel
    prompts : sequence of token ids
        At least one token each. Answered from the shortest to the longest, so that little is
        padded.
    new_tokens : int
        Longest answer, in tokens; the token that ends an answer counts here.
    check : callable, optional
        Called before every token; may raise to stop.

    Raises
    ------
    NonFiniteStatesError
        If the model's logits hold NaN or infinity.
    OutOfDeviceMemoryError
        If even a single prompt does not fit.
    """
    for batch in _batches([len(prompt) + new_tokens for prompt in prompts], model.device):
        answers = _answered(model, [prompts[k] for k in batch], new_tokens, check)
        yield dict(zip(batch, answers, strict=True))


def longest_input(model: LoadedModel) -> int | None:
    """Return how many tokens the model reads and writes at most, None where it does not say."""
    limit = getattr(getattr(model.network, "config", None), "max_position_embeddings", None)
    return limit if isinstance(limit, int) else None


def _batches(lengths: Sequence[int], device: torch.device) -> Iterator[list[int]]:
    cuda = device.type == "cuda"
    most_prompts = GPU_BATCH_PROMPTS if cuda else CPU_BATCH_PROMPTS
    most_tokens = GPU_BATCH_TOKENS if cuda else CPU_BATCH_TOKENS
    batch: list[int] = []
    for k in sorted(range(len(lengths)), key=lambda k: (lengths[k], k)):
        size = len(batch) + 1  # with this prompt, the longest so far
        if batch and (size > most_prompts or size * lengths[k] > most_tokens):
            yield batch
            batch = []
        batch.append(k)
    if batch:
        yield batch


def _answered(
    model: LoadedModel, prompts: Sequence[Sequence[int]], new_tokens: int, check: Check
) -> list[Answer]:
    parts = by_halves(
        lambda some: _generated(model, some, new_tokens, check),
        prompts,
        lambda prompt: OutOfDeviceMemoryError(
            f"one prompt of {len(prompt):,} tokens and its answer of {new_tokens:,} do "
            f"not fit on {model.device}",
            next_step="Use fewer new_tokens, shorter prompts, or a device with more memory.",
            device=str(model.device),
        ),
    )
    return [answer for part in parts for answer in part]


class _Generates(Protocol):
    """The one method of a transformers model that is used here."""

    def generate(self, **kwargs: object) -> Tensor: ...


@torch.inference_mode()
def _generated(
    model: LoadedModel, prompts: Sequence[Sequence[int]], new_tokens: int, check: Check
) -> list[Answer]:
    from transformers import GenerationConfig, LogitsProcessorList

    ids, mask = _padded_left(prompts, model.device)
    written = cast(_Generates, model.network).generate(
        input_ids=ids,
        attention_mask=mask,
        generation_config=GenerationConfig(
            do_sample=False,
            num_beams=1,
            use_cache=True,
            max_new_tokens=new_tokens,
            eos_token_id=list(model.stops) or None,
            pad_token_id=model.stops[0] if model.stops else 0,
        ),
        logits_processor=LogitsProcessorList([_Watch(check)]),
    )
    rows: list[list[int]] = written[:, ids.shape[1] :].tolist()
    return [_until_stop(row, model.stops) for row in rows]


def _padded_left(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and mask, (B, T) each, of prompts that all end at the last position."""
    length = max(map(len, prompts))
    ids = torch.zeros(len(prompts), length, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = torch.tensor(prompt)
        mask[row, length - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def _until_stop(row: Sequence[int], stops: Sequence[int]) -> Answer:
    ends = [position for position, token in enumerate(row) if token in stops]
    return Answer(tuple(row[: ends[0]]), True) if ends else Answer(tuple(row), False)


class _Watch:
    """Looks at the logits of every step: the largest of NaNs would pass for a token."""

    def __init__(self, check: Check) -> None:
        self._check = check

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._check()
        if not torch.isfinite(scores).all():
            raise NonFiniteStatesError(
                "the logits hold NaN or infinity while an answer is written",
                next_step="In float16 large activations overflow: use bfloat16 or float32.",
                position=input_ids.shape[1],
            )
        return scores
