"""The greedy order equals a naive search that runs the whole model for every trial (SLEB)."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from torch import nn

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import Plan
from linearity.contracts.inputs import DatasetRecord
from linearity.errors import RunCancelledError
from linearity.models.loaded import LoadedModel
from linearity.studies.greedy import greedy_order
from linearity.studies.material import Material
from tests.oracles import SMALL, changed_network, mean_loss, with_layers

STEPS = {"drop": 3, "linear": 3, "merged": 3}
BUDGET = 0.55


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def fitted(glass: LoadedModel, documents: list[str]) -> Material:
    """Material whose maps the oracle uses; the order is found by another one."""
    return Material(glass, documents, SMALL)


@dataclass(frozen=True)
class Search:
    """A search by brute force: its order, the loss of every winner, and what it cost."""

    order: list[int]
    losses: list[float]
    block_runs: int
    trials: int


def naive_search(
    blocks: int,
    first: int,
    network_of: Callable[[list[int]], nn.Module],
    windows: list[tuple[int, ...]],
) -> Search:
    order: list[int] = []
    losses: list[float] = []
    block_runs = trials = 0
    while len(order) < STEPS["drop"]:
        found = {}
        for block in range(first, blocks):
            if block in order:
                continue
            found[block] = mean_loss(network_of([*order, block]), windows)
            block_runs += blocks - len(order) - 1
            trials += 1
        best = min(found, key=found.__getitem__)
        order.append(best)
        losses.append(found[best])
    return Search(order, losses, block_runs, trials)


@pytest.fixture(scope="module")
def naive(glass: LoadedModel, fitted: Material) -> Callable[[str], Search]:
    """Brute force for an action, done once."""
    windows = [window.ids for window in fitted.bench("select").windows]
    network = with_layers(glass, glass.layout.blocks)
    layers = list(network.model.layers)  # type: ignore[union-attr,arg-type]

    def shorter(dropped: list[int]) -> nn.Module:
        left = [layer for block, layer in enumerate(layers) if block not in dropped]
        network.model.layers = nn.ModuleList(left)  # type: ignore[union-attr]
        network.model.config.num_hidden_layers = len(left)  # type: ignore[union-attr]
        return network

    done: dict[str, Search] = {}

    def search(action: str) -> Search:
        if action not in done:
            network_of = (
                shorter
                if action == "drop"
                else lambda order: changed_network(glass, fitted, Plan.of(order, action))
            )
            done[action] = naive_search(4, int(action == "merged"), network_of, windows)
        return done[action]

    return search


@pytest.mark.parametrize("action", STEPS)
def test_the_order_equals_a_naive_search_at_half_of_its_cost(
    action: str, glass: LoadedModel, documents: list[str], naive: Callable[[str], Search]
) -> None:
    material = Material(glass, documents, SMALL)
    expected = naive(action)
    trials = 0

    def count() -> None:
        nonlocal trials
        trials += 1

    order = greedy_order(
        material, action=action, changed=STEPS[action], known=[], after_trial=count
    )

    passages = material.bench("select").passages
    assert order == expected.order
    assert trials == expected.trials
    if action != "merged":  # a merged block runs again: what the one before it writes is new
        assert passages.block_runs <= BUDGET * expected.block_runs
    for step, loss in enumerate(expected.losses, start=1):
        quality = material.bench("select").quality(
            material.changes(Plan.of(order[:step], action), "one_shot")
        )
        assert quality.nll == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize("action", ["drop", "linear"])
def test_a_trial_runs_only_what_follows_its_block_in_the_model_changed_so_far(
    action: str, glass: LoadedModel, documents: list[str]
) -> None:
    material = Material(glass, documents, SMALL)
    for block in range(4):  # rules for first tokens have costs of their own
        material.rules[block] = "pass"

    greedy_order(material, action=action, changed=2, known=[0])

    taken_up_again, trials = 3, 2 + 1 + 0
    assert material.bench("select").passages.block_runs == taken_up_again + trials


@pytest.mark.parametrize("known", [1, 2, 3])
def test_a_search_that_is_taken_up_again_ends_in_the_same_order(
    known: int, fitted: Material, naive: Callable[[str], Search]
) -> None:
    expected = naive("drop")
    steps: list[list[int]] = []
    trials = 0

    def count() -> None:
        nonlocal trials
        trials += 1

    order = greedy_order(
        fitted,
        action="drop",
        changed=3,
        known=expected.order[:known],
        after_step=lambda found: steps.append(list(found)),
        after_trial=count,
    )

    assert order == expected.order
    assert steps == [expected.order[: k + 1] for k in range(known, 3)]
    assert trials == expected.trials  # what was known counts as done


def test_a_search_may_be_stopped_between_trials_and_goes_on_from_its_last_step(
    glass: LoadedModel, documents: list[str], naive: Callable[[str], Search]
) -> None:
    kept: list[list[int]] = [[]]
    trials = 0

    def stop() -> None:
        nonlocal trials
        trials += 1
        if trials == 6:  # the second trial of the second step
            raise RunCancelledError("stopped by the test")

    with pytest.raises(RunCancelledError):
        greedy_order(
            Material(glass, documents, SMALL),
            action="drop",
            changed=3,
            known=[],
            after_step=kept.append,
            after_trial=stop,
        )
    order = greedy_order(
        Material(glass, documents, SMALL), action="drop", changed=3, known=kept[-1]
    )

    assert kept[-1] == naive("drop").order[:1]
    assert order == naive("drop").order


def test_a_shorter_search_is_the_beginning_of_a_longer_one(
    fitted: Material, naive: Callable[[str], Search]
) -> None:
    assert greedy_order(fitted, action="drop", changed=2, known=[]) == naive("drop").order[:2]
    assert greedy_order(fitted, action="drop", changed=9, known=[]) == naive("drop").order
