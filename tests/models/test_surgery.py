"""A changed model generates, with its cache, what full forward passes say; then it is undone."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.inputs import DatasetRecord
from linearity.errors import InvalidPlanError
from linearity.models.changes import dropped
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out
from linearity.studies.material import Material
from tests.oracles import SMALL, changed_network, greedy_loop, logits_of

NEW_TOKENS = 5
PLANS = [
    "0:drop", "2:drop", "3:drop", "1-2:drop", "0-2:drop", "0:drop,3:drop",
    "0:linear", "1:linear", "3:linear",
    "0-1:linear", "1-2:linear", "2-3:linear", "1-3:linear",
    "0:linear,1:linear", "2:linear,3:linear", "0:linear,1:linear,2:linear", "0:linear,1-2:linear",
    "1:merged", "3:merged", "1-2:merged", "2-3:merged", "1-3:merged", "1:merged,3:merged",
    "0:drop,2:linear", "0:linear,2:merged", "1:merged,3:drop", "1:merged,2:linear",
    "0:linear,1:drop,3:linear", "0:drop,1:linear,3:merged", "0:drop,1:drop,2:linear",
]  # fmt: skip


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def material(glass: LoadedModel, documents: list[str]) -> Material:
    """Maps of glass-en; every second block adds a mean update at position 0."""
    material = Material(glass, documents, SMALL)
    material.rules.update({0: "mean", 1: "pass", 2: "mean", 3: "mean"})
    return material


@pytest.fixture(scope="module")
def prompts(glass: LoadedModel, documents: list[str]) -> list[list[int]]:
    """Prompts of different lengths, one of a single token."""
    lengths = [13, 1, 22]
    return [glass.tokenize(documents[k])[:length] for k, length in enumerate(lengths)]


def left_padded(prompts: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    return {"input_ids": ids, "attention_mask": mask}


def generated(network: nn.Module, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return the new tokens, (B, n), and their logits, (B, n, V), decoded with the cache."""
    batch = left_padded(prompts)
    with torch.inference_mode():
        answer = network.generate(  # type: ignore[operator]
            **batch,
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
            output_logits=True,
            return_dict_in_generate=True,
        )
    assert answer.past_key_values is not None
    return answer.sequences[:, batch["input_ids"].shape[1] :], torch.stack(answer.logits, dim=1)


