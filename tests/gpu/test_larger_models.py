"""Models that a GPU does not hold: streamed through one, and shared out over two."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from linearity.adapters import execute as execute_module
from linearity.adapters.execute import execute
from linearity.adapters.hugging_face import load_model, streamed_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.placement import hold_to
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.estimate import estimate, weights_bytes
from linearity.contracts.families import FAMILIES
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import linearity_request
from linearity.measure.windows import Window
from linearity.models.memory import free_bytes
from linearity.models.states import record_states, source_of
from tests.conftest import quiet
from tests.families.tiny import VARIANTS, write_tiny
from tests.gpu.test_kinds import _numbers
from tests.studies.recorder import Recorder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
TOLERANCE = 1e-5
BATCHES = [
    [Window(0, 0, (5, 9, 17, 3, 11, 8, 4, 20), "heldout"), Window(1, 0, (3, 4), "train")],
    [Window(2, 0, tuple(range(3, 25)), "train")],
]


def listed(model: Any) -> list[torch.Tensor]:
    batches = source_of(model).stream(BATCHES, ahead=lambda _done, _total: None)
    return [batch.states for batch in batches]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("variant", ["llama", "gemma3_text", "bloom", "gpt2", "falcon with alibi"])
def test_streamed_states_are_those_of_the_whole_model(
    variant: str, dtype: str, tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder = write_tiny(tmp_path / "model", variant)
    record = prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)
    for attention in FAMILIES[VARIANTS[variant][0]].attentions:
        held: Any = {"device": "cuda:0", "dtype": dtype, "attention": attention}
        whole = listed(load_model(record, small_store, **held))
        for one, other in zip(
            listed(streamed_model(record, small_store, **held)), whole, strict=True
        ):
            assert one.device == other.device == torch.device("cuda:0")
            torch.testing.assert_close(one, other)


def differences(results: list[dict[str, Json]]) -> float:
    numbers = [list(_numbers(result, "")) for result in results]
    pairs = zip(numbers[0], numbers[1], strict=True)
    return float(max(abs(a - b) / max(1.0, abs(a)) for (_, a), (_, b) in pairs))


def run(
    record: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    *,
    device: str,
    memory: int | None,
) -> dict[str, Json]:
    request = linearity_request({"tokens": 4096}, model=record, dataset=dataset)
    return execute(
        request,
        model=record,
        dataset=dataset,
        store=store,
        device=device,
        progress=Recorder(),
        device_memory=memory,
    )


def mode(result: dict[str, Json]) -> tuple[Json, Json]:
    environment = result["environment"]
    assert isinstance(environment, dict)
    return environment["mode"], environment["device"]


@pytest.fixture
def unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small model seem large: PyTorch takes memory in pieces of the size of this one."""
    monkeypatch.setattr(execute_module, "hold_to", lambda *_: None)


@pytest.mark.usefixtures("unbound")
def test_a_streamed_run_has_the_numbers_of_a_resident_one(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    results = [
        run(glass_record, docs_record, small_store, device="cuda:0", memory=memory)
        for memory in (None, 1 << 20)
    ]
    largest = differences(results)
    sys.stdout.write(f"streaming: largest difference {largest:.1e}\n")

    assert [mode(result)[0] for result in results] == ["resident", "streaming"]
    assert largest <= TOLERANCE


@two_gpus
@pytest.mark.usefixtures("unbound")
def test_a_run_over_two_gpus_has_the_numbers_of_one(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = linearity_request({"tokens": 4096}, model=glass_record, dataset=docs_record)
    needed = estimate(request, glass_record, flops_per_second=None).memory_bytes
    little = needed - weights_bytes(request, glass_record) // 4
    results = [
        run(glass_record, docs_record, small_store, device=device, memory=memory)
        for device, memory in (("cuda:0", None), ("cuda:0,cuda:1", little))
    ]
    largest = differences(results)
    sys.stdout.write(f"two GPUs: {mode(results[1])}, largest difference {largest:.1e}\n")

    assert mode(results[1]) == ("device_map", "cuda:0,cuda:1")
    assert largest <= TOLERANCE


@two_gpus
@pytest.mark.parametrize("variant", ["llama", "gemma3_text", "bloom", "gpt2", "falcon with alibi"])
def test_states_of_blocks_on_two_gpus_are_gathered_on_the_first(
    variant: str, tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder = write_tiny(tmp_path / "model", variant)
    record = prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)
    attention = FAMILIES[VARIANTS[variant][0]].attentions[0]
    held: Any = {"device": "cuda:0", "dtype": "float32", "attention": attention}
    whole = load_model(record, small_store, **held)
    shared = load_model(record, small_store, **held, room={"cuda:0": 1, "cuda:1": 1})
    devices = {str(p.device) for p in shared.network.parameters()}
    windows = [window.ids for window in BATCHES[0]]
    states = record_states(shared, windows)

    assert devices == {"cuda:0", "cuda:1"}
    assert states.device == torch.device("cuda:0")
    torch.testing.assert_close(states, record_states(whole, windows))


def test_a_bound_on_memory_is_kept_and_seen() -> None:
    device = torch.device("cuda:0")
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved(device)
    try:
        hold_to("cuda:0", before + (1 << 30))
        assert free_bytes(device) <= (1 << 30) + before
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(2 << 30, dtype=torch.uint8, device=device)
    finally:
        hold_to("cuda:0", None)
    torch.empty(2 << 30, dtype=torch.uint8, device=device)
