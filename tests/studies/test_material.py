"""What measuring plans needs: what it holds, when it lets go, and when there is too little text."""

import gc
import weakref
from dataclasses import replace
from functools import partial

import pytest

from linearity.adapters.inputs import load_documents
from linearity.adapters.resident import Resident
from linearity.adapters.store import ArtifactStore
from linearity.contracts import ablation, plan
from linearity.contracts.actions import Plan
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.errors import TooFewTokensError
from linearity.models.loaded import LoadedModel
from linearity.ports import NoCheckpoints
from linearity.studies.ablation import measure_ablation
from linearity.studies.material import Material
from linearity.studies.plan import measure_plan
from linearity.studies.recent import Recent
from tests.studies.recorder import Recorder

SAMPLING: dict[str, Json] = {"fit_tokens": 1024, "select_tokens": 512, "report_tokens": 256}


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


def asked(record: ModelRecord, text: str, **given: Json) -> plan.PlanParams:
    return plan.parse_params({**SAMPLING, "plan": text, **given}, model=record)


def codes(material: Material, params: plan.PlanParams) -> list[str]:
    return [w.code for w in measure_plan(material, params, Recorder()).warnings]


def test_a_material_and_its_states_are_gone_with_the_last_reference(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    material = Material(glass, documents, asked(glass_record, "1:linear").sampling)
    material.changes(Plan.of([1], "linear"), "one_shot")
    watched = [weakref.ref(thing) for thing in (material, material.fit(), material.bench("select"))]
    gc.disable()
    try:
        del material

        assert [thing() for thing in watched] == [None, None, None]
    finally:
        gc.enable()


def test_a_resident_that_is_cleared_holds_no_network(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    resident = Resident()
    sampling = asked(glass_record, "1:drop").sampling
    material, _ = resident.material(
        glass_record, docs_record, sampling, store=small_store, device="cpu", check=lambda: None
    )
    network = weakref.ref(material.model.network)
    material.bench("select")
    del material

    resident.clear()

    assert network() is None


def test_a_resident_loads_a_model_again_when_its_template_was_allowed_or_forbidden(
    small_store: ArtifactStore, glass_record: ModelRecord
) -> None:
    resident = Resident()
    forbidden = replace(glass_record, source="upload", has_template=True)

    def withheld(record: ModelRecord) -> bool:
        loaded = resident.model(
            record, small_store, device="cpu", dtype="float32", attention="eager"
        )
        return loaded.withheld

    allowed = replace(forbidden, template_allowed=True)
    assert [withheld(record) for record in (forbidden, allowed, forbidden)] == [True, False, True]


def test_a_resident_lets_go_of_a_text_and_of_a_model_that_were_deleted(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    resident = Resident()
    sampling = asked(glass_record, "1:drop").sampling
    material, _ = resident.material(
        glass_record, docs_record, sampling, store=small_store, device="cpu", check=lambda: None
    )
    text, network = weakref.ref(material), weakref.ref(material.model.network)
    del material

    resident.keep_only([glass_record.fingerprint, docs_record.fingerprint])
    kept = text() is not None
    resident.keep_only([glass_record.fingerprint])
    gone = text() is None and network() is not None
    resident.keep_only([])

    assert (kept, gone, network(), resident.is_empty) == (True, True, None, True)


def test_a_dataset_without_enough_text_for_maps_is_refused_before_the_model_runs(
    glass: LoadedModel, glass_record: ModelRecord
) -> None:
    texts = [f"A short record, number {k}." for k in range(20)]
    material = Material(glass, texts, asked(glass_record, "1:linear").sampling)

    with pytest.raises(TooFewTokensError, match="need at least 256"):
        material.changes(Plan.of([1], "linear"), "one_shot")
    assert codes(material, asked(glass_record, "1:drop")) == [
        "few_documents",
        "fewer_tokens",
    ]


def test_less_text_than_asked_for_and_a_ridge_that_was_not_chosen_are_said(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    texts = sorted(documents, key=len)[-6:]
    params = asked(glass_record, "1:linear", fit_tokens=100_000)
    material = Material(glass, texts, params.sampling)

    found = codes(material, params)

    assert found == ["few_documents", "fewer_tokens", "no_validation"]


def test_a_plan_that_only_drops_needs_no_fit_split(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    texts = [documents[3], documents[3]]  # one distinct text: split A has it, split F nothing

    material = Material(glass, texts, asked(glass_record, "1:drop").sampling)

    assert material.bench("select").dense_loss > 0.0


def test_a_warm_material_counts_only_the_work_of_the_present_run(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    params = asked(glass_record, "1:drop,3:drop")
    material = Material(glass, documents, params.sampling)

    runs = []
    for _ in range(2):
        runs.append(measure_plan(material, params, Recorder()).work)
        material.bench("select").passages.forget()

    assert runs[0] == runs[1]
    assert (runs[0].block_runs, runs[0].head_runs) == (1, 1)


def test_a_resumed_run_chooses_a_rule_again_that_was_not_kept(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    wanted = {**SAMPLING, "strategies": "single_damage", "changed": 1, "interaction": 0}
    params = ablation.parse_params(wanted, model=glass_record)
    kept = _Forgetful()
    whole = measure_ablation(_fresh(glass, documents, params), params, Recorder(), kept)

    again = measure_ablation(_fresh(glass, documents, params), params, Recorder(), kept)

    assert again.single == whole.single


class _Forgetful(NoCheckpoints):
    """Checkpoints on a disk that took everything but the rules."""

    def __init__(self) -> None:
        self._kept: dict[str, Json] = {}

    def load(self) -> dict[str, Json]:
        return dict(self._kept)

    def save(self, name: str, value: Json) -> None:
        if not name.startswith("rule:"):
            self._kept[name] = value


def _fresh(glass: LoadedModel, documents: list[str], params: ablation.AblationParams) -> Material:
    return Material(glass, documents, params.sampling)


def test_recent_lets_go_of_what_was_not_asked_for_the_longest_time() -> None:
    made: list[str] = []
    recent: Recent[str, str] = Recent(2)

    def make(key: str) -> str:
        made.append(key)
        return key

    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, partial(make, key))

    assert made == ["a", "b", "c", "b"]
