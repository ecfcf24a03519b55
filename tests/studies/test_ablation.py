"""An ablation of glass-en, end to end, against plain forward passes and its own definitions."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.ablation import (
    STRATEGIES,
    AblationParams,
    AblationResult,
    Curve,
    Point,
    RankCorrelation,
    SingleDamage,
    parse_params,
)
from linearity.contracts.actions import Plan, Step, parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import RIDGES
from linearity.contracts.plan import parse_params as parse_plan_params
from linearity.errors import RunCancelledError
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out
from linearity.ports import NoCheckpoints
from linearity.studies.ablation import AblationMeasurement, measure_ablation
from linearity.studies.ablation_finding import ablation_finding
from linearity.studies.material import Material
from linearity.studies.plan import measure_plan
from tests.oracles import Affine, changed_network, last_states, logits_of, mean_loss, with_layers
from tests.prune.test_strategies import spearman
from tests.studies.recorder import Recorder

Array = NDArray[np.float64]
SAMPLING: dict[str, Json] = {
    "fit_tokens": 4096, "select_tokens": 1024, "report_tokens": 1024, "context": 64, "seed": 3,
    "attention": "eager",
}  # fmt: skip
EVERYTHING: dict[str, Json] = {
    **SAMPLING, "strategies": "all", "actions": "all", "fitting": "all", "changed": 3,
    "interaction": 4,
}  # fmt: skip
L = 4


class Memory(NoCheckpoints):
    """Checkpoints in memory; every save is noted."""

    def __init__(self) -> None:
        self.kept: dict[str, Json] = {}
        self.saved: list[str] = []

    def load(self) -> dict[str, Json]:
        return dict(self.kept)

    def save(self, name: str, value: Json) -> None:
        self.saved.append(name)
        self.kept[name] = json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def params(glass_record: ModelRecord) -> AblationParams:
    return parse_params(EVERYTHING, model=glass_record)


@pytest.fixture(scope="module")
def material(glass: LoadedModel, documents: list[str], params: AblationParams) -> Material:
    return Material(glass, documents, params.sampling)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def saved() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def measured(
    material: Material, params: AblationParams, recorder: Recorder, saved: Memory
) -> AblationMeasurement:
    return measure_ablation(material, params, recorder, saved)


@pytest.fixture(scope="module")
def loss_of(
    glass: LoadedModel, material: Material, measured: AblationMeasurement
) -> Callable[[str, str | None], float]:
    """The mean cross-entropy of a plan by one full forward pass a window, under surgery."""
    windows = [window.ids for window in material.bench("select").windows]
    known: dict[tuple[str, str], float] = {}

    def loss(plan: str, fitting: str | None) -> float:
        key = (plan, fitting or "one_shot")
        if key not in known:
            changes = material.changes(parse_plan(plan, blocks=L), key[1])
            with carried_out(glass, changes) as network:
                known[key] = mean_loss(network, windows)
        return known[key]

    return loss


def points(measured: AblationMeasurement) -> Iterator[tuple[Curve, Point]]:
    for curve in measured.curves:
        for point in curve.points:
            yield curve, point


def damages(measured: AblationMeasurement, action: str) -> dict[int, float]:
    return {item.block: item.nll_diff for item in measured.single if item.action == action}


def test_there_is_a_curve_for_every_strategy_action_and_fitting(
    measured: AblationMeasurement, params: AblationParams
) -> None:
    found = [(c.strategy, c.action, c.fitting, c.seed) for c in measured.curves]
    expected = [
        (strategy, action, fitting, seed)
        for strategy in STRATEGIES
        for action in ("drop", "linear", "merged")
        for fitting in ((None,) if action == "drop" else ("one_shot", "sequential"))
        for seed in (range(5) if strategy == "random" else (None,))
    ]

    assert found == expected
    assert len(set(found)) == 55
    for curve in measured.curves:
        assert [p.changed for p in curve.points] == list(range(1, len(curve.points) + 1))
        assert len(curve.points) == 3


def test_every_loss_equals_a_full_forward_pass(
    measured: AblationMeasurement, loss_of: Callable[[str, str | None], float]
) -> None:
    for curve, point in points(measured):
        where = f"{curve.strategy}, {curve.fitting}: {point.plan}"
        assert point.nll == pytest.approx(loss_of(point.plan, curve.fitting), abs=1e-5), where
    for item in measured.single:
        loss = loss_of(f"{item.block}:{item.action}", None)
        assert item.nll_diff == pytest.approx(loss - measured.dense["nll"], abs=1e-5)


def test_one_shot_losses_equal_a_model_that_was_built_by_hand(
    glass: LoadedModel, material: Material, measured: AblationMeasurement
) -> None:
    windows = [window.ids for window in material.bench("select").windows]
    plans = {p.plan: p.nll for c, p in points(measured) if c.fitting != "sequential"}
    dense = mean_loss(glass.network, windows)

    assert measured.dense == {
        "nll": pytest.approx(dense, abs=1e-6),
        "ppl": pytest.approx(math.exp(dense), rel=1e-6),
    }
    for plan, nll in list(plans.items())[::2]:
        network = changed_network(glass, material, parse_plan(plan, blocks=L))
        assert nll == pytest.approx(mean_loss(network, windows), abs=1e-5), plan


def test_the_numbers_of_a_point_agree_with_each_other(measured: AblationMeasurement) -> None:
    for _, point in points(measured):
        plan = parse_plan(point.plan, blocks=L)
        assert point.changed == plan.changed
        assert point.edge == bool({0, L - 1} & set(plan.blocks))
        assert point.ppl == pytest.approx(math.exp(point.nll), rel=1e-12)
        assert point.nll_diff == pytest.approx(point.nll - measured.dense["nll"], abs=1e-12)
        assert point.ci95 is not None
        assert sum(point.ci95) / 2 == pytest.approx(point.nll_diff, abs=1e-12)
        assert point.kl > 0.0
        assert 0.0 <= point.top1 <= 1.0
        assert 0.0 <= point.top5 <= 1.0


def test_curves_are_nested_and_follow_their_order(measured: AblationMeasurement) -> None:
    for curve in measured.curves:
        if curve.order is None:
            assert curve.strategy == "span_angular"
            spans = [parse_plan(p.plan, blocks=L).steps for p in curve.points]
            assert all(len(steps) == 1 for steps in spans)
            continue
        for k, point in enumerate(curve.points):
            assert point.plan == Plan.of(curve.order[: k + 1], curve.action).text


def test_random_orders_differ_and_are_the_same_for_every_action(
    measured: AblationMeasurement,
) -> None:
    orders = {
        action: ranked_by(measured, "random", action) for action in ("drop", "linear", "merged")
    }

    assert len({tuple(order) for order in orders["drop"]}) > 1
    assert orders["linear"] == orders["drop"]
    assert orders["merged"] == [[b for b in order if b != 0] for order in orders["drop"]]


def test_single_damage_orders_blocks_by_what_was_measured(measured: AblationMeasurement) -> None:
    for curve in measured.curves:
        if curve.strategy == "single_damage":
            damage = damages(measured, curve.action)
            assert curve.order == sorted(damage, key=damage.__getitem__)[:3]


def test_pairs_interact_by_definition(
    measured: AblationMeasurement, loss_of: Callable[[str, str | None], float]
) -> None:
    found, alone = measured.interaction, damages(measured, "drop")
    assert found is not None
    assert found.blocks == [0, 1, 2, 3]
    for i, j in combinations(range(L), 2):
        both = loss_of(Plan.of([i, j], "drop").text, None) - measured.dense["nll"]
        assert found.damage[i][j] == found.damage[j][i] == pytest.approx(both, abs=1e-5)
        assert found.interaction[i][j] == pytest.approx(both - alone[i] - alone[j], abs=1e-5)
    for i in range(L):
        assert found.damage[i][i] == alone[i]
        assert found.interaction[i][: i + 1] == [None] * (i + 1)


def test_the_interaction_map_takes_the_mildest_blocks(
    material: Material, measured: AblationMeasurement, glass_record: ModelRecord
) -> None:
    params = parse_params(
        {**SAMPLING, "strategies": "single_damage", "actions": "linear", "interaction": 2},
        model=glass_record,
    )
    damage = damages(measured, "drop")

    found = measure_ablation(material, params, Recorder()).interaction

    assert found is not None
    assert found.blocks == sorted(sorted(damage, key=damage.__getitem__)[:2])


def ranked_by(measured: AblationMeasurement, strategy: str, action: str) -> list[list[int]]:
    """Return the blocks that a strategy ranks, in order, for every seed that it has."""
    orders = [
        curve.order
        for curve in measured.curves
        if (curve.strategy, curve.action) == (strategy, action)
        and curve.fitting in (None, "one_shot")
        and curve.order is not None
    ]
    if strategy == "greedy_loss":
        return orders
    if strategy == "random":  # three of four blocks are changed, so the last is the one left
        return [[*order, *(damages(measured, action).keys() - order)] for order in orders]
    scores = {(s.strategy, s.action): s.values for s in measured.scores}
    values = scores[strategy, action if strategy == "single_damage" else None]
    return [sorted(damages(measured, action), key=lambda block: values[block] or 0.0)]


def test_rank_correlations_are_spearmans_with_the_damage_of_single_blocks(
    measured: AblationMeasurement,
) -> None:
    for found in measured.rank_correlation:
        damage = damages(measured, found.action)
        orders = ranked_by(measured, found.strategy, found.action)
        values = [
            spearman(np.linspace(0, 1, len(order)), np.array([damage[block] for block in order]))
            for order in orders
        ]

        assert found.spearman == pytest.approx(float(np.mean(values)), abs=1e-9), found
        assert found.blocks == len(orders[0])
        assert found.by_definition == (found.strategy == "single_damage")
    assert [(f.strategy, f.action) for f in measured.rank_correlation] == [
        (strategy, action) for strategy in STRATEGIES for action in ("drop", "linear", "merged")
    ]


# What strategies rank by, from plain states -------------------------------------------------


def states_of(
    glass: LoadedModel, windows: Sequence[tuple[int, ...]]
) -> tuple[Array, NDArray[np.bool_]]:
    """Return all dense states, (N, 5, d), in float64, and which tokens stand first."""
    states = [torch.stack(last_states(glass.network, ids), dim=1) for ids in windows]
    first = [np.arange(len(ids)) == 0 for ids in windows]
    return torch.cat(states).double().numpy(), np.concatenate(first)


def shrunk(X: Array, Y: Array, ridge: float) -> Ridge:
    scale = ((X - X.mean(0)) ** 2).sum() / X.shape[1]
    return Ridge(alpha=ridge * scale, solver="cholesky").fit(X, Y - X)


def validated(X: Array, Y: Array, validation: NDArray[np.bool_]) -> Ridge:
    def error(ridge: float) -> float:
        fitted = shrunk(X[~validation], Y[~validation], ridge)
        new_x, new_y = X[validation], Y[validation]
        return float(((new_y - new_x - fitted.predict(new_x)) ** 2).sum())

    return shrunk(X, Y, min(RIDGES, key=error))


class FitTexts:
    """Split F as plain numbers."""

    def __init__(self, material: Material) -> None:
        batches = material.fit().passages.batches
        windows = [window for batch in batches for window in batch.windows]
        self.ids = [window.ids for window in windows]
        self.first = np.concatenate([np.arange(len(ids)) == 0 for ids in self.ids])
        self.validation = np.concatenate(
            [np.full(len(w.ids), w.role == "validation") for w in windows]
        )


def test_strategies_rank_by_scores_that_equal_scikit_learn(
    glass: LoadedModel, material: Material, measured: AblationMeasurement
) -> None:
    texts = FitTexts(material)
    fit, _ = states_of(glass, texts.ids)
    new, first = states_of(glass, [w.ids for w in material.bench("select").windows])
    ordinary = ~texts.first
    expected: dict[str, list[float]] = {
        "update_linearity": [], "stream_linearity": [], "block_influence": [], "span_angular": [],
    }  # fmt: skip
    for b in range(L):
        X, Y = fit[ordinary, b], fit[ordinary, b + 1]
        fitted = validated(X, Y, texts.validation[ordinary])
        x, y = new[~first, b], new[~first, b + 1]
        u = fitted.predict(x)
        cosine = (X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1)
        expected["stream_linearity"].append(1 - r2_score(y, x + u, multioutput="variance_weighted"))
        expected["update_linearity"].append(1 - r2_score(y - x, u, multioutput="variance_weighted"))
        expected["block_influence"].append(1 - cosine.mean())
        expected["span_angular"].append((np.arccos(cosine) / np.pi).mean())
    found = {s.strategy: s.values for s in measured.scores if s.action is None}

    assert set(found) == set(expected)
    for strategy, values in expected.items():
        assert found[strategy] == pytest.approx(values, abs=1e-5), strategy


def test_span_angular_takes_the_span_whose_ends_are_closest(
    glass: LoadedModel, material: Material, measured: AblationMeasurement
) -> None:
    texts = FitTexts(material)
    fit, _ = states_of(glass, texts.ids)
    fit = fit[~texts.first]
    unit = fit / np.linalg.norm(fit, axis=2, keepdims=True)

    def angle(start: int, length: int) -> float:
        cosine = (unit[:, start] * unit[:, start + length]).sum(1)
        return float((np.arccos(np.clip(cosine, -1, 1)) / np.pi).mean())

    for curve in measured.curves:
        if curve.strategy != "span_angular":
            continue
        lowest = 1 if curve.action == "merged" else 0
        for length, point in enumerate(curve.points, start=1):
            start = min(range(lowest, L + 1 - length), key=lambda s: angle(s, length))
            assert point.plan == Plan((Step(start, start + length - 1, curve.action),)).text


# Sequential fitting ---------------------------------------------------------------------------


def test_sequential_maps_are_fitted_on_the_states_of_the_changed_model(
    glass: LoadedModel, material: Material
) -> None:
    texts = FitTexts(material)
    dense = [last_states(glass.network, ids) for ids in texts.ids]
    ordinary = ~texts.first

    def entering(layers: list[torch.nn.Module], index: int) -> Array:
        network = with_layers(glass, layers)
        return np.asarray(
            torch.cat([last_states(network, ids)[index] for ids in texts.ids]).double().numpy()
        )

    def target(index: int) -> Array:
        return np.asarray(torch.cat([states[index] for states in dense]).double().numpy())

    material.rules.update({1: "mean", 2: "mean"})
    X, Y = target(1), target(2)
    one = validated(X[ordinary], Y[ordinary], texts.validation[ordinary])
    first = torch.from_numpy((Y - X)[texts.first].mean(0))
    affine = Affine(torch.from_numpy(one.coef_.T), torch.from_numpy(one.intercept_), first)
    blocks = list(glass.network.model.layers)  # type: ignore[union-attr,arg-type]
    X, Y = entering([blocks[0], affine, blocks[2]], 2), target(3)
    two = validated(X[ordinary], Y[ordinary], texts.validation[ordinary])
    second_first = (Y - X)[texts.first].mean(0)

    other = Material(glass, list(material.parts), material.sampling)
    other.rules.update({1: "mean", 2: "mean"})
    built = other.build(parse_plan("1:linear,2:linear", blocks=L), "sequential")
    fused = built.changes[1].linear
    assert fused is not None
    W1, W2 = one.coef_.T, two.coef_.T
    expected = W1 + W2 + W1 @ W2

    np.testing.assert_allclose(fused.transposed.T.double().numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(
        fused.bias.double().numpy(),
        one.intercept_ + two.intercept_ + one.intercept_ @ W2,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        fused.first.double().numpy(), first.numpy() + second_first, atol=1e-3
    )


def test_sequential_differs_from_one_shot_behind_a_change_and_only_there(
    measured: AblationMeasurement,
) -> None:
    found = {(c.strategy, c.action, c.seed, p.plan, c.fitting): p.nll for c, p in points(measured)}
    later = 0
    for (strategy, action, seed, plan, fitting), nll in found.items():
        if fitting != "sequential":
            continue
        other = found[strategy, action, seed, plan, "one_shot"]
        if len(parse_plan(plan, blocks=L).steps) == 1:
            assert nll == pytest.approx(other, abs=1e-6)
        else:
            later += abs(nll - other) > 1e-4
    assert later > 10


# Streaming, stopping, resuming -----------------------------------------------------------------


def test_progress_never_goes_back_nor_past_the_end(
    measured: AblationMeasurement, recorder: Recorder
) -> None:
    done = [step[0] for step in recorder.steps]
    shares = [step[3] for step in recorder.steps]

    assert done == sorted(done)
    assert done[-1] == recorder.steps[-1][1]
    assert done[-2] >= done[-1] - 1  # the last measurement brought it there
    assert max(shares[:-1]) <= 1.0
    assert shares[-1] == 1.0


def test_partial_results_have_the_shape_of_the_result(
    measured: AblationMeasurement, recorder: Recorder
) -> None:
    envelope = {
        "id", "created", "model", "dataset", "params", "environment", "kind", "schema", "method",
    }  # fmt: skip
    keys = {field.name for field in fields(AblationResult)} - envelope

    assert len(recorder.partials) > 20
    for partial in recorder.partials:
        assert set(partial) == keys | {"partial"}
        json.dumps(partial, allow_nan=False)
    single = [len(partial["single"]) for partial in recorder.partials]  # type: ignore[arg-type]
    assert single == sorted(single)
    last = recorder.partials[-1]
    assert last["curves"] == [asdict(curve) for curve in measured.curves]
    assert last["scores"] == [asdict(scores) for scores in measured.scores]
    assert last["protocol"] == asdict(measured.protocol)


def as_json(measured: AblationMeasurement) -> str:
    """Everything but the work, which a resumed run has less of."""
    return json.dumps(asdict(replace(measured, work=None)), allow_nan=False)  # type: ignore[arg-type]


class Stopping(Recorder):
    """Stops a run as soon as it reports so many measurements."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        super().step(done, total, unit, share)
        if done >= self._at:
            raise RunCancelledError("stopped by the test")


