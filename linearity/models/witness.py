"""What a whole network computes on some windows, so that another process can compute the same.

Both sides run these lines: the process that has a plan in memory, and the fresh one that has
loaded the export from the disk. What differs between them is then the model, not the arithmetic.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from linearity.measure.windows import Window

MOST_TOKENS = 4096
LOGIT_BYTES = 128 << 20
"""Logits that are kept, of the first predictions, in float32."""
BATCH_TOKENS, BATCH_LOGITS = 2048, 1 << 27
PROMPTS, PROMPT_TOKENS, NEW_TOKENS = 2, 16, 16

Check = Callable[[], None]


@dataclass(frozen=True)
class Questions:
    """What both processes are asked.

    Parameters
    ----------
    ids : (W, T) int64
        Windows, padded on the right with 0.
    lengths : (W,) int64
    scored : (W, T) bool
        Which tokens count as predictions; never a window's first.
    prompts : (P, T) int64
        Beginnings of windows, all of one length.
    """

    ids: Tensor
    lengths: Tensor
    scored: Tensor
    prompts: Tensor

    @classmethod
    def about(cls, windows: Sequence[Window], *, longest: int | None) -> Self:
        """Return questions about the first windows; `longest` is what the model takes at most."""
        kept = list(_first(windows))
        width = max(len(window.ids) for window in kept)
        ids = torch.zeros(len(kept), width, dtype=torch.long)
        scored = torch.zeros(len(kept), width, dtype=torch.bool)
        for row, window in enumerate(kept):
            length = len(window.ids)
            ids[row, :length] = torch.tensor(window.ids)
            marks = [True] * length if window.scored is None else window.scored
            scored[row, :length] = torch.tensor(marks)
        scored[:, 0] = False
        lengths = torch.tensor([len(window.ids) for window in kept])
        room = PROMPT_TOKENS if longest is None else min(PROMPT_TOKENS, longest - NEW_TOKENS)
        beginning = max(1, min(room, int(lengths[:PROMPTS].min())))
        return cls(ids, lengths, scored, ids[:PROMPTS, :beginning].contiguous())

    def batches(self, vocabulary: int) -> Iterator[slice]:
        """Yield rows that go through the network at once."""
        tokens = max(1, min(BATCH_TOKENS, BATCH_LOGITS // vocabulary))
        rows = max(1, tokens // self.ids.shape[1])
        for start in range(0, len(self.ids), rows):
            yield slice(start, start + rows)


@dataclass(frozen=True)
class Witness:
    """What a network answered, on the CPU.

    Parameters
    ----------
    nll : (n,) float64
        Of every scored token, nats.
    top : (n,) int64
        The likeliest token in its place.
    logits : (m, V) float32
        Those of the first m of them.
    cached, uncached : (P, G) int64
        Greedy decoding behind the prompts, with and without the cache.
    """

    nll: Tensor
    top: Tensor
    logits: Tensor
    cached: Tensor
    uncached: Tensor


def as_tensors(value: Questions | Witness) -> dict[str, Tensor]:
    """Return the tensors by name."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


@torch.inference_mode()
def witness(network: Any, questions: Questions, check: Check = lambda: None) -> Witness:
    """Ask a causal language model of transformers, or one that is changed in place.

    Parameters
    ----------
    network : PreTrainedModel
    questions : Questions
    check : callable, optional
        Called between batches; may raise to stop.
    """
    device, vocabulary = network.device, network.config.vocab_size
    nll: list[Tensor] = []
    top: list[Tensor] = []
    kept: list[Tensor] = []
    room = LOGIT_BYTES // (4 * vocabulary)
    for rows in questions.batches(vocabulary):
        check()
        width = int(questions.lengths[rows].max())
        ids = questions.ids[rows, :width].to(device)
        mask = torch.arange(width) < questions.lengths[rows, None]
        logits = network(input_ids=ids, attention_mask=mask.to(device)).logits
        scored = questions.scored[rows, 1:width].to(device)
        read = logits[:, :-1][scored].float()
        targets = ids[:, 1:][scored]
        loss = torch.logsumexp(read, 1).double() - read.gather(1, targets[:, None])[:, 0].double()
        nll.append(loss.cpu())
        top.append(read.argmax(1).cpu())
        kept.append(read[: max(room, 0)].cpu())
        room -= len(kept[-1])
    cached, uncached = (_continued(network, questions, cache, check) for cache in (True, False))
    return Witness(torch.cat(nll), torch.cat(top), torch.cat(kept), cached, uncached)


def _first(windows: Sequence[Window]) -> Iterator[Window]:
    tokens = 0
    for window in windows:
        if tokens >= MOST_TOKENS:
            return
        tokens += len(window.ids)
        yield window


def _continued(network: Any, questions: Questions, cache: bool, check: Check) -> Tensor:
    from transformers import GenerationConfig

    check()
    prompts = questions.prompts.to(network.device)
    written: Tensor = network.generate(
        input_ids=prompts,
        attention_mask=torch.ones_like(prompts),
        generation_config=GenerationConfig(
            do_sample=False,
            num_beams=1,
            use_cache=cache,
            max_new_tokens=NEW_TOKENS,
            pad_token_id=0,
        ),
    )
    return written[:, prompts.shape[1] :].cpu().contiguous()
