"""What both models are timed with: how long prompts and answers are, and the prompts themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch import Tensor

from linearity.contracts.answers import AnswersParams
from linearity.contracts.common import SplitFacts
from linearity.contracts.inputs import Document
from linearity.contracts.speed import USUAL_NEW_TOKENS, USUAL_PROMPT_TOKENS, SpeedParams
from linearity.contracts.timings import Lengths
from linearity.models.generation import longest_input
from linearity.models.loaded import LoadedModel
from linearity.studies.material import Material
from linearity.studies.prompts import Prompt, take_prompts

MOST_RECORDS = 512
PIECE = 32
"""Tokens of a piece of plain text; pieces are read one after the other, so it decides nothing."""
FEWEST = 2
_SPLITS = ("select", "fit")  # split B stays closed


@dataclass(frozen=True)
class SpeedPrompts:
    """Prompts of one length.

    Parameters
    ----------
    lengths : Lengths
        With both token counts settled.
    stream : list of int
        Tokens of the dataset's prompts, one prompt after the other.
    bos : int or None
    facts : dict of split to SplitFacts
        What was read of each.
    """

    lengths: Lengths
    stream: list[int]
    bos: int | None
    facts: dict[str, SplitFacts]

    @property
    def prompt_tokens(self) -> int:
        """Length of every prompt."""
        assert self.lengths.prompt_tokens is not None
        return self.lengths.prompt_tokens

    @property
    def new_tokens(self) -> int:
        """Length of every answer."""
        assert self.lengths.new_tokens is not None
        return self.lengths.new_tokens

    def batch(self, size: int, number: int, device: torch.device) -> Tensor:
        """Return the (size, T) ids of the batch with some number; each has other text."""
        before = [] if self.bos is None else [self.bos]
        length = self.prompt_tokens - len(before)
        first = number * size * length
        places = np.arange(first, first + size * length) % len(self.stream)
        rows = np.asarray(self.stream)[places].reshape(size, length).tolist()
        return torch.tensor([before + row for row in rows], device=device)


def speed_prompts(
    material: Material, params: SpeedParams, records: Sequence[Document]
) -> SpeedPrompts:
    """Return the prompts of a run, as long as it asks, or as the dataset's records are.

    Raises
    ------
    TooFewTokensError
        If the dataset has no prompt at all.
    """
    model = material.model
    taken = take_prompts(material, _asking(params), records, _SPLITS).prompts
    asked = [prompt for prompt in taken if records[prompt.document].prompt is not None]
    answered = [prompt.reference for prompt in asked if prompt.reference]
    prompts = [len(prompt.ids) for prompt in asked]
    responses = [len(model.tokenize(text)) for text in answered]
    given = params.prompt_tokens != "auto" and params.new_tokens != "auto"
    source = "given" if given else "records" if asked else "texts"
    prompt_tokens, new_tokens = _settled(params, model, prompts, responses)
    return SpeedPrompts(
        lengths=Lengths(
            source=source,
            records=len(asked),
            prompt_tokens=prompt_tokens,
            new_tokens=new_tokens,
            prompt_p50=_percentile(prompts, 50),
            prompt_p95=_percentile(prompts, 95),
            response_p50=_percentile(responses, 50),
            response_p95=_percentile(responses, 95),
        ),
        stream=[token for prompt in taken for token in prompt.ids if token != model.bos],
        bos=model.bos,
        facts=_facts(material, params, taken),
    )


def _asking(params: SpeedParams) -> AnswersParams:
    """Return what takes prompts as the kind `answers` would."""
    return AnswersParams(
        plan=params.plan,
        fitting=params.fitting,
        prompts=MOST_RECORDS,
        prompt_tokens=PIECE,
        new_tokens=1,
        canaries=[],
        **vars(params.sampling),
    )


def _settled(
    params: SpeedParams, model: LoadedModel, prompts: Sequence[int], responses: Sequence[int]
) -> tuple[int, int]:
    """Return both lengths: as asked, else the records' medians, within what the model reads."""
    longest = longest_input(model)
    room = FEWEST if isinstance(params.prompt_tokens, str) else params.prompt_tokens
    wanted = round(median(responses)) if responses else USUAL_NEW_TOKENS
    new_tokens = _auto(params.new_tokens, wanted, longest, beside=room)
    wanted = round(median(prompts)) if prompts else USUAL_PROMPT_TOKENS
    return _auto(params.prompt_tokens, wanted, longest, beside=new_tokens), new_tokens


def _auto(asked: int | str, wanted: int, longest: int | None, *, beside: int) -> int:
    if isinstance(asked, int):
        return asked
    return max(FEWEST, wanted if longest is None else min(wanted, longest - beside))


def _percentile(values: Sequence[int], share: float) -> float | None:
    return float(np.percentile(values, share)) if values else None


def _facts(
    material: Material, params: SpeedParams, taken: Sequence[Prompt]
) -> dict[str, SplitFacts]:
    facts = {}
    for split in ("fit", "select", "report"):
        read = [prompt for prompt in taken if prompt.split == split]
        documents = {prompt.document for prompt in read}
        tokens = sum(len(prompt.ids) for prompt in read)
        if split == "fit" and params.fits:
            documents = {window.document for window in material.fit_windows}
            tokens = sum(len(window.ids) for window in material.fit_windows)
        facts[split] = SplitFacts(len(material.documents_of(split)), len(documents), tokens)
    return facts
