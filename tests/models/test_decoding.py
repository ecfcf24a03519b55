"""One timed answer: what generate writes, one clock a step, the cache that grows."""

from typing import Any, cast

import pytest
import torch

from linearity.errors import RunCancelledError
from linearity.models.changes import dropped, kept
from linearity.models.decoding import decode
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out


@pytest.fixture(scope="module")
def prompts() -> torch.Tensor:
    return torch.arange(5, 29).reshape(2, 12)


def test_it_writes_what_generate_writes(glass: LoadedModel, prompts: torch.Tensor) -> None:
    network = cast(Any, glass.network)
    greedy = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = network.generate(input_ids=prompts, max_new_tokens=6, **greedy)
    assert torch.equal(decode(glass.network, prompts, 6).tokens, expected[:, 12:])


def test_every_token_has_its_own_time(glass: LoadedModel, prompts: torch.Tensor) -> None:
    seen: list[int] = []
    decoded = decode(glass.network, prompts, 6, after=seen.append)
    assert seen == [*range(6)]
    assert len(decoded.steps_s) == 5
    assert min(decoded.first_s, *decoded.steps_s) > 0
    assert decoded.request_s == pytest.approx(decoded.first_s + sum(decoded.steps_s))


def test_the_cache_holds_keys_and_values_of_every_block_that_runs(
    glass: LoadedModel, prompts: torch.Tensor
) -> None:
    config = cast(Any, glass.network.config)
    heads, width = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
    token = 2 * heads * width * 4 * len(prompts)
    assert decode(glass.network, prompts, 6).cache_bytes == (4 * 12 * token, 4 * 17 * token)
    with carried_out(glass, (kept(0), dropped(1, 1), kept(2), kept(3))) as network:
        assert decode(network, prompts, 6).cache_bytes == (3 * 12 * token, 3 * 17 * token)


def test_it_stops_between_two_tokens(glass: LoadedModel, prompts: torch.Tensor) -> None:
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) == 3:
            raise RunCancelledError("stopped by the test")

    with pytest.raises(RunCancelledError):
        decode(glass.network, prompts, 6, check=check)
    assert len(asked) == 3
