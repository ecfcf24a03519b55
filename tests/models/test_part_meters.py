"""Parts of every family: nothing counts twice or is forgotten; operations are the formula's."""

from typing import Any, cast

import pytest
import torch

from linearity.contracts.families import FAMILIES
from linearity.models.changes import LinearBlock, Segment, dropped, kept
from linearity.models.decoding import decode
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.part_meters import counted_operations, seconds_meter
from linearity.models.parts import WHOLE_BLOCK, count, parts_of, weights_of
from linearity.models.surgery import carried_out
from tests.families.tiny import LLAMA_SIZES, VARIANTS, build

CAUSAL = [name for name, (family, _) in VARIANTS.items() if not FAMILIES[family].is_encoder]
OUTER = ("embedding", WHOLE_BLOCK, "final_norm", "head")
PROMPT = torch.arange(3, 15)[None]


def tiny(variant: str, attention: str | None = None) -> LoadedModel:
    family = FAMILIES[VARIANTS[variant][0]]
    network = build(variant, attention=attention or family.attentions[0])
    layout = find_layout(network, family)
    return LoadedModel(layout, 16, torch.device("cpu"), lambda _: [], None, network=network)


def operations(model: LoadedModel) -> tuple[float, dict[tuple[int | None, str], float]]:
    parts = parts_of(model)
    with counted_operations(parts) as (counter, meter):
        decode(model.network, PROMPT, 1)
    names = [(part.block, part.name) for part in parts]
    return counter.get_total_flops(), dict(zip(names, meter.take(), strict=True))


@pytest.mark.parametrize("variant", CAUSAL)
def test_parts_hold_every_weight_and_every_operation_once(variant: str) -> None:
    model = tiny(variant)
    parts = parts_of(model)
    outer = [module for part in parts if part.name in OUTER for module in part.modules]
    assert count(weights_of(outer)) == count(weights_of([model.network]))
    total, taken = operations(model)
    assert sum(taken[name] for name in taken if name[1] in OUTER) == total
    for block in range(len(model.layout.blocks)):
        inner = [part for part in parts if part.block == block and part.name != WHOLE_BLOCK]
        assert {part.name for part in inner} >= {"norms", "attention", "mlp"}
        assert sum(taken[block, part.name] for part in inner) == taken[block, WHOLE_BLOCK]
        modules = [module for part in inner for module in part.modules]
        assert count(weights_of(modules)) == count(weights_of([model.layout.blocks[block]]))


@pytest.mark.parametrize("variant", ["llama", "qwen3", "mistral", "gpt2", "falcon"])
def test_operations_do_not_depend_on_how_attention_is_implemented(variant: str) -> None:
    if FAMILIES[VARIANTS[variant][0]].attentions == ("sdpa",):
        pytest.skip("this family has one implementation")
    assert operations(tiny(variant, "eager")) == operations(tiny(variant, "sdpa"))


def test_operations_of_a_llama_are_the_formula() -> None:
    d, inner, tokens = 16, 24, PROMPT.shape[1]
    keys = d // LLAMA_SIZES["num_attention_heads"] * LLAMA_SIZES["num_key_value_heads"]
    attention = 2 * tokens * (2 * d * d + 2 * d * keys) + 4 * tokens * tokens * d
    mlp = 2 * tokens * 3 * d * inner
    _, taken = operations(tiny("llama"))
    assert taken[0, "attention"] == attention
    assert taken[0, "mlp"] == mlp
    assert taken[None, "head"] == 2 * d * LLAMA_SIZES["vocab_size"]  # of the last token alone


def test_seconds_of_parts_lie_within_those_of_their_block() -> None:
    model = tiny("llama")
    parts = parts_of(model)
    taken: list[list[float]] = []
    meter = seconds_meter(parts, model.device)
    with meter.attached():
        decode(model.network, PROMPT, 3, after=lambda _: taken.append(meter.take()))
    assert len(taken) == 3
    for step in taken:
        seconds: dict[Any, float] = {}
        for part, value in zip(parts, step, strict=True):
            seconds[part.block, part.name] = value
        inner = sum(seconds[0, name] for name in ("norms", "attention", "mlp"))
        assert 0 < inner <= seconds[0, WHOLE_BLOCK]
    assert all(not module._forward_hooks for module in model.network.modules())


@pytest.mark.parametrize("variant", CAUSAL)
def test_a_changed_model_of_every_family_is_timed_writing_what_it_writes(variant: str) -> None:
    model = tiny(variant)
    noise = torch.Generator().manual_seed(5)
    small = 0.05 * torch.randn(16, 16, generator=noise)
    linear = LinearBlock(small, small[0], small[1])
    changes = (kept(0), dropped(1, 1), Segment(2, 2, "2:linear", linear=linear), kept(3))
    greedy: Any = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    with carried_out(model, changes) as network:
        expected = cast(Any, network).generate(input_ids=PROMPT, max_new_tokens=5, **greedy)
        assert torch.equal(decode(network, PROMPT, 5).tokens, expected[:, PROMPT.shape[1] :])
