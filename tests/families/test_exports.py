"""Every family exported: transformers alone loads what was written and computes the same."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, GenerationConfig

from linearity.adapters.weight_writer import write_weights
from linearity.contracts.families import FAMILIES
from linearity.measure.windows import Window
from linearity.models.architectures import linear_config
from linearity.models.changed_weights import changed_weights, weight_numbers
from linearity.models.changes import AffineMap, Changes, Segment, dropped, kept
from linearity.models.down import Down, read_down
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.slicing import entries_of, sliced_config
from linearity.models.surgery import carried_out
from linearity.models.witness import NEW_TOKENS, Questions, witness
from tests.families.tiny import BLOCKS, VARIANTS, build

ROUNDING = 2e-6
SMALL_SHARDS = 20_000


def model_of(variant: str) -> LoadedModel:
    family = FAMILIES[VARIANTS[variant][0]]
    network: Any = build(variant, attention=family.attentions[0])
    network.generation_config = GenerationConfig()
    return LoadedModel(
        layout=find_layout(network, family),
        width=16,
        device=torch.device("cpu"),
        tokenize=lambda text: [],
        bos=None,
        network=network,
    )


def merged_into(model: LoadedModel, block: int) -> Changes:
    """Return the model whose `block` stands for the next one, too."""
    dense = read_down(model.layout.blocks[block], model.layout.family)
    bias = None if dense.bias is None else 1.5 * dense.bias
    together = Segment(block, block + 1, "merged", block=block, down=Down(1.5 * dense.weight, bias))
    return tuple(
        together if other == block else kept(other) for other in range(BLOCKS) if other != block + 1
    )


def changes_of(model: LoadedModel, action: str) -> Changes:
    if action == "merged":
        return merged_into(model, 1)
    return (kept(0), dropped(1, 1), kept(2), kept(3))


CASES = [
    (variant, action)
    for variant, (name, _) in VARIANTS.items()
    for action in ("drop", "merged")
    if not FAMILIES[name].refusal(action)
]


def some_windows(vocabulary: int) -> list[Window]:
    numbers = torch.Generator().manual_seed(5)
    return [
        Window(k, 0, tuple(torch.randint(3, vocabulary, (20 + k,), generator=numbers).tolist()),
               "heldout")
        for k in range(4)
    ]  # fmt: skip


@pytest.mark.parametrize(("variant", "action"), CASES)
def test_the_library_loads_an_export_and_computes_what_the_plan_computes(
    variant: str, action: str, tmp_path: Path
) -> None:
    model = model_of(variant)
    network: Any = model.network
    changes = changes_of(model, action)
    entries = entries_of(changes)
    questions = Questions.about(some_windows(network.config.vocab_size), longest=128)
    with carried_out(model, changes) as changed:
        plan = witness(changed, questions)
    with changed_weights(model, entries) as weights:
        numbers, _ = weight_numbers(weights)
        write_weights(tmp_path, weights, max_shard_bytes=SMALL_SHARDS, check=lambda _: None)
    cut = sliced_config(network.config, [entry.source for entry in entries])
    cut.architectures = [type(network).__name__]
    cut.save_pretrained(tmp_path)

    loaded, info = AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation=model.layout.family.attentions[0]
    )
    loaded.eval()
    loaded.generation_config = GenerationConfig()
    answers = witness(loaded, questions)

    assert {name: found for name, found in info.items() if found} == {}
    assert type(loaded) is type(network)
    assert sum(p.numel() for p in loaded.parameters()) == numbers
    # The one family whose queries make up for another scale rounds; all others are exact.
    exact = not getattr(network.config, "scale_attn_by_inverse_layer_idx", False)
    assert float((answers.logits - plan.logits).abs().max()) <= (0.0 if exact else ROUNDING)
    assert torch.equal(answers.cached, plan.cached)
    assert torch.equal(answers.cached, answers.uncached)


LINEAR = [v for v, (name, _) in VARIANTS.items() if not FAMILIES[name].linear_refusal]


def with_linear(model: LoadedModel, *blocks: int) -> Changes:
    """Return the model with a map in the place of each of `blocks`."""
    numbers = torch.Generator().manual_seed(9)

    def linear(block: int) -> Segment:
        W = 0.05 * torch.randn(16, 16, generator=numbers).double()
        b, first = torch.randn(2, 16, generator=numbers).double()
        return Segment(
            block, block, f"{block}", linear=AffineMap(W, b, first).module(torch.float32)
        )

    return tuple(linear(k) if k in blocks else kept(k) for k in range(BLOCKS))


@pytest.mark.parametrize("variant", LINEAR)
@pytest.mark.parametrize("blocks", [(0,), (1, 3)])
def test_the_library_loads_linear_blocks_once_their_type_is_registered(
    variant: str, blocks: tuple[int, ...], tmp_path: Path
) -> None:
    model = model_of(variant)
    network: Any = model.network
    changes = with_linear(model, *blocks)
    entries = entries_of(changes)
    questions = Questions.about(some_windows(network.config.vocab_size), longest=128)
    with carried_out(model, changes) as changed:
        plan = witness(changed, questions)
    with changed_weights(model, entries) as weights:
        write_weights(tmp_path, weights, max_shard_bytes=10**9, check=lambda _: None)
    cut = sliced_config(network.config, [entry.source for entry in entries])
    linear_config(cut, list(blocks)).save_pretrained(tmp_path)

    loaded, info = AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation=model.layout.family.attentions[0]
    )
    loaded.eval()
    loaded.generation_config = GenerationConfig()
    answers = witness(loaded, questions)
    left = padded_left(loaded, questions)

    assert {name: found for name, found in info.items() if found} == {}
    assert loaded.config.model_type == f"linearscope_{VARIANTS[variant][0]}"
    assert isinstance(loaded, type(network))
    exact = not getattr(network.config, "scale_attn_by_inverse_layer_idx", False)
    assert float((answers.logits - plan.logits).abs().max()) <= (0.0 if exact else ROUNDING)
    assert torch.equal(answers.cached, plan.cached)
    assert torch.equal(answers.cached, answers.uncached)
    # Position 0 is the first token, wherever padding puts it.
    assert torch.equal(left, answers.cached)


def padded_left(network: Any, questions: Questions) -> torch.Tensor:
    """Return what is written behind the prompts when padding stands before them."""
    padding = torch.zeros(len(questions.prompts), 3, dtype=torch.long)
    ids = torch.cat([padding, questions.prompts], 1)
    mask = torch.cat([padding, torch.ones_like(questions.prompts)], 1)
    written: torch.Tensor = network.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        pad_token_id=0,
    )
    return written[:, ids.shape[1] :]


@pytest.mark.parametrize("variant", ["mixtral", "qwen3_moe with plain blocks", "llama", "gpt2"])
def test_the_library_saves_under_the_names_that_were_written(variant: str, tmp_path: Path) -> None:
    model = model_of(variant)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    with changed_weights(model, entries_of(tuple(map(kept, range(BLOCKS))))) as weights:
        write_weights(ours, weights, max_shard_bytes=10**9, check=lambda _: None)
    network: Any = model.network
    network.save_pretrained(theirs)

    with (
        safe_open(ours / "model.safetensors", framework="pt") as one,
        safe_open(theirs / "model.safetensors", framework="pt") as other,
    ):
        assert set(one.keys()) == set(other.keys())
        for name in one.keys():  # noqa: SIM118  # no mapping
            assert torch.equal(one.get_tensor(name), other.get_tensor(name))


def test_the_dense_model_is_left_as_it_was() -> None:
    model = model_of("gpt2 with other scales")
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    with changed_weights(model, entries_of(merged_into(model, 2))):
        pass

    after = model.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_shards_have_an_index_that_names_every_weight(tmp_path: Path) -> None:
    model = model_of("qwen3")
    with changed_weights(model, entries_of(changes_of(model, "drop"))) as weights:
        names = write_weights(tmp_path, weights, max_shard_bytes=SMALL_SHARDS, check=lambda _: None)
        index = json.loads((tmp_path / "model.safetensors.index.json").read_text())

        assert len(names) > 1
        assert set(index["weight_map"]) == set(weights)
        assert set(index["weight_map"].values()) == set(names)
        assert index["metadata"] == dict(
            zip(("total_parameters", "total_size"), weight_numbers(weights), strict=True)
        )
