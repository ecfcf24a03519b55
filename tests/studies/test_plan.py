"""A measured plan: its numbers, documents, worst tokens and categories, against plain passes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import t as student

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import Plan, Step, parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.plan import PlanParams, WorstToken, parse_params
from linearity.models.loaded import LoadedModel
from linearity.studies.material import Material
from linearity.studies.plan import PlanMeasurement, measure_plan
from tests.oracles import changed_network, divergences, logits_of
from tests.studies.recorder import Recorder

Array = NDArray[np.float64]
L = 4
SAMPLING: dict[str, Json] = {
    "fit_tokens": 2048, "select_tokens": 1024, "report_tokens": 512, "context": 64, "seed": 3,
    "attention": "eager",
}  # fmt: skip
PLAN = "1:drop,3:linear"
CATEGORIES = ["statements", "types", None]


@pytest.fixture(scope="module")
def records(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[Document]:
    """Documents of which every third has no category."""
    texts = load_documents(docs_record, small_store)
    return [Document(text, CATEGORIES[k % 3]) for k, text in enumerate(texts)]


@pytest.fixture(scope="module")
def material(glass: LoadedModel, glass_record: ModelRecord, records: list[Document]) -> Material:
    return Material.of(glass, records, asked(glass_record).sampling)


def asked(record: ModelRecord, **given: Json) -> PlanParams:
    return parse_params({**SAMPLING, "plan": PLAN, **given}, model=record)


@pytest.fixture(scope="module")
def measured(
    material: Material, glass_record: ModelRecord, records: list[Document]
) -> PlanMeasurement:
    return measure_plan(material, asked(glass_record), Recorder())


@dataclass(frozen=True)
class Tokens:
    """Every prediction of split A, by full forward passes of a copy that was changed by hand."""

    document: NDArray[np.int64]
    position: NDArray[np.int64]
    dense: Array
    changed: Array
    kl: Array
    likeliest: NDArray[np.int64]
    likeliest_dense: NDArray[np.int64]

    @property
    def difference(self) -> Array:
        return self.changed - self.dense

    @property
    def same(self) -> NDArray[np.bool_]:
        return np.asarray(self.likeliest == self.likeliest_dense)


@pytest.fixture(scope="module")
def tokens(glass: LoadedModel, material: Material, measured: PlanMeasurement) -> Tokens:
    network = changed_network(glass, material, parse_plan(PLAN, blocks=L))
    rows = []
    for window in material.bench("select").windows:
        dense, changed = (logits_of(net, window.ids)[:-1] for net in (glass.network, network))
        target = torch.tensor(window.ids[1:])
        loss = torch.nn.functional.cross_entropy
        rows.append(
            (
                np.full(len(target), window.document),
                window.start + np.arange(1, len(window.ids)),
                loss(dense.double(), target, reduction="none").numpy(),
                loss(changed.double(), target, reduction="none").numpy(),
                divergences(dense.numpy(), changed.numpy()),
                changed.argmax(1).numpy(),
                dense.argmax(1).numpy(),
            )
        )
    return Tokens(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def test_a_plan_is_measured_on_every_token(measured: PlanMeasurement, tokens: Tokens) -> None:
    point = measured.point

    assert (point.plan, point.changed, point.edge) == (PLAN, 2, True)
    assert measured.protocol.tokens == len(tokens.kl)
    assert point.nll == pytest.approx(tokens.changed.mean(), abs=1e-5)
    assert point.nll_diff == pytest.approx(tokens.difference.mean(), abs=1e-5)
    assert point.kl == pytest.approx(tokens.kl.mean(), abs=1e-5)
    assert point.top1 == pytest.approx(tokens.same.mean(), abs=1e-12)
    assert measured.dense["nll"] == pytest.approx(tokens.dense.mean(), abs=1e-5)


def test_every_document_has_its_own_means(
    measured: PlanMeasurement, tokens: Tokens, records: list[Document]
) -> None:
    assert [d.document for d in measured.documents] == sorted(set(tokens.document.tolist()))
    for found in measured.documents:
        own = tokens.document == found.document
        text = " ".join(records[found.document].text.split())
        assert found.tokens == own.sum()
        assert found.nll_dense == pytest.approx(tokens.dense[own].mean(), abs=1e-5)
        assert found.nll == pytest.approx(tokens.changed[own].mean(), abs=1e-5)
        assert found.nll_diff == pytest.approx(tokens.difference[own].mean(), abs=1e-5)
        assert found.kl == pytest.approx(tokens.kl[own].mean(), abs=1e-5)
        assert found.top1 == pytest.approx(tokens.same[own].mean(), abs=1e-12)
        assert found.category == records[found.document].category
        assert len(found.title) <= 60
        assert text.startswith(found.title.removesuffix("…"))


def test_the_worst_documents_are_those_of_the_largest_divergence(
    measured: PlanMeasurement, tokens: Tokens
) -> None:
    kl = {k: tokens.kl[tokens.document == k].mean() for k in set(tokens.document.tolist())}

    worst = [kl[document] for document in measured.guard.worst_documents]
    # By value: documents that differ by less than rounding may change places.
    assert worst == pytest.approx(sorted(kl.values(), reverse=True)[:5], abs=1e-5)


def test_the_worst_tokens_are_those_of_the_largest_divergence(
    glass: LoadedModel, measured: PlanMeasurement, tokens: Tokens
) -> None:
    worst = np.argsort(-tokens.kl)[:20]

    for found, k in zip(measured.guard.worst_tokens, worst, strict=True):
        assert (found.document, found.position) == (tokens.document[k], tokens.position[k])
        assert found.kl == pytest.approx(tokens.kl[k], abs=1e-4)
        assert found.nll_diff == pytest.approx(tokens.difference[k], abs=1e-4)
        assert found.dense == glass.token_text(int(tokens.likeliest_dense[k]))
        assert found.changed == glass.token_text(int(tokens.likeliest[k]))


def place_of(found: WorstToken, glass: LoadedModel, text: str) -> tuple[str, str]:
    """Return the text before a token's place and the token, as the tokenizer writes them."""
    ids = glass.tokenize(text)
    start = found.position // 64 * 64  # where its window begins
    before = glass.detokenize(ids[max(start, found.position - 24) : found.position])
    return before, glass.detokenize(ids[found.position : found.position + 1])


