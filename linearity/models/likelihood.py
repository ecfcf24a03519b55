"""How likely a model holds given continuations of given contexts: what multiple choice asks.

Rows are padded on the right, where a causal model cannot see them, so positions count from the
first token and a model that was changed in place is asked exactly as the dense one is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from linearity.errors import NonFiniteStatesError, OutOfDeviceMemoryError
from linearity.models.generation import longest_input
from linearity.models.loaded import LoadedModel
from linearity.models.memory import by_halves
from linearity.models.states import padded

CPU_LOGIT_BYTES, GPU_LOGIT_BYTES = 256 << 20, 4 << 30
"""Memory of one batch's logits, at most."""
MOST_ROWS = 256

Ids = Sequence[int]
Check = Callable[[], None]


@dataclass(frozen=True)
class Scored:
    """How a model holds one continuation.

    Parameters
    ----------
    loglikelihood : float, nats
        Sum over the tokens of the continuation.
    is_greedy : bool
        Whether every token of it is the likeliest.
    """

    loglikelihood: float
    is_greedy: bool


def score_continuations(
    model: LoadedModel, pairs: Sequence[tuple[Ids, Ids]], *, check: Check = lambda: None
) -> list[Scored]:
    """Return how likely each continuation is after its context.

    Parameters
    ----------
    model : LoadedModel
    pairs : sequence of (context ids, continuation ids)
        At least one token each. What is longer than the model's input loses its beginning.
    check : callable, optional
        Called before every batch; may raise to stop.

    Raises
    ------
    NonFiniteStatesError
        If the model's logits hold NaN or infinity.
    OutOfDeviceMemoryError
        If even a single row does not fit.
    """
    # Choices of one token share the row that leads to them.
    rows: dict[tuple[int, ...], list[int]] = {}
    most = longest_input(model)
    for k, (context, continuation) in enumerate(pairs):
        row = (*context, *continuation)[:-1]
        rows.setdefault(row[-most:] if most else row, []).append(k)
    found: dict[int, Scored] = {}
    for batch in _batches(model, list(rows)):
        check()
        for row, logits in zip(batch, _logits(model, batch), strict=True):
            for k in rows[row]:
                found[k] = _scored(logits[: len(row)], pairs[k][1])
    return [found[k] for k in range(len(pairs))]


def is_cut(model: LoadedModel, context: Ids, continuation: Ids) -> bool:
    """Return whether a row is longer than the model's input, so that its beginning is left out."""
    most = longest_input(model)
    return most is not None and len(context) + len(continuation) - 1 > most


def _batches(model: LoadedModel, rows: list[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    """Yield rows of similar length, the longest first: what does not fit shows at once."""
    cuda = model.device.type == "cuda"
    vocabulary = int(getattr(getattr(model.network, "config", None), "vocab_size", 0) or 50_000)
    tokens = (GPU_LOGIT_BYTES if cuda else CPU_LOGIT_BYTES) // (8 * vocabulary)
    batch: list[tuple[int, ...]] = []
    for row in sorted(rows, key=lambda row: (-len(row), row)):
        if batch and (len(batch) == MOST_ROWS or (len(batch) + 1) * len(batch[0]) > tokens):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _logits(model: LoadedModel, rows: list[tuple[int, ...]]) -> list[Tensor]:
    """Return what the model holds of every next token of every row, (T, V) each."""
    parts = by_halves(
        lambda some: _forward(model, some),
        rows,
        lambda row: OutOfDeviceMemoryError(
            f"one question of {len(row):,} tokens does not fit on {model.device}",
            next_step="Use fewer few_shot, or a device with more memory.",
            device=str(model.device),
        ),
    )
    return [logits for part in parts for logits in part]


@torch.inference_mode()
def _forward(model: LoadedModel, rows: Sequence[tuple[int, ...]]) -> Tensor:
    ids, _ = padded(rows, model.device)
    network: Any = model.network
    logits: Tensor = network(input_ids=ids, use_cache=False).logits
    return logits


def _scored(logits: Tensor, continuation: Ids) -> Scored:
    logs = torch.log_softmax(logits[-len(continuation) :].float(), dim=-1)
    wanted = torch.tensor(list(continuation), device=logs.device)[-len(logs) :]
    total = float(logs.gather(1, wanted[:, None]).sum())
    if not torch.isfinite(torch.tensor(total)):
        raise NonFiniteStatesError(
            "the model's logits hold NaN or infinity",
            next_step="In float16 large activations overflow: use bfloat16 or float32.",
        )
    return Scored(total, bool((logs.argmax(-1) == wanted).all()))
