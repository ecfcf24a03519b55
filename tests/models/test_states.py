from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from linearity.contracts.families import LLAMA, Family
from linearity.errors import NonFiniteStatesError, RejectedInputError
from linearity.measure.windows import Window
from linearity.models.down import down_projection
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.states import record_states, source_of

WINDOWS = [[5, 9, 17, 3, 11, 60], [8, 2, 33], [70, 71, 72, 73]]


@pytest.fixture
def tiny() -> tuple[LlamaForCausalLM, LoadedModel]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=96,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        attn_implementation="eager",
    )
    network = LlamaForCausalLM(config).eval()
    return network, LoadedModel(find_layout(network), 16, torch.device("cpu"), lambda _: [], None)


@torch.inference_mode()
def test_states_are_those_of_an_independent_forward_and_the_last_is_before_the_final_norm(
    tiny: tuple[LlamaForCausalLM, LoadedModel],
) -> None:
    network, model = tiny
    states = record_states(model, [WINDOWS[0]])
    library = network(torch.tensor([WINDOWS[0]]), output_hidden_states=True).hidden_states

    assert states.shape == (6, 4, 16)
    for state in range(3):
        assert torch.allclose(states[:, state], library[state][0], atol=1e-6)
    # The library's last entry has passed the final norm; ours has not.
    assert torch.allclose(network.model.norm(states[:, 3]), library[3][0], atol=1e-6)
    assert not torch.allclose(states[:, 3], library[3][0], atol=1e-2)


def test_a_model_in_memory_gives_batches_and_apart_the_heldout_tokens_that_are_scored(
    tiny: tuple[LlamaForCausalLM, LoadedModel],
) -> None:
    _, model = tiny
    first = [
        Window(0, 0, tuple(WINDOWS[0]), "heldout", scored=(False, True, True, False, False, True)),
        Window(1, 0, tuple(WINDOWS[1]), "train"),
    ]
    second = [Window(2, 0, tuple(WINDOWS[2]), "heldout")]
    one, two = source_of(model).stream([first, second], ahead=lambda _done, _total: None)

    torch.testing.assert_close(one.states, record_states(model, WINDOWS[:2]))
    torch.testing.assert_close(one.heldout, one.states[[1, 2, 5]])
    torch.testing.assert_close(two.heldout, two.states)
    assert (one.windows, two.windows) == (first, second)


def test_padding_never_enters_and_changes_nothing(
    tiny: tuple[LlamaForCausalLM, LoadedModel],
) -> None:
    _, model = tiny
    together = record_states(model, WINDOWS)
    alone = torch.cat([record_states(model, [window]) for window in WINDOWS])

    assert together.shape[0] == sum(map(len, WINDOWS))
    assert torch.allclose(together, alone, atol=1e-6)


def test_a_state_that_is_not_finite_names_its_block(
    tiny: tuple[LlamaForCausalLM, LoadedModel],
) -> None:
    network, model = tiny
    with torch.no_grad():
        network.model.layers[1].mlp.down_proj.weight[0, 0] = torch.nan

    with pytest.raises(NonFiniteStatesError, match=r"state 2 .* block 1 produced it"):
        record_states(model, WINDOWS)


@pytest.mark.parametrize(
    ("family", "looked_for"),
    [
        (replace(LLAMA, decoder="transformer"), "no decoder .* looked for transformer"),
        (replace(LLAMA, blocks="h"), "no list of blocks .* looked for model.h"),
        (replace(LLAMA, norm="ln_f"), "no final norm .* looked for model.ln_f"),
        (replace(LLAMA, head="embed_out"), "no output embedding .* looked for embed_out"),
    ],
)
def test_an_unknown_layout_is_refused_with_what_was_looked_for(
    tiny: tuple[LlamaForCausalLM, LoadedModel], family: Family, looked_for: str
) -> None:
    with pytest.raises(RejectedInputError, match=looked_for):
        find_layout(tiny[0], family)


def test_a_block_without_a_down_projection_is_refused_with_what_was_looked_for(
    tiny: tuple[LlamaForCausalLM, LoadedModel],
) -> None:
    with pytest.raises(RejectedInputError, match=r"looked for mlp\.fc2"):
        down_projection(tiny[1].layout.blocks[0], replace(LLAMA, down="mlp.fc2"))


def test_no_hook_stays_behind(tiny: tuple[LlamaForCausalLM, LoadedModel]) -> None:
    network, model = tiny
    record_states(model, WINDOWS)

    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in network.modules())
