"""How a run holds its model: by what it needs and what is free, and the same numbers either way."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from linearity.adapters import scratch as scratch_module
from linearity.adapters.execute import execute
from linearity.adapters.hugging_face import streamed_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.placement import RESIDENT, STREAMING, place
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.estimate import estimate, weights_bytes
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.linearity import linearity_request
from linearity.errors import (
    DiskFullError,
    InputChangedError,
    OutOfDeviceMemoryError,
    RunCancelledError,
)
from linearity.measure.windows import Window
from linearity.models.states import record_states, source_of
from tests.conftest import quiet
from tests.families.tiny import build, write_tiny
from tests.studies.recorder import Recorder

Run = dict[str, Json]
PARTS = ("pairs", "profile", "kept", "tokens", "token_classes", "sample_sizes", "repeats")


@pytest.fixture
def run(small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord) -> Any:
    def run(memory: int | None, recorder: Recorder, **params: Json) -> Run:
        asked = {"tokens": 2048, **params}
        return execute(
            linearity_request(asked, model=glass_record, dataset=docs_record),
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device="cpu",
            progress=recorder,
            device_memory=memory,
        )

    return run


def largest_difference(one: object, two: object) -> float:
    if isinstance(one, dict) and isinstance(two, dict):
        assert one.keys() == two.keys()
        return max((largest_difference(one[key], two[key]) for key in one), default=0.0)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        pairs = zip(one, two, strict=True)
        return max((largest_difference(a, b) for a, b in pairs), default=0.0)
    if isinstance(one, int | float) and isinstance(two, int | float):
        return abs(one - two)
    assert one == two
    return 0.0


def test_a_model_streams_where_it_does_not_fit_and_only_there(
    glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = linearity_request({}, model=glass_record, dataset=docs_record)
    cost = estimate(request, glass_record, flops_per_second=None)
    assert cost.streaming is not None
    assert cost.streaming.memory_bytes < cost.memory_bytes

    def mode(most: int | None) -> str:
        return place(request, glass_record, device="cpu", most=most).mode

    assert mode(None) == mode(cost.memory_bytes) == RESIDENT
    assert mode(cost.memory_bytes - 1) == mode(cost.streaming.memory_bytes) == STREAMING
    # Neither way fits: streaming only helps where the weights alone are too large.
    assert mode(cost.streaming.memory_bytes - 1) == RESIDENT
    assert mode(weights_bytes(request, glass_record) - 1) == STREAMING


@pytest.mark.parametrize(("kind", "params"), [("plan", {"plan": "1:drop"}), ("ablation", {})])
def test_a_kind_that_needs_the_whole_model_says_so_before_it_loads_it(
    kind: str, params: dict[str, Json], glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = make_request(kind, params, model=glass_record, dataset=docs_record)
    weights = weights_bytes(request, glass_record)
    assert place(request, glass_record, device="cpu", most=weights).mode == RESIDENT

    with pytest.raises(OutOfDeviceMemoryError, match=f"{kind} needs the whole model") as caught:
        place(request, glass_record, device="cpu", most=weights - 1)
    assert "Only linearity streams" in caught.value.next_step


def test_a_streamed_run_has_the_numbers_partial_results_and_progress_of_a_resident_one(
    run: Any, small_store: ArtifactStore
) -> None:
    whole, streamed = Recorder(), Recorder()
    results = [run(None, whole, repeats=2), run(1 << 20, streamed, repeats=2)]

    assert [result["environment"]["mode"] for result in results] == [RESIDENT, STREAMING]
    # Held-out states in memory were kept in float64, those on the disk as the model made them.
    assert max(largest_difference(results[0][p], results[1][p]) for p in PARTS) < 1e-6
    assert results[0]["id"] == results[1]["id"]
    assert "streaming block by block" in streamed.lines[0]
    shares = [share for _, _, _, share in streamed.steps]
    assert shares == sorted(shares)
    assert {unit for _, _, unit, _ in streamed.steps} == {"token_blocks", "tokens"}
    assert len(streamed.partials) == len(whole.partials) > 0
    assert list((small_store.root / "scratch").iterdir()) == []


def test_a_cancel_while_blocks_stream_ends_the_run(run: Any) -> None:
    recorder = Recorder(stop_at=0.2)
    with pytest.raises(RunCancelledError):
        run(1 << 20, recorder)

    assert {unit for _, _, unit, _ in recorder.steps} == {"token_blocks"}


def test_a_full_disk_is_said_before_anything_is_computed(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_module, "free_disk_bytes", lambda _: 2**28 + 1000)
    with pytest.raises(DiskFullError, match=r"need .* are free"):
        run(1 << 20, Recorder())


def test_blocks_are_read_from_the_shards_that_were_registered_and_from_nothing_else(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder = write_tiny(tmp_path / "model", "gemma3_text")
    (folder / "model.safetensors").unlink()
    build("gemma3_text", attention="eager").save_pretrained(folder, max_shard_size="8KB")  # type: ignore[operator]
    shards = sorted(folder.glob("model-*.safetensors"))
    record = prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)
    model = streamed_model(record, small_store, device="cpu", dtype="float32", attention="eager")
    ids = [5, 9, 17, 3, 11, 8, 4, 20, 21]
    batches = [[Window(0, 0, tuple(ids), "train")]]
    (batch,) = source_of(model).stream(batches, ahead=lambda _done, _total: None)

    assert len(shards) > 2
    network = build("gemma3_text", attention="eager")
    whole = find_states(network, model, ids)
    torch.testing.assert_close(batch.states, whole)
    assert all(p.device.type == "meta" for p in model.network.parameters())

    shards[-1].write_bytes(shards[-1].read_bytes() + b" ")
    with pytest.raises(InputChangedError, match="was changed after"):
        list(source_of(model).stream([[*batches[0], *batches[0]]], ahead=lambda _d, _t: None))


def find_states(network: Any, like: Any, ids: list[int]) -> torch.Tensor:
    from dataclasses import replace

    from linearity.models.families import find_layout

    layout = find_layout(network, like.layout.family)
    return record_states(replace(like, layout=layout, network=network, source=None), [ids])


def test_the_estimate_of_a_streamed_run_is_written_as_plain_values(
    glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = linearity_request({"tokens": 1000}, model=glass_record, dataset=docs_record)
    told = estimate(request, glass_record, flops_per_second=None).as_json()["streaming"]

    assert json.loads(json.dumps(told)).keys() == {"memory_bytes", "disk_bytes", "seconds"}
    assert told["disk_bytes"] == 1000 * (4 + 1) * 128 * 4  # type: ignore[index,call-overload]
