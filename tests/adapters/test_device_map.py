"""Blocks over several devices: who gets which, and what that asks of each."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import dispatch_model

from linearity.adapters import placement
from linearity.adapters.device_map import device_map, shared_out
from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.placement import DEVICE_MAP, RESIDENT, STREAMING, place
from linearity.adapters.store import ArtifactStore
from linearity.contracts.estimate import estimate, weights_bytes
from linearity.contracts.families import FAMILIES
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.errors import OutOfDeviceMemoryError
from linearity.models.states import record_states
from tests.conftest import quiet
from tests.families.tiny import BLOCKS, VARIANTS, build, write_tiny

TWO = {"cuda:0": 10, "cuda:1": 10}
GIB = 2**30


@pytest.mark.parametrize(
    ("blocks", "room", "counts"),
    [(4, (10, 10), [2, 2]), (5, (0, 10), [0, 5]), (32, (20, 80, 80), [4, 14, 14]),
     (3, (1, 1, 1, 1), [1, 1, 0, 1]), (7, (5,), [7])],
)  # fmt: skip
def test_blocks_are_shared_out_in_their_order_by_what_each_device_can_take(
    blocks: int, room: tuple[int, ...], counts: list[int]
) -> None:
    named = {f"cuda:{index}": size for index, size in enumerate(room)}
    devices = shared_out(blocks, named)

    assert [devices.count(device) for device in named] == counts
    assert devices == sorted(devices)


@pytest.mark.parametrize("variant", ["llama", "opt", "gpt2", "bloom", "gemma3_text", "gpt_neox"])
def test_every_weight_has_one_place_and_all_but_blocks_are_on_the_first_device(
    variant: str,
) -> None:
    family = FAMILIES[VARIANTS[variant][0]]
    network = build(variant, attention="eager")
    places = device_map(network, family, TWO)
    blocks = f"{family.decoder}.{family.blocks}."
    for name, _ in network.named_parameters(remove_duplicate=False):
        (device,) = [device for path, device in places.items() if name.startswith(f"{path}.")]
        number = int(name.removeprefix(blocks).partition(".")[0]) if blocks in name else 0
        assert device == ("cuda:0" if number < BLOCKS // 2 else "cuda:1"), name


def test_states_are_recorded_through_what_accelerate_wraps_around_every_part(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    """With one device, so without the copies between several: those are in tests/gpu."""
    folder = write_tiny(tmp_path / "model", "gemma3_text")
    record = prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)
    ids = [[5, 9, 17, 3, 11, 8, 4, 20], [3, 4]]
    model = load_model(
        record, small_store, device="cpu", dtype="float32", attention="sdpa", room={"cpu": GIB}
    )
    before = record_states(model, ids)
    places = device_map(model.network, FAMILIES["gemma3_text"], {"cpu": 1})
    dispatch_model(model.network, places, main_device="cpu", force_hooks=True)

    assert all(hasattr(block, "_hf_hook") for block in model.layout.blocks)
    assert torch.equal(record_states(model, ids), before)


@pytest.fixture
def large(glass_record: ModelRecord) -> ModelRecord:
    """A record of 7B shape; only its numbers are read."""
    return replace(
        glass_record, family="llama", blocks=32, width=4096, vocabulary=32_000,
        parameters=6_738_415_616, dtype="bfloat16",
    )  # fmt: skip


def test_several_devices_are_used_together_only_where_one_is_too_small(
    large: ModelRecord, docs_record: DatasetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request("linearity", {"pairs": "adjacent"}, model=large, dataset=docs_record)
    cost, weights = (
        estimate(request, large, flops_per_second=None),
        weights_bytes(request, large),
    )
    assert cost.streaming is not None
    rest = cost.memory_bytes - weights

    def placed(**free: int) -> placement.Placement:
        monkeypatch.setattr(placement, "free_memory", lambda device, _: free[device[-1:]])
        devices = ",".join(f"cuda:{index}" for index in free)
        return place(request, large, device=devices, most=None)

    assert placed(**{"0": cost.memory_bytes, "1": 80 * GIB}).mode == RESIDENT
    shared = placed(**{"0": rest + 3 * GIB, "1": 12 * GIB})
    assert (shared.mode, shared.device, shared.devices) == (DEVICE_MAP, "cuda:0", "cuda:0,cuda:1")
    assert shared.room["cuda:1"] == 12 * GIB
    # Embedding and head are on the first device beside everything else.
    assert 2 * GIB < shared.room["cuda:0"] < 3 * GIB
    assert placed(**{"0": rest + 3 * GIB, "1": 8 * GIB}).mode == STREAMING
    assert placed(**{"0": rest - 1, "1": 80 * GIB}).mode != DEVICE_MAP


def test_what_needs_the_whole_model_looks_at_the_first_device_alone(
    large: ModelRecord, docs_record: DatasetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request("plan", {"plan": "1:drop"}, model=large, dataset=docs_record)
    monkeypatch.setattr(placement, "free_memory", lambda *_: 10 * GIB)
    with pytest.raises(OutOfDeviceMemoryError, match="the whole model on one device"):
        place(request, large, device="cuda:0,cuda:1", most=None)
    monkeypatch.setattr(placement, "free_memory", lambda *_: 20 * GIB)
    assert place(request, large, device="cuda:0,cuda:1", most=None).devices == "cuda:0"