SHORT: dict[str, Json] = {
    **SAMPLING, "fit_tokens": 1024, "select_tokens": 512,
    "strategies": ["update_linearity", "greedy_loss", "random"],
    "actions": ["linear", "merged"], "fitting": "all", "changed": 2, "interaction": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def short(glass_record: ModelRecord) -> AblationParams:
    return parse_params(SHORT, model=glass_record)


@pytest.fixture(scope="module")
def whole(
    glass: LoadedModel, documents: list[str], short: AblationParams
) -> tuple[AblationMeasurement, Memory, int]:
    memory = Memory()
    recorder = Recorder()
    found = measure_ablation(Material(glass, documents, short.sampling), short, recorder, memory)
    return found, memory, recorder.steps[-1][1]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.22, 0.26, 0.5, 0.99])
def test_a_run_that_was_stopped_goes_on_and_ends_in_the_same_result(
    share: float,
    glass: LoadedModel,
    documents: list[str],
    short: AblationParams,
    whole: tuple[AblationMeasurement, Memory, int],
) -> None:
    expected, complete, total = whole
    memory = Memory()
    with pytest.raises(RunCancelledError):
        measure_ablation(
            Material(glass, documents, short.sampling), short, Stopping(int(share * total)), memory
        )
    before = list(memory.saved)
    again = Material(glass, documents, short.sampling)

    found = measure_ablation(again, short, Recorder(), memory)

    added = memory.saved[len(before) :]
    quality = [name for name in memory.saved if name.startswith("quality:")]
    assert as_json(found) == as_json(expected)
    assert memory.kept == complete.kept
    assert len(quality) == len(set(quality))
    assert not {name for name in before if not name.startswith("greedy:")} & set(added)
    if share:
        assert found.work.head_runs < expected.work.head_runs


