"""Running a changed model from kept states equals a full forward pass, whatever ran before."""

import copy
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.inputs import DatasetRecord
from linearity.errors import NonFiniteStatesError, RunCancelledError
from linearity.measure.windows import Window
from linearity.models.changes import Changes
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.replay import Chain, Passages
from linearity.models.surgery import carried_out
from linearity.studies.material import Material
from tests.oracles import SMALL, last_states, logits_of

LENGTHS = [64, 9, 40, 64, 2, 33, 17, 64, 50, 8]
BATCH_TOKENS = 128
PLANS = [
    "", "0:drop", "3:drop", "1-2:drop", "0:drop,1:drop,3:drop", "0:linear", "2:linear",
    "3:linear", "1-3:linear", "0:linear,1:linear,3:linear", "1:merged", "2-3:merged",
    "1:merged,3:merged", "0:drop,2:linear", "0:linear,2:merged", "1:drop,2:linear,3:linear",
]  # fmt: skip


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def material(glass: LoadedModel, documents: list[str]) -> Material:
    material = Material(glass, documents, SMALL)
    material.rules.update({0: "mean", 1: "pass", 2: "mean", 3: "pass"})
    return material


@pytest.fixture(scope="module")
def windows(glass: LoadedModel, documents: list[str]) -> list[Window]:
    """Windows of unequal length."""
    return [
        Window(k, 0, tuple(glass.tokenize(documents[k])[:length]), "heldout")
        for k, length in enumerate(LENGTHS)
    ]


def go_on() -> None:
    """Let every check pass."""


@pytest.fixture
def passages(glass: LoadedModel, windows: list[Window]) -> Passages:
    return Passages(glass, windows, batch_tokens=BATCH_TOKENS, check=go_on)


def changes_of(material: Material, text: str, fitting: str = "one_shot") -> Changes:
    plan = parse_plan(text, blocks=4) if text else Plan(())
    return material.changes(plan, fitting)


def last_rows(passages: Passages, chain: Chain) -> Tensor:
    return passages.rows([states[-1] for states in chain.states])


def full_forward(model: LoadedModel, passages: Passages, changes: Changes) -> tuple[Tensor, Tensor]:
    """Return last states and logits, window after window, by the network under surgery."""
    with carried_out(model, changes) as network:
        ids = [window.ids for batch in passages.batches for window in batch.windows]
        states = torch.cat([last_states(network, window)[-1] for window in ids])
        return states, torch.cat([logits_of(network, window) for window in ids])


def test_windows_are_batched_with_padding_that_never_counts(
    glass: LoadedModel, passages: Passages, windows: list[Window]
) -> None:
    assert sorted(len(w.ids) for b in passages.batches for w in b.windows) == sorted(LENGTHS)
    assert passages.tokens == sum(LENGTHS)
    assert any(not batch.mask.all() for batch in passages.batches)
    assert all(batch.ids.numel() <= BATCH_TOKENS for batch in passages.batches)
    assert len(passages.state(0)) == sum(LENGTHS)
    assert int(passages.first().sum()) == len(windows)


def test_dense_states_are_those_of_plain_forward_passes(
    glass: LoadedModel, passages: Passages
) -> None:
    ids = [window.ids for batch in passages.batches for window in batch.windows]
    expected = [last_states(glass.network, window) for window in ids]

    for index in range(5):
        torch.testing.assert_close(
            passages.state(index), torch.cat([s[index] for s in expected]), atol=2e-5, rtol=1e-5
        )


@pytest.mark.parametrize("seed", range(3))
def test_whatever_ran_before_a_plan_equals_a_full_forward_pass(
    seed: int, glass: LoadedModel, material: Material, passages: Passages
) -> None:
    order = random.Random(seed).sample(PLANS, len(PLANS))
    for number, text in enumerate(order):
        fitting = "sequential" if number % 4 == seed else "one_shot"
        changes = changes_of(material, text, fitting)
        chain = passages.run(changes, remember=number % 3 != 2)
        states, logits = full_forward(glass, passages, changes)
        rows = last_rows(passages, chain)

        torch.testing.assert_close(rows, states, atol=5e-5, rtol=1e-5, msg=f"{text} after {order}")
        with torch.inference_mode():
            head = glass.layout.head(glass.layout.norm(rows))
        torch.testing.assert_close(head, logits, atol=1e-4, rtol=1e-4)


def test_a_plan_gives_the_same_bits_whatever_ran_before(
    material: Material, passages: Passages
) -> None:
    alone = {
        text: last_rows(passages, passages.run(changes_of(material, text), base=passages.dense))
        for text in PLANS
    }
    for text in random.Random(5).sample(PLANS * 2, 2 * len(PLANS)):
        again = last_rows(passages, passages.run(changes_of(material, text)))

        assert torch.equal(again, alone[text]), text


def test_only_what_comes_after_the_first_difference_is_run(
    material: Material, passages: Passages
) -> None:
    story = [
        ("3:drop", 0),  # nothing runs after the last block
        ("2:drop", 1),  # block 3
        ("1:drop", 2),  # 2, 3
        ("1:drop,3:drop", 0),  # begins like the last plan up to block 2
        ("1:drop,3:linear", 0),
        ("1:drop", 1),  # 3: only the last plan is remembered
        ("3:linear", 0),  # begins like the dense model
        ("0:drop", 3),
        ("0:drop,1:drop", 2),  # one segment of both: nothing at its beginning is shared
        ("0:drop,1:drop,3:drop", 0),
        ("", 0),  # the dense model is always kept
        ("1:merged", 3),  # block 0 with another weight, then 2 and 3
    ]
    runs = []
    for text, _ in story:
        before = passages.block_runs
        passages.run(changes_of(material, text))
        runs.append((text, passages.block_runs - before))

    assert runs == story


