"""Healed weights: what they say of a model, in a file and back; others are refused."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from linearity.adapters.healed_files import load_healed, store_healed
from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.changed import ChangedParams, parse_changed
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.errors import HealedMismatchError
from linearity.models.changes import Changes, Segment
from linearity.models.healed import HealedWeights, healed_changes, healed_tensors, outline
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out
from linearity.studies.changed_model import build_changed, changed_network
from linearity.studies.material import Material
from tests.oracles import SMALL

PLAN = "0:linear,1:linear,3:merged"
DOWN = "mlp.down_proj.weight"
IDS = torch.tensor([[5, 17, 42, 99, 3, 8]])


@pytest.fixture(scope="module")
def material(
    glass: LoadedModel, docs_record: DatasetRecord, small_store: ArtifactStore
) -> Material:
    return Material(glass, load_documents(docs_record, small_store), SMALL)


@pytest.fixture(scope="module")
def params(glass_record: ModelRecord) -> ChangedParams:
    return parse_changed({"plan": PLAN, "fit_tokens": 2048}, model=glass_record)


@pytest.fixture(scope="module")
def changes(material: Material, params: ChangedParams) -> Changes:
    """The fitted maps, moved a little, and every weight of block 2 moved a little."""
    noise = torch.Generator().manual_seed(0)

    def moved(tensor: Tensor) -> Tensor:
        return tensor + 0.01 * torch.randn(tensor.shape, generator=noise)

    linear, merged = build_changed(material, params).changes
    assert linear.linear is not None
    assert merged.down is not None
    own = dict(material.model.layout.blocks[2].named_parameters())
    weights = {name: moved(weight.detach()) for name, weight in own.items()}
    linear.linear.transposed = moved(linear.linear.transposed)
    weights[DOWN] = moved(merged.down.weight)
    return linear, Segment(2, 3, "2-3:moved", block=2, weights=weights)


@pytest.fixture(scope="module")
def healed(changes: Changes, material: Material, glass_record: ModelRecord) -> HealedWeights:
    tensors = healed_tensors(changes, material.model)
    return HealedWeights("0" * 32, glass_record.fingerprint, PLAN, "one_shot", [], tensors)


def test_healed_weights_come_back_from_their_file_as_the_same_model(
    changes: Changes,
    healed: HealedWeights,
    material: Material,
    params: ChangedParams,
    glass_record: ModelRecord,
    small_store: ArtifactStore,
) -> None:
    sha256, size = store_healed(healed, small_store)
    read = load_healed(sha256, small_store, model=glass_record.fingerprint)
    network, ids = material.model.network, IDS
    with torch.inference_mode():
        dense = network(ids).logits
        with carried_out(material.model, changes):
            wanted = network(ids).logits
        named = replace(params, healed=sha256)
        with changed_network(material, named, read):
            got = network(ids, use_cache=False).logits
        assert torch.equal(network(ids).logits, dense)

    assert size == small_store.path(sha256).stat().st_size
    assert torch.equal(got, wanted)
    assert not torch.allclose(got, dense, atol=0.1)


def test_replayed_states_are_those_of_the_healed_network(
    changes: Changes, material: Material
) -> None:
    bench = material.bench("select")
    batch = bench.passages.batches[0]
    assert batch.mask.all()
    states = bench.passages.run(changes).states[0][-1]
    with torch.inference_mode(), carried_out(material.model, changes) as network:
        wanted = network(batch.ids, use_cache=False).logits

    torch.testing.assert_close(material.model.layout.logits(states), wanted, atol=2e-4, rtol=0)


@pytest.mark.parametrize("text", ["0:linear", "1-2:drop", PLAN, "0:drop,1-2:linear", "1-3:merged"])
def test_an_outline_is_what_a_plan_is_built_into(text: str, material: Material) -> None:
    plan = parse_plan(text, blocks=4)
    built = material.build(plan, "one_shot").changes
    wanted = [
        (s.first, s.last, "linear" if s.linear else None if s.block is None else "block")
        for s in built
    ]

    assert list(outline(plan, 4)) == wanted


def test_weights_of_another_plan_model_or_fitting_are_refused(
    healed: HealedWeights,
    material: Material,
    params: ChangedParams,
    small_store: ArtifactStore,
) -> None:
    sha256, _ = store_healed(healed, small_store)
    named = replace(params, healed=sha256)
    with pytest.raises(HealedMismatchError, match="another model"):
        load_healed(sha256, small_store, model="f" * 64)
    with pytest.raises(HealedMismatchError, match="not here"):
        load_healed("f" * 64, small_store, model="f" * 64)
    with pytest.raises(HealedMismatchError, match="no healed weights"):
        load_healed(small_store.put(b"anything"), small_store, model="f" * 64)
    with pytest.raises(HealedMismatchError, match=r"belong to the plan 1:drop"):
        build_changed(material, named, replace(healed, plan="1:drop"))
    with pytest.raises(HealedMismatchError, match="belong to the fitting sequential"):
        build_changed(material, named, replace(healed, fitting="sequential"))


def wrong(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    first = "linear.0-1.map"
    return {
        "is missing": {name: t for name, t in tensors.items() if name != first},
        "has the shape": tensors | {first: tensors[first][:5]},
        "holds NaN": tensors | {first: tensors[first] * float("nan")},
        "no weight of this plan": tensors | {"linear.1-1.map": tensors[first]},
        "has no parameter": tensors | {"block.2.mlp.nothing": tensors[first]},
        "into which a map": {name: t for name, t in tensors.items() if "block" not in name},
    }


@pytest.mark.parametrize("what", wrong({"linear.0-1.map": torch.zeros(6)}))
def test_a_tensor_that_does_not_fit_is_named(
    what: str, healed: HealedWeights, material: Material
) -> None:
    tensors = wrong(dict(healed.tensors))[what]
    with pytest.raises(HealedMismatchError, match=what):
        healed_changes(replace(healed, tensors=tensors), parse_plan(PLAN, blocks=4), material.model)
