"""Numbers by category of an ablation and of answers, against plain passes and plain counting."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.ablation import AblationParams, parse_params
from linearity.contracts.actions import parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.common import CategoryQuality
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.evaluate.answer_categories import answers_by_category, wilson_interval
from linearity.evaluate.answers import Exchange, compare
from linearity.evaluate.categories import Categories, worse_than_all
from linearity.models.generation import Answer
from linearity.models.loaded import LoadedModel
from linearity.ports import NoCheckpoints
from linearity.studies.ablation import AblationMeasurement, measure_ablation
from linearity.studies.category_finding import worst_category
from linearity.studies.material import Material
from tests.oracles import changed_network, divergences, logits_of
from tests.studies.recorder import Recorder

Array = NDArray[np.float64]
SMALL: dict[str, Json] = {
    "fit_tokens": 1024, "select_tokens": 1024, "context": 64, "seed": 3, "attention": "eager",
    "strategies": ["single_damage"], "actions": ["drop", "linear"], "changed": 2, "interaction": 0,
}  # fmt: skip
ROUTES = ("search", "search", "translate", None)
L = 4


@pytest.fixture(scope="module")
def records(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[Document]:
    texts = load_documents(docs_record, small_store)
    return [Document(text, ROUTES[k % 4]) for k, text in enumerate(texts)]


@pytest.fixture(scope="module")
def params(glass_record: ModelRecord) -> AblationParams:
    return parse_params(SMALL, model=glass_record)


@pytest.fixture(scope="module")
def material(glass: LoadedModel, records: list[Document], params: AblationParams) -> Material:
    return Material.of(glass, records, params.sampling)


@pytest.fixture(scope="module")
def measured(material: Material, params: AblationParams) -> AblationMeasurement:
    return measure_ablation(material, params, Recorder())


def expected(
    glass: LoadedModel, material: Material, plan: str, documents: Sequence[int]
) -> tuple[Array, Array, Array, Array]:
    """Return document, changed loss, difference and divergence of every token, by full passes."""
    network = changed_network(glass, material, parse_plan(plan, blocks=L))
    columns: list[tuple[Array, ...]] = []
    for window in material.bench("select").windows:
        if window.document not in documents:
            continue
        dense, changed = (logits_of(net, window.ids)[:-1] for net in (glass.network, network))
        targets = torch.tensor(window.ids[1:])
        before, after = (
            torch.nn.functional.cross_entropy(x.double(), targets, reduction="none").numpy()
            for x in (dense, changed)
        )
        kl = divergences(dense.numpy(), changed.numpy())
        columns.append((np.full(len(targets), window.document), after, after - before, kl))
    document, loss, difference, kl = (np.concatenate(c) for c in zip(*columns, strict=True))
    return document, loss, difference, kl


def jackknife(difference: Array, documents: Array) -> list[float]:
    names = np.unique(documents)
    K = len(names)
    without = np.array([difference[documents != name].mean() for name in names])
    error = np.sqrt((K - 1) / K * ((without - without.mean()) ** 2).sum())
    half = student.ppf(0.975, K - 1) * error
    return [difference.mean() - half, difference.mean() + half]


@pytest.mark.parametrize("action", ["drop", "linear"])
def test_every_point_speaks_for_every_category(
    glass: LoadedModel,
    material: Material,
    measured: AblationMeasurement,
    records: list[Document],
    action: str,
) -> None:
    point = next(c for c in measured.curves if c.action == action).points[-1]

    assert [item.category for item in point.categories] == ["search", "translate"]
    for found in point.categories:
        members = [k for k, record in enumerate(records) if record.category == found.category]
        document, loss, difference, kl = expected(glass, material, point.plan, members)
        assert found.documents == len(np.unique(document))
        assert found.tokens == len(loss)
        assert found.nll == pytest.approx(loss.mean(), abs=1e-5)
        assert found.nll_diff == pytest.approx(difference.mean(), abs=1e-5)
        assert found.kl == pytest.approx(kl.mean(), abs=1e-5)
        if found.documents < 5:
            assert found.ci95 is None
        else:
            assert found.ci95 == pytest.approx(jackknife(difference, document), abs=1e-5)
    assert any(found.ci95 is not None for found in point.categories)


def test_single_blocks_speak_for_every_category_and_add_up(
    measured: AblationMeasurement, material: Material
) -> None:
    assert {item.category for one in measured.single for item in one.categories} == {
        "search",
        "translate",
    }
    for one in measured.single:
        for item in one.categories:
            assert 0.0 <= item.top1 <= 1.0
    named = sum(item.tokens for item in measured.single[0].categories)
    assert named < measured.protocol.tokens  # some documents have no category


def test_without_categories_the_numbers_are_the_same_to_the_bit(
    glass: LoadedModel, records: list[Document], params: AblationParams
) -> None:
    texts = [record.text for record in records]
    plain, single = (
        measure_ablation(material, params, Recorder())
        for material in (
            Material(glass, texts, params.sampling),
            Material(glass, texts, params.sampling, ["only"] * len(texts)),
        )
    )

    assert all(point.categories == [] for curve in plain.curves for point in curve.points)
    assert not {w.code for w in plain.warnings} & {"few_documents_in_category", "more_categories"}
    for one, other in zip(plain.curves, single.curves, strict=True):
        (first,) = other.points[0].categories
        # The only category is the whole.
        assert (first.nll_diff, first.ci95, first.kl) == (
            one.points[0].nll_diff,
            one.points[0].ci95,
            one.points[0].kl,
        )
        assert one.points == [replace(point, categories=[]) for point in other.points]


def test_a_run_that_is_taken_up_again_knows_its_categories(
    glass: LoadedModel, records: list[Document], params: AblationParams
) -> None:
    kept: dict[str, Json] = {}

    class Memory(NoCheckpoints):
        def load(self) -> dict[str, Json]:
            return dict(kept)

        def save(self, name: str, value: Json) -> None:
            kept[name] = value

    runs = [
        measure_ablation(Material.of(glass, records, params.sampling), params, Recorder(), Memory())
        for _ in range(2)
    ]

    assert runs[0].curves == runs[1].curves
    assert runs[1].work.head_runs == 0


def test_only_twenty_categories_have_numbers_and_the_rest_is_told() -> None:
    documents = torch.arange(25).repeat_interleave(torch.arange(1, 26))

    found = Categories.of(documents, [f"route {k:02d}" for k in range(25)])

    assert list(found.rows) == [f"route {k:02d}" for k in range(24, 4, -1)]
    assert sorted(found.left_out) == [f"route {k:02d}" for k in range(5)]
    assert [int(rows.sum()) for rows in found.rows.values()] == list(range(25, 5, -1))


def category(name: str, damage: float, interval: list[float] | None) -> CategoryQuality:
    return CategoryQuality(name, 6, 100, 3.0 + damage, damage, interval, damage, 0.9)


def test_only_what_is_clearly_worse_is_named() -> None:
    mild = category("mild", 0.1, [0.05, 0.15])
    unsure = category("unsure", 0.9, [0.1, 1.7])
    unknown = category("unknown", 2.0, None)
    worse, worst = category("worse", 0.5, [0.4, 0.6]), category("worst", 0.7, [0.5, 0.9])
    everything = [mild, unsure, unknown, worse, worst]

    assert [item.category for item in worse_than_all(everything, 0.3)] == ["worst", "worse"]
    assert worst_category([mild, unsure, unknown], 0.3) is None
    english, japanese = worst_category(everything, 0.3) or ("", "")
    assert "“worst”" in english
    assert "+0.700" in english
    assert "「worst」" in japanese


@pytest.mark.parametrize(("hits", "total"), [(0, 7), (7, 7), (1, 1), (3, 15), (180, 200)])
def test_shares_have_wilsons_interval(hits: int, total: int) -> None:
    wanted = binomtest(hits, total).proportion_ci(0.95, "wilson")

    assert wilson_interval(hits, total) == pytest.approx([wanted.low, wanted.high], abs=1e-12)


def test_answers_are_counted_by_category() -> None:
    exchanges = [
        Exchange(k, f"prompt {k}", Answer((1, 2, 3), stopped=True), Answer(tokens, stopped=False),
                 category=route)
        for k, (tokens, route) in enumerate(
            [((1, 2, 3), "a"), ((1, 9), "a"), ((1, 2, 9), "a"), ((5,), "b"), ((1, 2, 3), None)]
        )
    ]  # fmt: skip
    pairs = [compare(exchange, str) for exchange in exchanges]

    first, second = answers_by_category(exchanges, pairs)

    assert (first.category, first.prompts, first.documents, first.identical) == ("a", 3, 3, 1)
    assert first.agreement == pytest.approx((1 + 1 / 3 + 2 / 3) / 3)
    assert first.agreement_ci95 is None
    assert (second.category, second.identical, second.changed.mean_tokens) == ("b", 0, 1.0)
