"""Names of states and transitions: of blocks, and of attention and MLP apart."""

from linearity.contracts.granularity import (
    BLOCK,
    SUBLAYER,
    state_name,
    state_names,
    transition_name,
    transitions,
    writer,
)


def test_blocks_are_numbers() -> None:
    assert state_names(2, BLOCK) == ["0", "1", "2"]
    assert transitions(2, BLOCK) == 2
    assert transition_name(1, BLOCK) == "1"
    assert [writer(state, BLOCK) for state in (0, 1)] == ["the embedding", "block 0"]


def test_sublayers_are_named_by_their_block() -> None:
    names = state_names(2, SUBLAYER)

    assert names == ["0", "0.attn", "1", "1.attn", "2"]
    assert transitions(2, SUBLAYER) == len(names) - 1
    assert [state_name(state, SUBLAYER) for state in range(5)] == names
    assert [transition_name(place, SUBLAYER) for place in range(4)] == [
        "0.attn", "0.mlp", "1.attn", "1.mlp",
    ]  # fmt: skip
    assert [writer(state, SUBLAYER) for state in (1, 4)] == [
        "the attention of block 0",
        "the MLP of block 1",
    ]
