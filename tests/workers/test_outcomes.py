"""Whatever stops a study becomes a problem that people can read."""

from typing import NoReturn

import pytest
import torch

from linearity.errors import LinearScopeError, RunCancelledError, TooFewTokensError
from workers.outcomes import Problem, result_or_problem


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (TooFewTokensError("only 100 tokens", got=100), "too_few_tokens", False),
        (torch.OutOfMemoryError("CUDA out of memory at /secret/path"), "out_of_memory", False),
        (MemoryError(), "out_of_memory", False),
        (RuntimeError("a bug in /secret/path"), "internal_error", True),
        (KeyError("secret"), "internal_error", True),
    ],
)
def test_an_error_becomes_a_problem_without_its_inner_text(
    error: Exception, code: str, retryable: bool
) -> None:
    problem = result_or_problem(lambda: raise_it(error))
    assert isinstance(problem, Problem)

    assert (problem.value["code"], problem.value["retryable"]) == (code, retryable)
    assert problem.value["message"]
    assert "secret" not in str(problem.value)


def test_an_expected_error_keeps_its_words_and_data() -> None:
    error = LinearScopeError("said this", next_step="do that", got=7)
    problem = result_or_problem(lambda: raise_it(error))

    assert isinstance(problem, Problem)
    assert problem.value["message"] == "said this"
    assert (problem.value["next_step"], problem.value["data"]) == ("do that", {"got": 7})


def test_a_cancellation_is_not_a_problem() -> None:
    with pytest.raises(RunCancelledError):
        result_or_problem(lambda: raise_it(RunCancelledError("stop")))


def test_a_result_passes() -> None:
    assert result_or_problem(lambda: 42) == 42


def raise_it(error: Exception) -> NoReturn:
    raise error
