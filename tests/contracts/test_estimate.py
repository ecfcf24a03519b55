from dataclasses import replace

from linearity.contracts.estimate import estimate, settle_pairs
from linearity.contracts.inputs import DatasetRecord, ModelRecord
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
    dataset = DatasetRecord("d", "d", "path", "/d", "b" * 64, 10, 1000, 1000)
    return linearity_request({"pairs": pairs, "tokens": 16_384}, model=model, dataset=dataset)


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
