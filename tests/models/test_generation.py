"""Greedy answers: equal to a plain loop over the whole text, in a batch, padded, and changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from linearity.errors import NonFiniteStatesError, OutOfDeviceMemoryError, RunCancelledError
from linearity.models.changes import Changes, LinearBlock, Segment, dropped, kept
from linearity.models.generation import Answer, longest_input, write_answers
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out

TEXTS = [
    "The cat sat on the",
    "It was the best of times, it was",
    "Once",
    "Alice was beginning to get very tired of sitting by her sister on the bank, and",
]


@pytest.fixture
def prompts(glass: LoadedModel) -> list[list[int]]:
    return [glass.tokenize(text) for text in TEXTS]


def written(model: LoadedModel, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[Answer]:
    answers: dict[int, Answer] = {}
    for batch in write_answers(model, prompts, new_tokens=new_tokens):
        answers |= batch
    return [answers[k] for k in range(len(prompts))]


@torch.inference_mode()
def greedy(network: nn.Module, prompt: Sequence[int], steps: int) -> tuple[int, ...]:
    """Read the whole text again for every token: no cache, no padding, no `generate`."""
    ids = list(prompt)
    for _ in range(steps):
        logits = network(input_ids=torch.tensor([ids]), use_cache=False).logits
        ids.append(int(logits[0, -1].argmax()))
    return tuple(ids[len(prompt) :])


def without_stops(model: LoadedModel) -> LoadedModel:
    return replace(model, stops=())


def with_map(model: LoadedModel) -> Changes:
    """Block 2 becomes a map that treats the first token differently."""
    W = 0.1 * torch.randn(128, 128, generator=torch.Generator().manual_seed(0))
    linear = LinearBlock(W, torch.full((128,), 0.2), torch.full((128,), -3.0))
    return (kept(0), kept(1), Segment(2, 2, "2:linear", linear=linear), kept(3))


def test_a_batch_of_prompts_is_answered_as_a_plain_loop_answers_each(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    answers = written(without_stops(glass), prompts, 12)

    assert [a.tokens for a in answers] == [greedy(glass.network, p, 12) for p in prompts]
    assert not any(answer.stopped for answer in answers)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_model_without_a_block_is_answered_as_its_own_plain_loop(
    glass: LoadedModel, prompts: list[list[int]], first: int
) -> None:
    changes = (*(kept(block) for block in range(first)), dropped(first, first))
    changes = (*changes, *(kept(block) for block in range(first + 1, 4)))
    with carried_out(glass, changes) as network:
        answers = written(without_stops(glass), prompts, 12)
        expected = [greedy(network, prompt, 12) for prompt in prompts]

    assert [answer.tokens for answer in answers] == expected


def test_a_linear_block_finds_the_first_token_behind_padding_and_in_the_cache(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    with carried_out(glass, with_map(glass)) as network:
        answers = written(without_stops(glass), prompts, 12)
        expected = [greedy(network, prompt, 12) for prompt in prompts]

    assert [answer.tokens for answer in answers] == expected


def test_an_answer_ends_before_its_stop_token(glass: LoadedModel, prompts: list[list[int]]) -> None:
    free = written(without_stops(glass), prompts, 12)
    stop = free[0].tokens[5]
    answers = written(replace(glass, stops=(1, stop)), prompts, 12)

    for answer, whole in zip(answers, free, strict=True):
        ends = [k for k, token in enumerate(whole.tokens) if token in (1, stop)]
        assert answer.tokens == (whole.tokens[: ends[0]] if ends else whole.tokens)
        assert answer.stopped == bool(ends)
    assert answers[0].stopped


def test_a_stop_token_may_be_the_first_and_the_last_that_is_allowed(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    (free,) = written(without_stops(glass), prompts[:1], 4)

    at_once = written(replace(glass, stops=(free.tokens[0],)), prompts[:1], 4)
    assert at_once == [Answer((), True)]
    assert len(set(free.tokens)) == 4
    at_last = written(replace(glass, stops=(free.tokens[3],)), prompts[:1], 4)
    assert at_last == [Answer(free.tokens[:3], True)]


def test_batches_go_from_short_prompts_to_long_ones(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    many = [prompts[k % 4] for k in range(40)]
    batches = list(write_answers(glass, many, new_tokens=2))
    lengths = [[len(many[k]) for k in batch] for batch in batches]

    assert [len(batch) for batch in batches] == [32, 8]
    assert sorted(k for batch in batches for k in batch) == list(range(40))
    assert max(lengths[0]) <= min(lengths[1])


class Silent(nn.Module):
    """A network of any length that ends every answer at once."""

    def generate(self, **kwargs: torch.Tensor) -> torch.Tensor:
        return nn.functional.pad(kwargs["input_ids"], (0, 1), value=3)


def test_a_batch_of_long_prompts_holds_fewer_of_them(glass: LoadedModel) -> None:
    model = replace(glass, network=Silent(), stops=(3,))
    prompts = [[5] * length for length in (2000, 4000, 2600, 9000, 100)]
    batches = list(write_answers(model, prompts, new_tokens=90))

    # At most 8,192 tokens, as the longest prompt of a batch fills them; never less than one.
    assert [list(batch) for batch in batches] == [[4, 0, 2], [1], [3]]


def test_a_check_before_every_token_can_stop_in_the_middle_of_an_answer(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise RunCancelledError("stopped by the test")

    with pytest.raises(RunCancelledError):
        list(write_answers(without_stops(glass), prompts, new_tokens=12, check=check))

    assert len(calls) == 5


class Narrow(nn.Module):
    """A network on a device with room for a few prompts at once."""

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network, self.room, self.seen = network, room, list[int]()

    def generate(self, **kwargs: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(kwargs["input_ids"]))
        if self.seen[-1] > self.room:
            raise torch.OutOfMemoryError("no room")
        answer: torch.Tensor = self.network.generate(**kwargs)  # type: ignore[operator]
        return answer


def test_a_batch_that_does_not_fit_is_halved(glass: LoadedModel, prompts: list[list[int]]) -> None:
    narrow = Narrow(glass.network, room=1)
    answers = written(replace(glass, network=narrow), prompts, 6)

    assert narrow.seen == [4, 2, 1, 1, 2, 1, 1]
    assert answers == written(glass, prompts, 6)


def test_a_single_prompt_that_does_not_fit_is_an_error_with_numbers(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    model = replace(glass, network=Narrow(glass.network, room=0))

    with pytest.raises(OutOfDeviceMemoryError, match=r"one prompt of .* and its answer of 6"):
        written(model, prompts, 6)


@pytest.fixture
def broken(glass: LoadedModel) -> Iterator[LoadedModel]:
    weight = glass.layout.norm.weight
    assert isinstance(weight, nn.Parameter)
    with torch.no_grad():
        before = weight[0].clone()
        weight[0] = torch.nan
        yield glass
        weight[0] = before


def test_logits_that_are_not_finite_are_never_an_answer(
    broken: LoadedModel, prompts: list[list[int]]
) -> None:
    with pytest.raises(NonFiniteStatesError, match="logits hold NaN"):
        written(broken, prompts, 2)


def test_the_longest_input_is_what_the_configuration_says(glass: LoadedModel) -> None:
    assert longest_input(glass) == 128
    assert longest_input(replace(glass, network=nn.Module())) is None
