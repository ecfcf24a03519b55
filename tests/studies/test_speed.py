"""The study `speed` on glass-en: turns, sizes, expectations, lengths; no number of seconds."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import fmean, median
from typing import Any, cast

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from linearity.adapters.engine import engine_here
from linearity.adapters.inputs import load_records
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.speed import parse_params
from linearity.contracts.timings import METRICS
from linearity.errors import RunCancelledError
from linearity.models import decoding
from linearity.models.changes import LinearBlock, Segment, dropped, kept, unchanged
from linearity.models.families import find_layout
from linearity.models.healed import HealedWeights, healed_tensors
from linearity.models.loaded import LoadedModel
from linearity.studies.changed_model import build_changed
from linearity.studies.material import Material
from linearity.studies.speed import SpeedMeasurement, measure_speed
from linearity.studies.speed_sizes import side_size
from tests.studies.recorder import Recorder

ENGINE = engine_here("cpu", dtype="float32", attention="eager")
SMALL: dict[str, Json] = {
    "plan": "1:drop", "batches": [1, 3], "prompt_tokens": 10, "new_tokens": 4, "warmup": 1,
    "fit_tokens": 2048, "select_tokens": 256, "context": 64,
}  # fmt: skip

Measuring = Callable[..., SpeedMeasurement]


@pytest.fixture(scope="module")
def records(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[Document]:
    return load_records(docs_record, small_store)


@pytest.fixture(scope="module")
def measure(glass: LoadedModel, glass_record: ModelRecord, records: list[Document]) -> Measuring:
    def run(
        recorder: Recorder | None = None, given: Sequence[Document] = (), **params: Json
    ) -> SpeedMeasurement:
        parsed = parse_params({**SMALL, **params}, model=glass_record)
        texts = given or records
        material = Material.of(glass, texts, parsed.sampling)
        return measure_speed(material, parsed, texts, recorder or Recorder(), engine=ENGINE)

    return run


@pytest.fixture(scope="module")
def measured(measure: Measuring) -> SpeedMeasurement:
    return measure()


def test_every_load_has_every_metric_of_every_pair(measured: SpeedMeasurement) -> None:
    assert [point.load for point in measured.points] == [1, 3]
    for point in measured.points:
        assert [timing.metric for timing in point.timings] == list(METRICS)
        for timing in point.timings:
            assert [len(values) for values in timing.pairs.values()] == [10, 10]
            assert timing.dense.count == (30 if timing.metric == "gap" else 10)
            assert timing.speedup is not None
            assert timing.speedup.pairs == 10


def test_numbers_are_those_of_the_pairs(measured: SpeedMeasurement) -> None:
    first, following, _, request, throughput = measured.points[1].timings
    for side in ("dense", "changed"):
        whole = zip(first.pairs[side], following.pairs[side], request.pairs[side], strict=True)
        assert all(total == pytest.approx(start + 3 * step) for start, step, total in whole)
        rates = [3 * 4 / seconds for seconds in request.pairs[side]]
        assert throughput.pairs[side] == pytest.approx(rates)
    ratios = [d / c for d, c in zip(first.pairs["dense"], first.pairs["changed"], strict=True)]
    assert first.speedup is not None
    assert first.speedup.value == pytest.approx(median(ratios))
    assert first.dense.mean == pytest.approx(fmean(first.pairs["dense"]))


def test_the_two_sides_take_turns_and_read_the_same(
    measure: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[int, torch.Tensor]] = []
    decode = decoding.decode

    def spied(network: torch.nn.Module, ids: torch.Tensor, *rest: Any, **more: Any) -> Any:
        turns.append((len(cast(Any, network).model.layers), ids))
        return decode(network, ids, *rest, **more)

    monkeypatch.setattr("linearity.studies.speed.decode", spied)
    measure(batches=[2])
    assert [blocks for blocks, _ in turns] == [4, 3, 3, 4] * 5 + [4, 3]  # 11 pairs, one to warm up
    pairs = [(turns[k][1], turns[k + 1][1]) for k in range(0, len(turns), 2)]
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not torch.equal(pairs[0][0], pairs[1][0])
    assert {tuple(ids.shape) for _, ids in turns} == {(2, 10)}


def test_sizes_are_counted_over_what_runs(measured: SpeedMeasurement, glass: LoadedModel) -> None:
    assert measured.sides is not None
    dense, changed = measured.sides["dense"], measured.sides["changed"]
    block = sum(weight.numel() for weight in glass.layout.blocks[1].parameters())
    assert dense.parameters == sum(weight.numel() for weight in glass.network.parameters())
    assert changed.parameters == dense.parameters - block
    assert (dense.blocks, changed.blocks, changed.maps) == (4, 3, 0)
    assert changed.weight_bytes == 4 * changed.parameters
    assert measured.ceiling == pytest.approx(4 / 3)


def test_what_arithmetic_expects_stands_beside(measured: SpeedMeasurement) -> None:
    first, following, *_ = measured.points[1].timings
    assert first.estimate is not None
    assert following.estimate is not None
    assert measured.sides is not None
    memory = measured.points[1].memory
    assert memory is not None
    token = memory["dense"].cache_bytes / 13  # the last token written is never read
    expected = measured.sides["dense"].step_bytes + (10 + 13) / 2 * token
    assert following.estimate.dense == pytest.approx(expected)
    assert 1 < first.estimate.speedup < 4 / 3
    assert 1 < following.estimate.speedup < 4 / 3


def test_the_bytes_of_a_step_give_the_published_ceiling() -> None:
    """Llama 3 8B with 4 of 32 blocks dropped or replaced: bytes streamed, to nine digits."""
    config = LlamaConfig(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, vocab_size=128256,
        num_attention_heads=32, num_key_value_heads=8,
    )  # fmt: skip
    meta = torch.device("meta")
    with meta:
        network = LlamaForCausalLM(config).to(torch.bfloat16)
    model = LoadedModel(find_layout(network), 4096, meta, lambda _: [], None, network=network)
    dense = side_size(model, unchanged(32))
    assert dense.weight_bytes == 16_060_522_496
    after = tuple(kept(block) for block in range(4, 32))
    removed = side_size(model, (dropped(0, 3), *after))
    assert dense.step_bytes / removed.step_bytes == pytest.approx(1.13154181, abs=5e-9)
    d = torch.empty(4096, device=meta, dtype=torch.bfloat16)
    square = torch.empty(4096, 4096, device=meta, dtype=torch.bfloat16)
    maps = tuple(Segment(k, k, f"{k}", linear=LinearBlock(square, d, d)) for k in range(4))
    replaced = side_size(model, (*maps, *after))
    # The reference counts no bias and no rule for the first token.
    assert dense.step_bytes / replaced.step_bytes == pytest.approx(1.12020731, abs=1e-5)
    assert (replaced.blocks, replaced.maps) == (28, 4)


def test_a_linear_plan_runs_its_map(measure: Measuring) -> None:
    measured = measure(plan="1:linear", batches=[1])
    assert measured.sides is not None
    dense, changed = measured.sides["dense"], measured.sides["changed"]
    assert (changed.blocks, changed.maps) == (3, 1)
    assert dense.parameters - changed.parameters == 180_352 - (128 * 128 + 2 * 128)
    assert [step.action for step in measured.steps] == ["linear"]
    assert measured.splits["fit"].tokens > 0


def test_healed_weights_bring_their_maps_along(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    given: dict[str, Json] = {**SMALL, "plan": "1:linear,3:drop", "batches": [1]}
    fitted = parse_params(given, model=glass_record)
    built = build_changed(Material.of(glass, records, fitted.sampling), fitted)
    name = "ab" * 32
    healed = HealedWeights(
        name, glass_record.fingerprint, fitted.plan, fitted.fitting, built.steps,
        healed_tensors(built.changes, glass),
    )  # fmt: skip
    params = parse_params({**given, "healed": name}, model=glass_record)
    material = Material.of(glass, records, params.sampling)
    measured = measure_speed(material, params, records, Recorder(), engine=ENGINE, healed=healed)
    assert measured.sides is not None
    assert (measured.sides["changed"].blocks, measured.sides["changed"].maps) == (2, 1)
    assert measured.steps == built.steps
    assert measured.splits["fit"].tokens < fitted.fit_tokens  # prompts alone are read of it
    assert not measured.warnings or measured.warnings[0].code == "unsteady"


def test_every_part_has_its_cost(measured: SpeedMeasurement, glass: LoadedModel) -> None:
    assert measured.costs is not None
    parts = measured.costs.parts
    assert [part.part for part in parts if part.block == 2] == ["norms", "attention", "mlp", "rest"]
    assert parts[0].part == "embedding"
    assert [part.part for part in parts[-2:]] == ["final_norm", "head"]
    tied = parts[0].parameters
    total = sum(weight.numel() for weight in glass.network.parameters())
    assert sum(part.parameters for part in parts) == total + tied
    assert all(part.bytes == 4 * part.parameters for part in parts)
    assert measured.costs.repeats == 10
    mlp = next(part for part in parts if part.part == "mlp")
    assert mlp.prefill_flops == 10 * mlp.decode_flops


def test_lengths_are_those_of_the_records(measure: Measuring, glass: LoadedModel) -> None:
    given = [Document.asked("one two " * (1 + k % 5), "three four five") for k in range(30)]
    measured = measure(None, given, batches=[1], prompt_tokens="auto", new_tokens="auto")
    lengths = measured.lengths
    prompts = [len(glass.tokenize(record.prompt or "")) for record in given]
    assert lengths.source == "records"
    assert min(prompts) <= (lengths.prompt_p50 or 0) <= (lengths.prompt_p95 or 0) <= max(prompts)
    assert lengths.prompt_tokens == pytest.approx(lengths.prompt_p50, abs=0.5)
    assert lengths.response_p50 == lengths.new_tokens == len(glass.tokenize("three four five"))


def test_plain_texts_have_the_usual_lengths_within_the_context(measure: Measuring) -> None:
    measured = measure(batches=[1], prompt_tokens="auto", new_tokens="auto")
    assert measured.lengths.source == "texts"
    assert (measured.lengths.prompt_tokens, measured.lengths.new_tokens) == (96, 32)


def test_partial_results_have_the_shape_of_the_result(measure: Measuring) -> None:
    recorder = Recorder()
    measured = measure(recorder)
    assert [partial["partial"] for partial in recorder.partials] == [
        {"done": 11, "total": 22},
        {"done": 22, "total": 22},
    ]
    last: Any = recorder.partials[-1]
    assert set(last) == {*asdict(measured), "partial"}
    assert last["costs"] is None
    assert recorder.steps[0][2] == "pairs"


def test_a_cancelled_run_leaves_the_dense_model(measure: Measuring, glass: LoadedModel) -> None:
    with pytest.raises(RunCancelledError):
        measure(Recorder(stop_at=0.3))
    assert len(cast(Any, glass.network).model.layers) == 4


def test_a_batch_that_does_not_fit_is_left_out_with_those_above(
    measure: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = decoding.decode

    def bounded(network: torch.nn.Module, ids: torch.Tensor, *rest: Any, **more: Any) -> Any:
        if len(ids) > 2:
            raise torch.OutOfMemoryError("no room")
        return decode(network, ids, *rest, **more)

    monkeypatch.setattr("linearity.studies.speed.decode", bounded)
    measured = measure(batches=[1, 4, 8])
    assert [point.load for point in measured.points] == [1]
    found = next(item for item in measured.warnings if item.code == "batch_did_not_fit")
    assert found.data["batches"] == [4, 8]
    with pytest.raises(torch.OutOfMemoryError):
        measure(batches=[4])
