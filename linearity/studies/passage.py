"""The kind `passage`: where a text of one's own is not linear, token by token, block by block."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from linearity.contracts.byte_texts import has_bytes
from linearity.contracts.linearity import TOKEN_CLASSES
from linearity.contracts.passage import (
    MOST_TOKENS,
    PassageParams,
    PassageReference,
    PassageToken,
)
from linearity.contracts.runs import RunWarning
from linearity.errors import InvalidParameterError
from linearity.measure.token_classes import text_classes
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.models.states import source_of
from linearity.studies.neighbour_maps import NeighbourMaps
from linearity.studies.passage_finding import passage_finding

MOST_PARTS = 8
"""So many tokens, at most, make up one character."""


@dataclass(frozen=True)
class PassageMeasurement:
    """All numbers of a run, before a result is made of them."""

    states: list[str]
    passage: list[PassageToken]
    error: list[list[float]]
    reference: PassageReference
    finding: dict[str, str]
    warnings: list[RunWarning]


def passage_ids(model: LoadedModel, text: str, *, most: int = MOST_TOKENS) -> list[int]:
    """Return the tokens of a passage, a leading BOS included where the tokenizer adds one.

    Raises
    ------
    InvalidParameterError
        If there are none, or more than `most`; it does not repeat the text.
    """
    ids = model.tokenize(text)
    prefix = [] if model.bos is None else [model.bos]
    if not 1 <= len(ids) <= most - len(prefix):
        raise InvalidParameterError(
            "text",
            wanted=f"a passage of 1 to {most - len(prefix):,} tokens of this model",
            got=len(ids),
            next_step="Take a shorter part of it." if ids else "Write more.",
        )
    return [*prefix, *ids]


def measure_passage(
    model: LoadedModel, ids: Sequence[int], maps: NeighbourMaps, params: PassageParams
) -> PassageMeasurement:
    """Score every token of a passage with the maps of a run.

    Parameters
    ----------
    model : LoadedModel
    ids : sequence of int
        As `passage_ids` gives them; read as one window.
    maps : NeighbourMaps
    params : PassageParams
    """
    window = Window(0, 0, tuple(ids), "heldout")
    [batch] = source_of(model).stream([[window]], ahead=lambda _done, _total: None)
    error = maps.token_errors(batch.states)
    classes = text_classes([ids], model.token_text, model.special)
    for place in maps.sinks(batch.states).nonzero().squeeze(1).tolist():
        classes[place] = TOKEN_CLASSES.index("sink")
    classes[0] = TOKEN_CLASSES.index("first")
    tokens = _tokens(model, ids, classes)
    reference = PassageReference(
        tokens=maps.errors.tokens,
        fit_tokens=maps.fit_tokens,
        mean=[1.0 - score for score in maps.scores],
        p50=maps.errors.p50,
        p95=maps.errors.p95,
        p99=maps.errors.p99,
    )
    counted = torch.tensor([token.token_class not in ("first", "sink") for token in tokens])
    return PassageMeasurement(
        states=[str(state) for state in range(model.states)],
        passage=tokens,
        error=error.tolist(),
        reference=reference,
        finding=passage_finding(error[counted.to(error.device)].cpu(), reference),
        warnings=[*_longer(len(ids), params.context), *maps.warnings],
    )


def _tokens(model: LoadedModel, ids: Sequence[int], classes: Sequence[int]) -> list[PassageToken]:
    texts = [model.token_text(token) for token in ids]
    parts = _parts(model, ids, texts)
    return [
        PassageToken(text, TOKEN_CLASSES[kind], *part)
        for text, kind, part in zip(texts, classes, parts, strict=True)
    ]


def _parts(model: LoadedModel, ids: Sequence[int], texts: Sequence[str]) -> list[tuple[str, int]]:
    """Return, for every token, the character that it is only a part of, and which part."""
    found = [("", 0)] * len(ids)
    place = 0
    while place < len(ids):
        size = _characters_size(model, ids, place) if has_bytes(texts[place]) else 1
        if size > 1:
            character = model.show(ids[place : place + size]).strip()
            for part in range(size):
                found[place + part] = (character, part + 1)
        place += size
    return found


def _characters_size(model: LoadedModel, ids: Sequence[int], start: int) -> int:
    """Return how many tokens from `start` make whole characters; 1 if none do."""
    for size in range(2, min(MOST_PARTS, len(ids) - start) + 1):
        if not has_bytes(model.show(ids[start : start + size])):
            return size
    return 1


def _longer(tokens: int, context: int) -> list[RunWarning]:
    if tokens <= context:
        return []
    return [
        RunWarning(
            "longer_than_context",
            f"The passage has {tokens:,} tokens; the maps were fitted on windows of {context:,}, "
            "so they know nothing of what stands farther in.",
            {"tokens": tokens, "context": context},
        )
    ]
