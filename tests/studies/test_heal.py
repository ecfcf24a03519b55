"""A healing on the small model: it helps, resumes to the bit, stops when asked, and says so."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
import torch

from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.heal import HealParams, parse_params
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.errors import NonFiniteStatesError, RunCancelledError
from linearity.models.healed import HealedWeights
from linearity.models.loaded import LoadedModel
from linearity.models.student import Student
from linearity.ports import NoCheckpoints
from linearity.studies.changed_model import build_changed, changed_network
from linearity.studies.heal import HealMeasurement, heal
from linearity.studies.material import Material
from linearity.studies.training import Trainer, drawn, learning_rate
from tests.oracles import logits_of
from tests.studies.recorder import Recorder

SAMPLING: dict[str, Json] = {
    "fit_tokens": 2048, "select_tokens": 1024, "report_tokens": 1024, "context": 64, "seed": 3,
    "attention": "eager", "batch": 4,
}  # fmt: skip
PLAN = "0:linear,1:linear"

Asked = Callable[..., HealParams]


@pytest.fixture(scope="module")
def asked(glass_record: ModelRecord) -> Asked:
    def ask(**given: Json) -> HealParams:
        return parse_params({**SAMPLING, "plan": PLAN, "steps": 12, **given}, model=glass_record)

    return ask


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def material(glass: LoadedModel, documents: list[str], asked: Asked) -> Material:
    return Material(glass, documents, asked().sampling)


@pytest.fixture(scope="module")
def measured(material: Material, asked: Asked) -> HealMeasurement:
    return heal(material, asked(), Recorder())


def healed_of(found: HealMeasurement, params: HealParams) -> HealedWeights:
    return HealedWeights(
        "0" * 32, "f" * 64, params.plan, params.fitting, found.steps, found.tensors
    )


def test_healing_brings_the_changed_model_nearer_to_the_dense_one(
    measured: HealMeasurement,
) -> None:
    curve = measured.training[0].curve
    assert measured.after.kl < measured.before.kl
    assert measured.healing.nll_diff == pytest.approx(measured.after.nll - measured.before.nll)
    assert measured.recovered == pytest.approx(
        1 - measured.after.nll_diff / measured.before.nll_diff
    )
    assert [point.step for point in curve] == list(range(13))
    best = min(curve, key=lambda point: point.select_kl)
    assert measured.training[0].best_step == best.step > 0
    assert curve[0].loss is None
    for point in curve[1:]:
        assert point.loss == pytest.approx((point.states or 0) + (point.kl or 0), rel=1e-5)


def test_before_and_after_are_what_plain_forward_passes_say(
    measured: HealMeasurement, material: Material, asked: Asked
) -> None:
    """The weights that come out are those that were measured, on the very tokens of split B."""
    params = asked()
    losses: dict[str, list[float]] = {"before": [], "after": []}
    models = {
        "before": (params, None),
        "after": (params, healed_of(measured, params)),
    }
    for name, (wanted, healed) in models.items():
        with changed_network(material, wanted, healed) as network:
            for window in material.bench("report").windows:
                logits = logits_of(network, window.ids)
                logprobs = torch.log_softmax(torch.from_numpy(np.asarray(logits)), 1)
                targets = torch.tensor(window.ids[1:])
                losses[name] += (-logprobs[:-1].gather(1, targets[:, None])[:, 0]).tolist()

    assert np.mean(losses["before"]) == pytest.approx(measured.before.nll, abs=1e-5)
    assert np.mean(losses["after"]) == pytest.approx(measured.after.nll, abs=1e-5)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    measured: HealMeasurement,
    glass: LoadedModel,
    documents: list[str],
    asked: Asked,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    checkpoints = FileCheckpoints(tmp_path_factory.mktemp("kept"), "0" * 32)
    params = asked()
    with pytest.raises(RunCancelledError):
        heal(
            Material(glass, documents, params.sampling), params, Recorder(stop_at=0.6), checkpoints
        )
    again = Recorder()
    resumed = heal(Material(glass, documents, params.sampling), params, again, checkpoints)

    assert again.steps[1][0] >= 6
    assert all(torch.equal(resumed.tensors[n], t) for n, t in measured.tensors.items())
    assert resumed.training == measured.training
    assert resumed.after == measured.after


def test_damaged_or_foreign_checkpoints_are_passed_over(
    measured: HealMeasurement, material: Material, asked: Asked
) -> None:
    class Damaged(FileCheckpoints):
        def __init__(self) -> None: ...

        def load(self) -> dict[str, Json]:
            return {}

        def load_bytes(self) -> bytes | None:
            return b"\xff" * 40

        def save_bytes(self, data: bytes) -> None: ...

    found = heal(material, asked(), Recorder(), Damaged())

    assert found.after == measured.after


def test_adapters_heal_a_plan_that_only_drops(material: Material, asked: Asked) -> None:
    params = asked(plan="1:drop", steps=8, split="select")
    found = heal(material, params, Recorder())
    built = build_changed(material, params, healed_of(found, params))

    assert params.train == "adapters"
    assert found.after.kl < found.before.kl
    assert found.protocol.split == "select"
    assert material.bench("select").quality(built.changes).nll == found.after.nll
    assert {name.split(".")[1] for name in found.tensors} == {"0", "2", "3"}


def test_a_sweep_measures_every_size_three_ways_and_resumes_by_point(
    glass: LoadedModel, documents: list[str], asked: Asked, tmp_path_factory: pytest.TempPathFactory
) -> None:
    params = asked(plan="0:linear,1:linear,3:linear", sweep="all", steps=4)
    checkpoints = FileCheckpoints(tmp_path_factory.mktemp("kept"), "0" * 32)
    material = Material(glass, documents, params.sampling)
    with pytest.raises(RunCancelledError):
        heal(material, params, Recorder(stop_at=0.5), checkpoints)
    recorder = Recorder()
    found = heal(material, params, recorder, checkpoints)
    whole = heal(material, params, Recorder())

    assert [point.steps for point in found.sweep] == [1, 2, 3]
    assert found.sweep == whole.sweep
    assert found.sweep[-1].healed == found.after
    assert found.sweep[-1].replaced == found.before
    assert found.sweep[0].removed.plan == f"{found.sweep[0].plan.split(':')[0]}:drop"
    assert recorder.partials[0]["sweep"] == []
    plan = parse_plan(found.sweep[1].plan, blocks=4)
    single = {
        step.text: material.bench("select")
        .quality(material.changes(parse_plan(step.text, blocks=4), "one_shot"))
        .nll_diff
        for step in parse_plan(params.plan, blocks=4).steps
    }
    mildest = sorted(single, key=lambda text: single[text])[:2]
    assert sorted(step.text for step in plan.steps) == sorted(mildest)


def test_a_smaller_plan_that_only_drops_has_no_maps_to_heal(
    material: Material, asked: Asked
) -> None:
    params = asked(plan="1:drop,3:drop,0:linear", sweep=[1, 2], steps=2)
    found = heal(material, params, Recorder())
    drops = [point for point in found.sweep if "linear" not in point.plan]

    assert len(found.sweep) == 3
    for point in drops:
        assert point.healed == point.replaced == point.removed
        assert point.best_step == 0


def test_the_same_fine_tune_of_both_models_is_set_side_by_side(
    material: Material, asked: Asked
) -> None:
    params = asked(objective="text", steps=6, learning_rate=0.002)
    found = heal(material, params, Recorder())
    assert found.tuned is not None

    assert [training.model for training in found.training] == ["dense", "changed"]
    assert found.tuned.dense.nll_diff < 0
    assert found.tuned.changed.nll_diff < 0
    assert found.tuned.gap_before.nll_diff == pytest.approx(found.before.nll_diff)
    assert found.tuned.gap_after.nll_diff == pytest.approx(
        found.before.nll_diff + found.tuned.changed.nll_diff - found.tuned.dense.nll_diff
    )
    assert found.training[0].curve[1].states is None
    assert set(asdict(found.tuned)) == {"dense", "changed", "gap_before", "gap_after"}


def test_a_loss_that_is_no_number_is_an_error(material: Material, asked: Asked) -> None:
    params = asked()
    changes = build_changed(material, params).changes
    student = Student(material.model, changes, train="maps")
    for parameter in student.parameters.values():
        parameter.data.mul_(1e38)
    quality = material.bench("select").quality(changes)
    trainer = Trainer(
        student,
        material.bench("select").windows,
        params,
        name="changed",
        watch=lambda _: quality,
        check=lambda _: None,
    )
    with pytest.raises(NonFiniteStatesError, match="the loss of step 1"):
        trainer.run(NoCheckpoints(), lambda _: None)


def test_the_rate_grows_then_falls_and_every_window_comes_once_an_epoch(asked: Asked) -> None:
    rates = [learning_rate(step, 100, highest=1.0) for step in range(100)]
    taken = [window for step in range(6) for window in drawn(step, asked(), 8)]

    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5:] == pytest.approx(
        [0.5 * (1 + np.cos(np.pi * (step - 5) / 95)) for step in range(5, 100)]
    )
    assert [sorted(taken[k : k + 8]) for k in (0, 8, 16)] == [list(range(8))] * 3
    assert taken[:8] != taken[8:16]


@pytest.mark.parametrize(
    ("plan", "train"), [("1:linear", "maps"), ("1:merged", "maps"), ("1:merged", "all")]
)
def test_healing_goes_on_from_healed_weights(
    plan: str, train: str, material: Material, asked: Asked
) -> None:
    first = asked(plan=plan, train=train, steps=6, split="select")
    found = heal(material, first, Recorder())
    weights = healed_of(found, first)
    again = asked(plan=plan, train=train, steps=6, split="select", healed="a" * 64)
    gone_on = heal(material, again, Recorder(), healed=weights)

    assert found.training[0].best_step > 0
    assert gone_on.before == found.after
    assert gone_on.after.kl <= found.after.kl
    assert gone_on.tensors.keys() == found.tensors.keys()
