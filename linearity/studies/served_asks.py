"""What two servers are asked: the prompts of a dataset, with the lengths of its own answers."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from linearity.contracts.exchanges import Ask
from linearity.contracts.inputs import Document, Message
from linearity.contracts.scripts import question_of
from linearity.contracts.served import ServedParams
from linearity.contracts.timings import Lengths
from linearity.errors import TooFewTokensError

TEXT_PROMPT_TOKENS, TEXT_NEW_TOKENS = 128, 32
FEWEST_NEW_TOKENS = 2
"""A token after the first is what decoding is timed by."""


@dataclass(frozen=True)
class TextTools:
    """The little of a tokenizer that lengths need.

    Parameters
    ----------
    tokenize : callable
        Text to ids.
    detokenize : callable
        Ids to text.
    context : int
        Longest prompt and answer together.
    """

    tokenize: Callable[[str], list[int]]
    detokenize: Callable[[Sequence[int]], str]
    context: int


@dataclass(frozen=True)
class Asks:
    """The requests of a run, in the order in which they are taken.

    Parameters
    ----------
    asks : list of Ask
    lengths : Lengths
    is_chat : bool
        Whether they are conversations rather than texts to be continued.
    too_long : int
        Records that were passed over, because they and their answer are longer than the model's
        input.
    """

    asks: list[Ask]
    lengths: Lengths
    is_chat: bool
    too_long: int


def make_asks(records: Sequence[Document], params: ServedParams, tools: TextTools) -> Asks:
    """Return what is asked: records with a prompt where there are any, else pieces of texts.

    Raises
    ------
    TooFewTokensError
        If there is nothing to ask.
    """
    ordered = [records[k] for k in _order(len(records), params.seed)]
    asked = [record for record in ordered if record.prompt is not None]
    found = _of_records(asked, params, tools) if asked else _of_texts(ordered, params, tools)
    if not found.asks:
        raise TooFewTokensError(
            "the dataset holds no prompt that fits the model's input of "
            f"{tools.context:,} tokens together with its answer",
            next_step="Use a dataset with shorter prompts, or fewer prompt_tokens and new_tokens.",
        )
    return found


def most_asks(params: ServedParams) -> int:
    """Return how many different requests a run can use: those of all its loads."""
    rounds = params.pairs + params.warmup
    return rounds * sum(map(params.requests_at, params.concurrency))


def _order(count: int, seed: int) -> list[int]:
    """Return an order that depends on nothing but the seed and the places of the records."""
    return sorted(range(count), key=lambda k: hashlib.sha256(f"{seed}:{k}".encode()).digest())


def _of_records(records: Sequence[Document], params: ServedParams, tools: TextTools) -> Asks:
    asks: list[Ask] = []
    prompts: list[int] = []
    responses: list[int] = []
    too_long, most = 0, most_asks(params)
    for record in records:
        messages = question_of(record)
        text = "\n".join(message.content for message in messages)
        ids = tools.tokenize(text)
        if isinstance(params.prompt_tokens, int) and len(ids) > params.prompt_tokens:
            ids = ids[: params.prompt_tokens]
            text = tools.detokenize(ids)
            messages = (Message("user", text),)
        response = len(tools.tokenize(record.response)) if record.response else None
        wanted = _new_tokens(params, response)
        if not ids or len(ids) + wanted > tools.context:
            too_long += 1
            continue
        asks.append(Ask(text, messages, wanted))
        prompts.append(len(ids))
        responses += [] if response is None else [response]
        if len(asks) == most:
            break
    return Asks(asks, _lengths("records", params, prompts, responses), True, too_long)


def _of_texts(records: Sequence[Document], params: ServedParams, tools: TextTools) -> Asks:
    """Return a piece of each text in turn, then the next piece of each, until they end."""
    size = TEXT_PROMPT_TOKENS if isinstance(params.prompt_tokens, str) else params.prompt_tokens
    wanted = _new_tokens(params, None)
    size = min(size, tools.context - wanted)
    if size < 1:
        return Asks([], Lengths("texts", 0), False, len(records))
    most = most_asks(params)
    texts = [tools.tokenize(record.text) for record in records[:most]]
    asks: list[Ask] = []
    for start in range(0, max(map(len, texts), default=0), size):
        for ids in texts:
            piece = ids[start : start + size]
            if len(piece) == size or (start == 0 and piece):
                text = tools.detokenize(piece)
                asks.append(Ask(text, (Message("user", text),), wanted))
        if len(asks) >= most:
            break
    source = "texts" if "auto" in (params.prompt_tokens, params.new_tokens) else "given"
    return Asks(asks, Lengths(source, 0, size, wanted), False, 0)


def _new_tokens(params: ServedParams, response: int | None) -> int:
    if isinstance(params.new_tokens, int):
        return params.new_tokens
    return TEXT_NEW_TOKENS if response is None else max(response, FEWEST_NEW_TOKENS)


def _lengths(
    source: str, params: ServedParams, prompts: Sequence[int], responses: Sequence[int]
) -> Lengths:
    return Lengths(
        source=source,
        records=len(prompts),
        prompt_tokens=None,
        new_tokens=params.new_tokens if isinstance(params.new_tokens, int) else None,
        prompt_p50=_percentile(prompts, 50),
        prompt_p95=_percentile(prompts, 95),
        response_p50=_percentile(responses, 50),
        response_p95=_percentile(responses, 95),
    )


def _percentile(values: Sequence[int], share: float) -> float | None:
    return float(np.percentile(values, share)) if values else None
