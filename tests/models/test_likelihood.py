"""Log-likelihoods of continuations: against one forward a row in float64; sharing, limits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from linearity.errors import NonFiniteStatesError, RunCancelledError
from linearity.models import likelihood
from linearity.models.generation import longest_input
from linearity.models.likelihood import Scored, is_cut, score_continuations
from linearity.models.loaded import LoadedModel

TEXTS = [
    ("The king", " was in his counting house"),
    ("The king", " slept"),
    ("A", " b"),
    ("Once upon a time there lived", " a very small dog."),
    ("Once upon a time there lived", " nobody"),
]


def pairs_of(model: LoadedModel) -> list[tuple[list[int], list[int]]]:
    return [(model.tokenize(context), model.tokenize(rest)) for context, rest in TEXTS]


def alone(model: LoadedModel, context: list[int], continuation: list[int]) -> float:
    """Return one row's log-likelihood, added up by numpy in float64."""
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([context + continuation])).logits[0]
    values = logits.double().numpy()
    logs = values - np.logaddexp.reduce(values, axis=1, keepdims=True)
    first = len(context)
    return float(sum(logs[first + k - 1, token] for k, token in enumerate(continuation)))


def test_every_row_is_scored_as_if_it_stood_alone(glass: LoadedModel) -> None:
    pairs = pairs_of(glass)
    scored = score_continuations(glass, pairs)

    for pair, found in zip(pairs, scored, strict=True):
        assert found.loglikelihood == pytest.approx(alone(glass, *pair), abs=1e-4)


def test_small_batches_give_the_same(glass: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = pairs_of(glass)
    together = score_continuations(glass, pairs)
    monkeypatch.setattr(likelihood, "MOST_ROWS", 1)
    apart = score_continuations(glass, pairs)

    assert [s.loglikelihood for s in apart] == pytest.approx(
        [s.loglikelihood for s in together], abs=1e-4
    )
    assert [s.is_greedy for s in apart] == [s.is_greedy for s in together]


def test_choices_of_one_token_share_a_forward(glass: LoadedModel) -> None:
    context = glass.tokenize("The answer is")
    tokens = [glass.tokenize(text)[0] for text in (" a", " b", " c", " d")]
    batches = []
    scored = score_continuations(
        glass, [(context, [token]) for token in tokens], check=lambda: batches.append(1)
    )

    assert len(batches) == 1
    assert [s.loglikelihood for s in scored] == pytest.approx(
        [alone(glass, context, [token]) for token in tokens], abs=1e-4
    )


def test_the_likeliest_continuation_is_greedy(glass: LoadedModel) -> None:
    context = glass.tokenize("The king was")
    with torch.inference_mode():
        best = int(glass.network(input_ids=torch.tensor([context])).logits[0, -1].argmax())

    assert score_continuations(glass, [(context, [best])])[0].is_greedy


def test_what_is_too_long_loses_its_beginning(glass: LoadedModel) -> None:
    limit = longest_input(glass)
    assert limit is not None
    long = (glass.tokenize("word ") * (limit + 50))[: limit + 40]
    rest = glass.tokenize(" end")
    whole = score_continuations(glass, [(long, rest)])
    cut = score_continuations(glass, [(long[-(limit - len(rest) + 1) :], rest)])

    assert is_cut(glass, long, rest)
    assert not is_cut(glass, long[:10], rest)
    assert whole == cut


def test_a_model_of_nans_is_an_error(glass: LoadedModel) -> None:
    class Broken(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, **_: object) -> object:
            shape = (*input_ids.shape, 10)
            return type("Output", (), {"logits": torch.full(shape, float("nan"))})()

    with pytest.raises(NonFiniteStatesError):
        score_continuations(replace(glass, network=Broken()), [([1, 2], [3])])


def test_a_stop_ends_between_batches(glass: LoadedModel) -> None:
    def stop() -> None:
        raise RunCancelledError("stopped by the test")

    with pytest.raises(RunCancelledError):
        score_continuations(glass, pairs_of(glass), check=stop)


def test_nothing_to_score_is_nothing(glass: LoadedModel) -> None:
    found: list[Scored] = score_continuations(glass, [])

    assert found == []