def test_worst_tokens_are_quoted_as_they_stand_in_the_dataset(
    glass: LoadedModel, measured: PlanMeasurement, records: list[Document]
) -> None:
    spelled = 0
    for found in measured.guard.worst_tokens:
        text = records[found.document].text
        before, token = place_of(found, glass, text)
        assert (found.before, found.token.strip()) == (before, token.strip())
        if "<unk>" not in before + token:  # the tokenizer of glass-en does not know every letter
            spelled += 1
            assert without_spaces(before + token) in without_spaces(text)
    assert spelled > 3


def without_spaces(text: str) -> str:
    return "".join(text.split())


def test_positions_count_within_the_document_without_the_token_before_a_window(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    params = asked(glass_record, select_tokens=4096)
    for bos in (None, 2):
        model = replace(glass, bos=bos)
        material = Material.of(model, records, params.sampling)

        found = measure_plan(material, params, Recorder())

        assert found.protocol.bos == (bos is not None)
        assert max(w.start for w in material.bench("select").windows) > 64
        assert any(t.position > 64 for t in found.guard.worst_tokens)
        for token in found.guard.worst_tokens:
            ids = glass.tokenize(records[token.document].text)
            assert token.token == glass.token_text(ids[token.position])
            before = glass.detokenize(ids[max(token.position - 24, 0) : token.position])
            assert before.endswith(token.before.strip()[-20:])


def test_canaries_are_texts_before_worst_tokens_of_different_documents_first(
    measured: PlanMeasurement,
) -> None:
    worst = measured.guard.worst_tokens
    first = [
        next(t.before for t in worst if t.document == k)
        for k in dict.fromkeys(t.document for t in worst)
    ]
    texts = [text for text in first if text.strip()]

    assert 1 <= len(measured.guard.canaries) <= 10
    assert measured.guard.canaries[: len(texts)] == list(dict.fromkeys(texts))[:10]
    assert len(set(measured.guard.canaries)) == len(measured.guard.canaries)
    assert set(measured.guard.canaries) <= {t.before for t in worst}


def jackknife(difference: Array, documents: NDArray[np.int64]) -> list[float]:
    names = np.unique(documents)
    K = len(names)
    without = np.array([difference[documents != name].mean() for name in names])
    error = np.sqrt((K - 1) / K * ((without - without.mean()) ** 2).sum())
    half = student.ppf(0.975, K - 1) * error
    return [difference.mean() - half, difference.mean() + half]


def test_categories_add_up(
    measured: PlanMeasurement, tokens: Tokens, records: list[Document]
) -> None:
    category = np.array([records[k].category or "" for k in tokens.document])
    documents = Counter(d.category for d in measured.documents)

    assert {c.category for c in measured.point.categories} == {"statements", "types"}
    for found in measured.point.categories:
        own = category == found.category
        assert found.documents == documents[found.category]
        assert found.tokens == own.sum()
        assert found.nll_diff == pytest.approx(tokens.difference[own].mean(), abs=1e-5)
        assert found.nll == pytest.approx(tokens.changed[own].mean(), abs=1e-5)
        assert found.kl == pytest.approx(tokens.kl[own].mean(), abs=1e-5)
        assert found.top1 == pytest.approx(tokens.same[own].mean(), abs=1e-12)
        if found.documents >= 5:
            interval = jackknife(tokens.difference[own], tokens.document[own])
            assert found.ci95 == pytest.approx(interval, abs=1e-5)
        else:
            assert found.ci95 is None
    sizes = [c.tokens for c in measured.point.categories]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(c.tokens for c in measured.point.categories) == (category != "").sum()


def test_a_dataset_without_categories_has_none(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    params = asked(glass_record)
    plain = Material(glass, [record.text for record in records], params.sampling)

    found = measure_plan(plain, params, Recorder())

    assert (found.point.categories, found.guard.worst_categories) == ([], [])
    assert {d.category for d in found.documents} == {None}


def test_a_dataset_of_one_document_is_cut_and_keeps_its_category(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    one = Document("\n".join(record.text for record in records[:40]), "manual")
    params = asked(glass_record, plan="1:drop")
    material = Material.of(glass, [one], params.sampling)

    found = measure_plan(material, params, Recorder())

    assert len(found.documents) == 4
    assert {d.category for d in found.documents} == {"manual"}
    assert [c.category for c in found.point.categories] == ["manual"]


def test_every_step_says_what_was_chosen(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document], material: Material
) -> None:
    params = asked(glass_record, plan="0:linear,1:drop,3:merged")

    found = measure_plan(material, params, Recorder())

    assert [(s.first, s.last, s.action) for s in found.steps] == [
        (0, 0, "linear"), (1, 1, "drop"), (3, 3, "merged"),
    ]  # fmt: skip
    linear, drop, merged = found.steps
    assert linear.ridge is not None
    assert linear.first_token in (["pass"], ["mean"])
    assert (drop.ridge, drop.first_token) == (None, None)
    assert merged.ridge is not None
    assert merged.first_token is None


def test_a_span_tells_its_one_ridge_and_a_rule_for_every_block(
    material: Material, glass_record: ModelRecord, records: list[Document]
) -> None:
    params = asked(glass_record, plan="1-2:linear", ridge=0.5)

    (step,) = measure_plan(material, params, Recorder()).steps

    assert (step.first, step.last, step.action) == (1, 2, "linear")
    assert step.first_token is not None
    assert len(step.first_token) == 2


@pytest.mark.parametrize("text", ["1:drop", "1:merged", "0:linear,2:merged", "1-2:merged,3:drop"])
def test_the_steps_of_a_measured_plan_are_the_steps_of_the_plan(
    text: str, material: Material, glass_record: ModelRecord, records: list[Document]
) -> None:
    found = measure_plan(material, asked(glass_record, plan=text), Recorder())

    steps = [Step(step.first, step.last, step.action) for step in found.steps]
    assert Plan(tuple(steps)).text == text


def test_a_fixed_ridge_is_the_one_that_is_used(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    params = asked(glass_record, plan="2:linear,1:merged", ridge=0.25)
    material = Material.of(glass, records, params.sampling)

    found = measure_plan(material, params, Recorder())

    assert [step.ridge for step in found.steps] == [0.25, 0.25]


# Splits, and a warm worker ----------------------------------------------------------------------


def spied(
    glass: LoadedModel, record: ModelRecord, records: list[Document], **given: Json
) -> tuple[PlanMeasurement, Material, set[str]]:
    read: set[str] = set()

    def tokenize(text: str) -> list[int]:
        read.add(text)
        return glass.tokenize(text)

    params = asked(record, **given)
    model = replace(glass, tokenize=tokenize)
    material = Material.of(model, records, params.sampling)
    return measure_plan(material, params, Recorder()), material, read


def texts_of(material: Material, records: list[Document], split: str) -> set[str]:
    return {records[k].text for k in material.documents_of(split)}


def test_the_report_split_is_read_only_when_it_is_asked_for(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    for given in ({}, {"fidelity": "preview"}):
        found, material, read = spied(glass, glass_record, records, **given)
        assert texts_of(material, records, "report").isdisjoint(read)
        assert found.protocol.split == "select"
        assert found.splits["report"].tokens == 0

    found, material, read = spied(glass, glass_record, records, split="report")
    reported = texts_of(material, records, "report")
    measured = {records[d.document].text for d in found.documents}
    assert found.protocol.split == "report"
    assert found.splits["report"].tokens == 512
    assert measured == reported & read
    assert measured.isdisjoint(texts_of(material, records, "fit"))
    assert measured.isdisjoint(texts_of(material, records, "select"))


def test_a_preview_measures_the_beginnings_of_a_few_documents(
    material: Material, glass_record: ModelRecord, records: list[Document]
) -> None:
    found = measure_plan(material, asked(glass_record, fidelity="preview"), Recorder())

    assert sum(len(w.ids) for w in material.bench("preview").windows) <= 512
    assert found.protocol.documents == found.protocol.windows == 8
    assert {w.code for w in found.warnings} >= {"preview"}
    assert all(w.start == 0 for w in material.bench("preview").windows)


def test_a_warm_worker_gives_the_numbers_of_a_cold_one(
    glass: LoadedModel,
    glass_record: ModelRecord,
    records: list[Document],
    cold: Callable[[PlanParams], PlanMeasurement],
) -> None:
    plans = ["1:linear,3:linear", "0:drop,2:linear", "1:merged,3:linear", "2-3:linear", "1:drop"]
    warm = Material.of(glass, records, asked(glass_record).sampling)
    for plan in plans:
        for fitting in ("one_shot", "sequential", "one_shot"):
            params = asked(glass_record, plan=plan, fitting=fitting)

            found = measure_plan(warm, params, Recorder())

            assert numbers(found) == numbers(cold(params)), (plan, fitting)


@pytest.fixture
def cold(glass: LoadedModel, records: list[Document]) -> Callable[[PlanParams], PlanMeasurement]:
    """Measure with nothing made before."""

    def measure(params: PlanParams) -> PlanMeasurement:
        material = Material.of(glass, records, params.sampling)
        return measure_plan(material, params, Recorder())

    return measure


def numbers(measured: PlanMeasurement) -> dict[str, Json]:
    """Everything but the work."""
    values = asdict(measured)
    del values["work"]
    return values
