"""Per-block fields of a configuration follow the blocks that are left."""

from typing import Any

import pytest
from transformers import (
    Gemma3TextConfig,
    LlamaConfig,
    Qwen2Config,
    Qwen3MoeConfig,
    SmolLM3Config,
)

from linearity.models.changes import dropped, kept
from linearity.models.slicing import entries_of, sliced_config, uneven_fields

SLIDING, FULL = "sliding_attention", "full_attention"


def test_words_a_block_are_cut_by_the_same_indices() -> None:
    config = Gemma3TextConfig(num_hidden_layers=6, sliding_window_pattern=3)
    cut = sliced_config(config, [0, 2, 3, 5])

    assert cut.layer_types == [SLIDING, FULL, SLIDING, FULL]
    assert cut.num_hidden_layers == 4
    assert "sliding_window_pattern" not in str(cut.to_diff_dict())
    assert config.num_hidden_layers == 6


def test_positions_that_are_not_rotated_follow_their_blocks() -> None:
    config = SmolLM3Config(num_hidden_layers=8, no_rope_layer_interval=4)
    cut = sliced_config(config, [0, 1, 3, 6, 7])

    assert cut.no_rope_layers == [1, 1, 0, 1, 0]
    assert "no_rope_layer_interval" not in cut.to_diff_dict()
    assert type(cut)(**cut.to_diff_dict()).no_rope_layers == [1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("first", "left", "wanted"),
    [(3, [0, 2, 3, 4], 2), (3, [3, 4], 0), (28, [0, 1], 28), (5, [0, 4], 5), (4, [0, 1, 4], 2)],
)
def test_windows_begin_at_the_entry_of_the_block_where_they_began(
    first: int, left: list[int], wanted: int
) -> None:
    config = Qwen2Config(
        num_hidden_layers=5, max_window_layers=first, use_sliding_window=True, sliding_window=8
    )
    cut = sliced_config(config, left)

    assert cut.max_window_layers == wanted
    # What an older reader makes of the number is what the list says.
    begun = [SLIDING if k >= cut.max_window_layers else FULL for k in range(len(left))]
    assert cut.layer_types == begun


def test_plain_blocks_among_experts_are_named_by_their_new_places() -> None:
    config = Qwen3MoeConfig(num_hidden_layers=6, decoder_sparse_step=2, mlp_only_layers=[3])
    cut = sliced_config(config, [1, 2, 3, 5])

    # Blocks 1 and 5 have experts: 3 is named, the others are left out by the step.
    assert (cut.mlp_only_layers, cut.decoder_sparse_step) == ([1, 2], 1)
    assert uneven_fields(cut) == ["mlp_only_layers"]


def test_a_list_of_as_many_tokens_as_blocks_is_no_list_of_blocks() -> None:
    config = LlamaConfig(num_hidden_layers=3, eos_token_id=[1, 2, 3])

    assert sliced_config(config, [0, 2]).eos_token_id == [1, 2, 3]


def test_entries_are_what_runs_in_order() -> None:
    entries = entries_of((kept(0), dropped(1, 2), kept(3)))
    config: Any = LlamaConfig(num_hidden_layers=4)

    assert [entry.origin for entry in entries] == [[0, 0], [3, 3]]
    assert [entry.source for entry in entries] == [0, 3]
    assert uneven_fields(sliced_config(config, [0, 3])) == []