def test_a_finished_run_that_is_taken_up_again_measures_nothing(
    glass: LoadedModel,
    documents: list[str],
    short: AblationParams,
    whole: tuple[AblationMeasurement, Memory, int],
) -> None:
    expected, complete, _ = whole
    memory = Memory()
    memory.kept = dict(complete.kept)

    found = measure_ablation(Material(glass, documents, short.sampling), short, Recorder(), memory)

    assert as_json(found) == as_json(expected)
    assert memory.saved == []
    assert (found.work.block_runs, found.work.head_runs) == (0, 0)


def test_a_run_goes_on_from_checkpoints_on_a_disk(
    tmp_path: Path,
    glass: LoadedModel,
    documents: list[str],
    short: AblationParams,
    whole: tuple[AblationMeasurement, Memory, int],
) -> None:
    for recorder in (Stopping(whole[2] // 2), Recorder()):
        material = Material(glass, documents, short.sampling)
        try:
            found = measure_ablation(material, short, recorder, FileCheckpoints(tmp_path, "0" * 32))
        except RunCancelledError:
            continue

    assert as_json(found) == as_json(whole[0])


def test_the_same_plan_is_measured_once(measured: AblationMeasurement, saved: Memory) -> None:
    names = [name for name in saved.saved if name.startswith("quality:")]

    assert len(names) == len(set(names))
    assert len(names) < sum(len(c.points) for c in measured.curves) / 2


# What is read, and what stays closed ----------------------------------------------------------


def test_a_plan_gives_the_numbers_of_the_curves_point(
    glass: LoadedModel,
    documents: list[str],
    glass_record: ModelRecord,
    measured: AblationMeasurement,
) -> None:
    wanted = {
        (p.plan, c.fitting or "one_shot"): p
        for c, p in points(measured)
        if c.strategy in ("single_damage", "span_angular") and p.changed > 1
    }
    params = [
        parse_plan_params({**SAMPLING, "plan": plan, "fitting": fitting}, model=glass_record)
        for plan, fitting in wanted
    ]
    material = Material(glass, documents, params[0].sampling)
    for asked, point in zip(params, wanted.values(), strict=True):
        found = measure_plan(material, asked, Recorder())

        assert asdict(found.point) == asdict(point)
        assert found.dense == measured.dense
        assert found.protocol == measured.protocol


def test_an_ablation_never_reads_a_text_of_the_report_split(
    glass: LoadedModel, documents: list[str], glass_record: ModelRecord
) -> None:
    read: set[str] = set()

    def tokenize(text: str) -> list[int]:
        read.add(text)
        return glass.tokenize(text)

    params = parse_params(
        {**SAMPLING, "strategies": "all", "changed": 1, "interaction": 0}, model=glass_record
    )
    material = Material(replace(glass, tokenize=tokenize), documents, params.sampling)

    found = measure_ablation(material, params, Recorder())

    closed = {documents[k] for k in material.documents_of("report")}
    assert closed
    assert closed.isdisjoint(read)
    assert found.splits["report"].used_documents == found.splits["report"].tokens == 0
    assert found.splits["fit"].tokens == 4096
    assert found.splits["select"].tokens == 1024


def test_the_protocol_says_how_it_was_measured(
    measured: AblationMeasurement, material: Material
) -> None:
    windows = material.bench("select").windows
    protocol = measured.protocol

    assert protocol.split == "select"
    assert protocol.tokens == sum(len(window.ids) - 1 for window in windows)
    assert protocol.windows == len(windows)
    assert protocol.documents == len({window.document for window in windows})
    assert (protocol.context, protocol.stride, protocol.bos) == (64, 64, False)


def rules_of(measured: AblationMeasurement) -> dict[int, str | None]:
    return {item.block: item.rule for item in measured.single if item.action == "linear"}


def test_the_first_token_rule_is_the_one_that_does_less_damage_on_short_texts(
    glass: LoadedModel, documents: list[str], params: AblationParams, measured: AblationMeasurement
) -> None:
    windows = []
    seen: set[int] = set()
    select = Material(glass, documents, params.sampling).bench("select").windows
    for window in select:
        if window.document not in seen and len(seen) < 8:
            seen.add(window.document)
            windows.append(window.ids[: 512 // min(8, len({w.document for w in select}))])
    for block, rule in rules_of(measured).items():
        losses = {}
        for name in ("pass", "mean"):
            material = Material(glass, documents, params.sampling)
            material.rules[block] = name
            plan = Plan((Step(block, block, "linear"),))
            losses[name] = mean_loss(changed_network(glass, material, plan), windows)
        assert rule == min(losses, key=losses.__getitem__), losses


def edges(single: Sequence[SingleDamage]) -> set[int]:
    return {item.block for item in single if item.edge}


def test_the_first_and_last_block_are_flagged(measured: AblationMeasurement) -> None:
    assert edges(measured.single) == {0, 3}
    assert {item.block for item in measured.single if item.action == "merged"} == {1, 2, 3}


def test_what_the_heads_see_is_a_probability(glass: LoadedModel, material: Material) -> None:
    """The logits of the bench are those of the network."""
    window = material.bench("select").windows[0]
    states = last_states(glass.network, window.ids)[-1]

    torch.testing.assert_close(
        material.bench("select").head(states), logits_of(glass.network, window.ids)
    )


def test_a_strategy_without_correlation_agrees_better_than_one_that_is_upside_down() -> None:
    found = ablation_finding(
        [],
        [],
        [
            RankCorrelation("update_linearity", "drop", -0.4, 4, by_definition=False),
            RankCorrelation("block_influence", "drop", 0.0, 4, by_definition=False),
            RankCorrelation("single_damage", "drop", 1.0, 4, by_definition=True),
        ],
    )

    assert "block influence agrees best" in found["en"]
    assert "ブロック影響度" in found["ja"]
