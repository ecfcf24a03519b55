from dataclasses import replace
from typing import Any

import pytest

from linearity.contracts.estimate import Estimate, estimate, settle_pairs
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.linearity import linearity_request
from linearity.contracts.runs import RunRequest

GIB = 2**30


def a_model(*, blocks: int = 32, width: int = 4096) -> ModelRecord:
    return ModelRecord(
        id="m",
        name="m",
        source="hub",
        reference="o/m",
        fingerprint="a" * 64,
        family="llama",
        blocks=blocks,
        width=width,
        vocabulary=32_000,
        context=4096,
        parameters=12 * blocks * width**2,
        dtype="bfloat16",
        size=1,
    )


def a_request(model: ModelRecord, pairs: str) -> RunRequest:
    return linearity_request({"pairs": pairs, "tokens": 16_384}, model=model, dataset=a_dataset())


def test_states_between_attention_and_mlp_are_counted() -> None:
    model = a_model(blocks=4, width=512)

    def asked(**params: object) -> Estimate:
        request = linearity_request(params, model=model, dataset=a_dataset())  # type: ignore[arg-type]
        return estimate(request, model, flops_per_second=None)

    whole, fine = asked(pairs="all"), asked(pairs="all", granularity="sublayer")
    eight = estimate(
        a_request(replace(model, blocks=8), "all"),
        replace(model, blocks=8),
        flops_per_second=None,
    )
    assert fine.memory_bytes == eight.memory_bytes > whole.memory_bytes
    assert fine.flops == eight.flops
    assert fine.disk_bytes == eight.disk_bytes


def a_dataset() -> DatasetRecord:
    return DatasetRecord("d", "d", "path", "/d", "b" * 64, 100, 1_000_000, 1_000_000)


def cost(kind: str, model: ModelRecord | None = None, **params: Any) -> Estimate:
    """Estimate a run of smollm2's shape unless another model is given."""
    model = model or smollm2()
    request = make_request(kind, params, model=model, dataset=a_dataset())
    return estimate(request, model, flops_per_second=None)


def smollm2() -> ModelRecord:
    return replace(
        a_model(blocks=30, width=576),
        vocabulary=49_152, parameters=134_515_008, dtype="float32",
    )  # fmt: skip


def test_the_moments_of_a_7b_model_are_what_the_design_says() -> None:
    model = a_model()
    every, adjacent = (
        estimate(a_request(model, pairs), model, flops_per_second=None).memory_bytes
        for pairs in ("all", "adjacent")
    )

    # 37 GB of float32 moments, for train and validation each.
    assert 2 * 37e9 < every < 2 * 37e9 + 50e9
    assert adjacent < every / 2


def test_auto_means_all_pairs_where_they_fit_and_neighbours_elsewhere() -> None:
    model = a_model()
    auto = a_request(model, "auto")
    large = settle_pairs(auto, model, memory_bytes=500 * GIB)
    small = settle_pairs(auto, model, memory_bytes=16 * GIB)

    assert (large.params["pairs"], small.params["pairs"]) == ("all", "adjacent")
    assert len({auto.run_id, large.run_id, small.run_id}) == 3
    assert large.run_id == a_request(model, "all").run_id


def test_what_was_asked_for_is_never_changed() -> None:
    model = a_model()
    asked = a_request(model, "all")

    assert settle_pairs(asked, model, memory_bytes=1) == asked
    assert replace(asked) == asked


def test_a_measured_speed_narrows_the_time() -> None:
    model = a_model()
    request = a_request(model, "all")
    wide = estimate(request, model, flops_per_second=None)
    known = estimate(request, model, flops_per_second=1e13)

    assert known.seconds[1] / known.seconds[0] < wide.seconds[1] / wide.seconds[0]
    assert known.seconds[0] < known.flops / 1e13 + 15 < known.seconds[1] + 15


def test_a_curve_costs_seven_tenths_of_the_blocks_and_the_whole_head_at_every_point() -> None:
    one, many = (
        cost("ablation", strategies=["block_influence"], actions=["drop"], changed=n, interaction=0)
        for n in (1, 10)
    )
    tokens, head = 2048, 2 * 49_152 * 576
    blocks = 2 * 134_515_008 - head

    assert many.flops - one.flops == pytest.approx(9 * tokens * (0.7 * blocks + head))


def test_a_run_that_only_drops_blocks_pays_for_no_fit() -> None:
    for kind in ("plan", "answers"):
        dropped, fitted = (cost(kind, plan=f"12:{action}") for action in ("drop", "linear"))

        assert dropped.flops < fitted.flops
        assert dropped.memory_bytes < fitted.memory_bytes


def test_sequential_maps_hold_the_fit_split_of_the_dense_the_last_and_the_present_model() -> None:
    of_fit = 16_384 * 31 * 576 * 4
    once = cost("plan", plan="12:linear").memory_bytes

    assert cost("plan", plan="12:merged").memory_bytes == once
    assert cost("plan", plan="12:linear", fitting="sequential").memory_bytes == once + 2 * of_fit


def test_many_answers_are_written_in_batches_and_many_probabilities_are_computed_again() -> None:
    few, many = (cost("answers", plan="12:drop", prompts=n, new_tokens=256) for n in (100, 10_000))
    wide = cost("plan", plan="12:drop", split="report", report_tokens=1_000_000)
    states = 2 * 1_000_000 * 31 * 576 * 4

    assert many.memory_bytes == few.memory_bytes
    assert wide.memory_bytes < states + 4 * 2**30


def test_greedy_search_pays_for_every_block_that_it_tries() -> None:
    plain, greedy = (
        cost("ablation", strategies=[name], actions=["drop"], changed=2, interaction=0)
        for name in ("single_damage", "greedy_loss")
    )
    tokens, head = 2048, 2 * 49_152 * 576
    blocks = 2 * 134_515_008 - head

    tried = (30 + 29) * tokens * (0.5 * blocks + head)
    assert greedy.flops - plain.flops == pytest.approx(tried)


def test_more_of_anything_never_costs_less() -> None:
    small = {
        "ablation": cost("ablation", strategies=["random"], changed=5),
        "plan": cost("plan", plan="12:drop", fidelity="preview"),
        "answers": cost("answers", plan="12:drop", prompts=10),
    }
    large = {
        "ablation": cost("ablation", strategies=["random"], changed=5, random_seeds=10),
        "plan": cost("plan", plan="12:drop", split="report", report_tokens=65_536),
        "answers": cost("answers", plan="12:drop", prompts=1000, new_tokens=256),
    }

    for kind, less in small.items():
        assert less.flops < large[kind].flops
        assert less.memory_bytes <= large[kind].memory_bytes
        assert less.disk_bytes <= large[kind].disk_bytes
        assert less.pairs is None


def test_half_precision_halves_what_is_held_of_the_model_and_its_states() -> None:
    full, half = (cost("plan", plan="12:linear", dtype=name) for name in ("float32", "bfloat16"))

    assert half.memory_bytes < full.memory_bytes
    assert half.flops == full.flops