def test_a_plan_that_is_not_remembered_costs_the_next_one_everything(
    material: Material, passages: Passages
) -> None:
    passages.run(changes_of(material, "0:drop"), remember=False)
    passages.run(changes_of(material, "0:drop"))
    assert passages.block_runs == 6

    passages.run(changes_of(material, "0:drop"))
    assert passages.block_runs == 6  # all of it is there

    passages.forget()
    passages.run(changes_of(material, "0:drop"))
    assert passages.block_runs == 9


def test_a_chain_to_start_from_may_be_given(material: Material, passages: Passages) -> None:
    start = passages.run(changes_of(material, "0:drop"), remember=False)
    before = passages.block_runs

    passages.run(changes_of(material, "0:drop,3:drop"), base=start)

    assert passages.block_runs == before


def test_the_state_entering_a_block_is_found_in_a_changed_chain(
    glass: LoadedModel, material: Material, passages: Passages
) -> None:
    changes = changes_of(material, "0:linear,2:drop")
    chain = passages.run(changes)
    ids = [window.ids for batch in passages.batches for window in batch.windows]
    with carried_out(glass, changes) as network:
        expected = [last_states(network, window) for window in ids]  # linear, 1, 3, and the end

    for block, index in ((0, 0), (1, 1), (2, 2), (3, 2), (4, 3)):
        torch.testing.assert_close(
            passages.rows(chain.entering(block)),
            torch.cat([states[index] for states in expected]),
            atol=5e-5,
            rtol=1e-5,
        )


def test_no_state_enters_a_block_inside_a_span(material: Material, passages: Passages) -> None:
    chain = passages.run(changes_of(material, "1-2:linear"))

    with pytest.raises(ValueError, match="no state enters block 2"):
        chain.entering(2)


def test_what_an_mlp_writes_is_what_its_block_adds_after_attention(
    glass: LoadedModel, passages: Passages
) -> None:
    ids = [window.ids for batch in passages.batches for window in batch.windows]
    outputs: list[Tensor] = []
    handle = glass.layout.blocks[2].mlp.register_forward_hook(  # type: ignore[union-attr]
        lambda _, __, output: outputs.append(output[0])
    )
    for window in ids:
        logits_of(glass.network, window)
    handle.remove()

    written = passages.rows(passages.around_mlp(2, passages.dense.entering(2))[0])

    torch.testing.assert_close(written, torch.cat(outputs), atol=2e-5, rtol=1e-5)


def loud(model: LoadedModel, token: int, times: float) -> LoadedModel:
    """Return a copy of a model in which the state of one token is massive."""
    network = copy.deepcopy(model.network)
    embedding = nn.Parameter(network.get_parameter("model.embed_tokens.weight").detach().clone())
    with torch.no_grad():
        embedding[token] *= times
    network.model.embed_tokens.weight = embedding  # type: ignore[union-attr]
    return replace(model, network=network, layout=find_layout(network))


def test_sinks_are_tokens_thirty_medians_long_in_any_state(
    glass: LoadedModel, windows: list[Window]
) -> None:
    token = windows[0].ids[5]
    model = loud(glass, token, 5000.0)
    passages = Passages(model, windows, batch_tokens=BATCH_TOKENS, check=go_on)
    ids = [window.ids for batch in passages.batches for window in batch.windows]
    states = [last_states(model.network, window) for window in ids]
    first = np.concatenate([np.arange(len(window)) == 0 for window in ids])
    expected = np.zeros(len(first), bool)
    for index in range(5):
        norms = np.linalg.norm(torch.cat([s[index] for s in states]).numpy(), axis=1)
        expected |= norms > 30 * np.median(norms[~first])

    assert (expected & ~first).any()
    assert passages.sinks().tolist() == (expected & ~first).tolist()


def test_a_dense_model_that_overflows_is_named_by_its_block(
    glass: LoadedModel, windows: list[Window]
) -> None:
    model = loud(glass, windows[0].ids[5], 1.0)
    with torch.no_grad():
        model.network.model.layers[2].mlp.down_proj.weight[0] = float("inf")  # type: ignore[union-attr,index]

    with pytest.raises(NonFiniteStatesError, match="block 2 produced it"):
        Passages(model, windows, batch_tokens=BATCH_TOKENS, check=go_on)


def test_a_check_that_raises_stops_a_run_and_leaves_the_passages_usable(
    glass: LoadedModel, material: Material, windows: Sequence[Window]
) -> None:
    calls = 0
    limit = 10_000

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > limit:
            raise RunCancelledError("stopped by the test")

    passages = Passages(glass, windows, batch_tokens=BATCH_TOKENS, check=check)
    expected = last_rows(passages, passages.run(changes_of(material, "1:linear")))
    limit = calls + 3
    with pytest.raises(RunCancelledError):
        passages.run(changes_of(material, "0:drop,2:linear"))
    limit = 10_000

    assert torch.equal(
        last_rows(passages, passages.run(changes_of(material, "1:linear"))), expected
    )
