"""A benchmark of glass-en, dense and changed: scores, items, resuming, stopping, warnings."""

from collections.abc import Callable
from dataclasses import asdict

import pytest
from torch import Tensor

from linearity.adapters.harness import LmEvaluationHarness
from linearity.adapters.inputs import load_records
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.benchmark import BenchmarkParams, parse_params
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.errors import RunCancelledError
from linearity.models import likelihood
from linearity.models.likelihood import score_continuations
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out
from linearity.ports import NoCheckpoints
from linearity.studies import benchmark as study
from linearity.studies.benchmark import BenchmarkMeasurement, measure_benchmark
from linearity.studies.material import Material
from tests.adapters.test_harness import some_questions
from tests.studies.recorder import Recorder


class Kept(NoCheckpoints):
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self.pieces: dict[str, Json] = {}

    def load(self) -> dict[str, Json]:
        return dict(self.pieces)

    def save(self, name: str, value: Json) -> None:
        self.pieces[name] = value


@pytest.fixture(scope="module")
def records(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[Document]:
    return load_records(docs_record, small_store)


@pytest.fixture
def parsed(glass_record: ModelRecord) -> Callable[..., BenchmarkParams]:
    def parse(**params: Json) -> BenchmarkParams:
        given: dict[str, Json] = {
            "plan": "1:drop,2:linear",
            "questions": "0" * 64,
            "fit_tokens": 1024,
            "select_tokens": 256,
            "context": 64,
        }
        return parse_params({**given, **params}, model=glass_record)

    return parse


class Asking:
    """Runs the study with given parameters; keeps what it made them with."""

    def __init__(self, model: LoadedModel, records: list[Document]) -> None:
        self.model, self.records = model, records
        self.progress, self.kept = Recorder(), Kept()

    def __call__(self, params: BenchmarkParams) -> BenchmarkMeasurement:
        material = Material.of(self.model, self.records, params.sampling)
        harness = LmEvaluationHarness(params, some_questions())
        return measure_benchmark(material, params, harness, self.progress, self.kept)


@pytest.fixture
def asking(glass: LoadedModel, records: list[Document]) -> Asking:
    return Asking(glass, records)


def test_both_models_answer_every_question(
    asking: Asking, parsed: Callable[..., BenchmarkParams], glass: LoadedModel
) -> None:
    params = parsed()
    found = asking(params)
    [task] = found.tasks
    [acc, norm] = task.scores

    assert (task.task, task.questions, len(found.items)) == ("own_questions", 24, 24)
    assert (acc.metric, norm.metric) == ("acc", "acc_norm")
    assert acc.dense == sum(item.dense.scores["acc"] for item in found.items) / 24
    assert acc.changed == sum(item.changed.scores["acc"] for item in found.items) / 24
    assert task.chance == pytest.approx(sum(1 / len(i.choices) for i in found.items) / 24)
    assert [item.category for item in task.categories] == ["class 0", "class 1"]
    assert found.splits["fit"].tokens > 0
    assert [s for _, _, _, s in asking.progress.steps] == sorted(
        s for _, _, _, s in asking.progress.steps
    )
    assert asking.progress.steps[-1][:3] == (24, 24, "questions")


def test_the_changed_model_is_the_plan_carried_out(
    asking: Asking, parsed: Callable[..., BenchmarkParams], glass: LoadedModel
) -> None:
    params = parsed(ending="")
    found = asking(params)
    item = found.items[3]
    context = glass.tokenize(item.question)
    rows = [
        (context, glass.tokenize(f"{item.question} {choice}")[len(context) :])
        for choice in item.choices
    ]
    material = Material.of(glass, asking.records, params.sampling)
    changes = material.changes(parse_plan(params.plan, blocks=4), params.fitting)
    with carried_out(glass, changes):
        wanted = [scored.loglikelihood for scored in score_continuations(glass, rows)]

    assert item.changed.loglikelihoods == pytest.approx(wanted, abs=1e-3)
    assert item.dense.loglikelihoods != pytest.approx(wanted, abs=1e-2)


def test_a_stopped_run_goes_on_where_it_was(
    asking: Asking, parsed: Callable[..., BenchmarkParams], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "PIECE", 16)
    whole = asking(parsed())
    again = Asking(asking.model, asking.records)
    again.progress = Recorder(stop_at=0.7)
    with pytest.raises(RunCancelledError):
        again(parsed())
    kept = len(again.kept.pieces)
    again.progress = Recorder()
    forwards: list[int] = []
    forward = likelihood._forward

    def counting(model: LoadedModel, rows: list[tuple[int, ...]]) -> Tensor:
        forwards.append(len(rows))
        return forward(model, rows)

    monkeypatch.setattr(likelihood, "_forward", counting)
    resumed = again(parsed())

    assert 0 < kept < len(asking.kept.pieces)
    assert asdict(resumed) == asdict(whole)
    assert 0 < len(forwards) < len(asking.kept.pieces)


def test_the_reader_is_warned(asking: Asking, parsed: Callable[..., BenchmarkParams]) -> None:
    codes = {warning.code for warning in asking(parsed(plan="3:drop")).warnings}

    assert "few_questions" in codes


def test_the_finding_says_both_accuracies(
    asking: Asking, parsed: Callable[..., BenchmarkParams]
) -> None:
    found = asking(parsed())
    score = found.tasks[0].scores[0]

    assert f"{100 * score.dense:.1f} % right" in found.finding["en"]
    assert "自分の問題 24 問" in found.finding["ja"]