@pytest.mark.parametrize("text", PLANS)
def test_cached_generation_of_a_padded_batch_equals_full_forward_passes(
    text: str, glass: LoadedModel, material: Material, prompts: list[list[int]]
) -> None:
    plan = parse_plan(text, blocks=4)
    oracle = changed_network(glass, material, plan)

    with carried_out(glass, material.changes(plan, "one_shot")) as network:
        tokens, logits = generated(network, prompts)

    for k, prompt in enumerate(prompts):
        expected_tokens, expected_logits = greedy_loop(oracle, prompt, NEW_TOKENS)
        assert tokens[k].tolist() == expected_tokens
        torch.testing.assert_close(logits[k], expected_logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("text", ["1:linear,2:linear", "0:drop,1-2:linear", "1:merged,2:linear"])
def test_sequential_maps_generate_with_the_cache_too(
    text: str, glass: LoadedModel, material: Material, prompts: list[list[int]]
) -> None:
    with carried_out(glass, material.changes(parse_plan(text, blocks=4), "sequential")) as network:
        tokens, logits = generated(network, prompts)

        for k, prompt in enumerate(prompts):
            expected_tokens, expected_logits = greedy_loop(network, prompt, NEW_TOKENS)
            assert tokens[k].tolist() == expected_tokens
            torch.testing.assert_close(logits[k], expected_logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("text", ["0:linear", "2:linear", "0:linear,1:linear", "0:drop,3:linear"])
def test_only_the_first_token_of_the_text_is_exempt_not_that_of_a_later_chunk(
    text: str, glass: LoadedModel, material: Material, documents: list[str]
) -> None:
    plan = parse_plan(text, blocks=4)
    ids = glass.tokenize(documents[7])[:40]
    expected = logits_of(changed_network(glass, material, plan), ids)

    with carried_out(glass, material.changes(plan, "one_shot")) as network, torch.inference_mode():
        cache, parts = None, []
        for start, stop in pairwise([0, 11, 12, 25, 40]):
            chunk = torch.tensor([ids[start:stop]])
            out = network(chunk, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            parts.append(out.logits[0])

    torch.testing.assert_close(torch.cat(parts), expected, atol=1e-4, rtol=1e-4)


def test_the_cache_has_a_place_for_every_layer_that_is_there(
    glass: LoadedModel, material: Material, prompts: list[list[int]]
) -> None:
    changes = material.changes(parse_plan("0:drop,1:linear", blocks=4), "one_shot")

    with carried_out(glass, changes) as network, torch.inference_mode():
        cache = network(torch.tensor([prompts[0]]), use_cache=True).past_key_values

        assert network.config.num_hidden_layers == 3  # type: ignore[union-attr]
    assert len(cache.layers) == 3
    assert [layer.get_seq_length() for layer in cache.layers] == [13, 13, 0]


def test_the_two_rules_for_the_first_token_are_told_apart(
    glass: LoadedModel, material: Material, documents: list[str]
) -> None:
    plan = parse_plan("2:linear", blocks=4)
    other = Material(glass, documents, SMALL)
    other.rules.update({2: "pass"})
    ids = glass.tokenize(documents[7])[:10]

    with carried_out(glass, material.changes(plan, "one_shot")) as network:
        mean = logits_of(network, ids)
    with carried_out(glass, other.changes(plan, "one_shot")) as network:
        passed = logits_of(network, ids)

    assert (mean[0] - passed[0]).abs().max() > 1e-3
    torch.testing.assert_close(
        passed, logits_of(changed_network(glass, other, plan), ids), atol=1e-4, rtol=1e-4
    )


def parts_of(model: LoadedModel) -> list[object]:
    """Everything that surgery may touch: numbers by value, modules and weights by identity."""
    decoder = model.network.model
    return [
        id(decoder.layers),  # type: ignore[union-attr]
        [id(block) for block in decoder.layers],  # type: ignore[union-attr]
        [getattr(module, "layer_idx", None) for module in model.network.modules()],
        [(name, id(p), p.requires_grad) for name, p in model.network.named_parameters()],
        [name for name, _ in model.network.named_buffers()],
        model.network.config.to_dict(),  # type: ignore[operator,union-attr]
        decoder.config.num_hidden_layers,  # type: ignore[union-attr]
        model.network.training,
    ]


@pytest.mark.parametrize("text", PLANS)
def test_afterwards_everything_is_as_before(
    text: str, glass: LoadedModel, material: Material, prompts: list[list[int]]
) -> None:
    changes = material.changes(parse_plan(text, blocks=4), "one_shot")
    before, logits = parts_of(glass), logits_of(glass.network, prompts[0])

    with carried_out(glass, changes) as network:
        inside = logits_of(network, prompts[0])
    with pytest.raises(ZeroDivisionError), carried_out(glass, changes):
        _ = 1 / 0

    assert not torch.equal(inside, logits)
    assert parts_of(glass) == before
    assert torch.equal(logits_of(glass.network, prompts[0]), logits)


def test_a_plan_of_nothing_changes_nothing(
    glass: LoadedModel, material: Material, prompts: list[list[int]]
) -> None:
    logits = logits_of(glass.network, prompts[2])

    with carried_out(glass, material.changes(Plan(()), "one_shot")) as network:
        assert torch.equal(logits_of(network, prompts[2]), logits)


def test_a_model_without_any_block_is_refused_and_left_alone(
    glass: LoadedModel, prompts: list[list[int]]
) -> None:
    before, logits = parts_of(glass), logits_of(glass.network, prompts[0])

    with (
        pytest.raises(InvalidPlanError, match="no block is left"),
        carried_out(glass, (dropped(0, 3),)),
    ):
        pass

    assert parts_of(glass) == before
    assert torch.equal(logits_of(glass.network, prompts[0]), logits)
