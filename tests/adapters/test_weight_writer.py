"""Files that the library reads, written so that they can be stopped at any piece."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from linearity.adapters import weight_writer
from linearity.adapters.weight_writer import write_weights
from linearity.errors import RunCancelledError

TENSORS = {
    "a": torch.randn(3, 5),
    "b": torch.randn(4, 4).to(torch.bfloat16).T,
    "c.weight": torch.tensor(2.5, dtype=torch.float16),
    "d": torch.arange(6),
}


def test_the_library_reads_every_type_as_it_was(tmp_path: Path) -> None:
    told: list[int] = []
    assert write_weights(tmp_path, TENSORS, max_shard_bytes=10**6, check=told.append) == [
        "model.safetensors"
    ]
    read = load_file(tmp_path / "model.safetensors")

    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[n], t) and read[n].dtype == t.dtype for n, t in TENSORS.items())
    assert told == [60, 92, 94, 142]


def test_shards_are_as_large_as_they_may_be_and_a_large_weight_has_its_own(tmp_path: Path) -> None:
    weights = {
        name: torch.zeros(size) for name, size in (("a", 10), ("b", 10), ("c", 90), ("d", 1))
    }
    names = write_weights(tmp_path, weights, max_shard_bytes=100, check=lambda _: None)

    assert names == [f"model-0000{k}-of-00003.safetensors" for k in (1, 2, 3)]
    assert [sorted(load_file(tmp_path / name)) for name in names] == [["a", "b"], ["c"], ["d"]]


def test_it_stops_between_pieces_of_one_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_writer, "PIECE_BYTES", 16)
    told: list[int] = []

    def check(written: int) -> None:
        told.append(written)
        if written >= 32:
            raise RunCancelledError("stop")

    with pytest.raises(RunCancelledError):
        write_weights(tmp_path, {"a": torch.zeros(100)}, max_shard_bytes=10**6, check=check)

    assert told == [16, 32]
