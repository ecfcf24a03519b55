"""Room on the disk for states: checked beforehand, without a name, free again at once."""

from pathlib import Path

import pytest
import torch

from linearity.adapters import scratch as scratch_module
from linearity.adapters.scratch import ALWAYS_FREE, FOLDER, Scratch
from linearity.errors import DiskFullError
from linearity.models.streaming import Room


def open_files() -> list[str]:
    return [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def mapped_files(folder: Path) -> list[str]:
    maps = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in maps if str(folder) in line]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_are_kept_in_a_file_without_a_name(tmp_path: Path, dtype: torch.dtype) -> None:
    room: Room = Scratch(tmp_path)
    tensor = room.take((3, 5, 7), dtype)
    assert not tensor.any()
    tensor[1, 2] = torch.arange(7)

    assert (tensor.shape, tensor.dtype) == ((3, 5, 7), dtype)
    assert tensor.sum() == 21
    assert tensor.movedim(0, 1).untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
    assert list((tmp_path / FOLDER).iterdir()) == []
    assert len(mapped_files(tmp_path)) == 1


def test_the_room_is_free_when_the_last_view_of_it_is_gone(tmp_path: Path) -> None:
    tensor = Scratch(tmp_path).take((4, 1000), torch.float32)
    view = tensor[1:2]
    del tensor
    assert len(mapped_files(tmp_path)) == 1
    del view
    assert mapped_files(tmp_path) == []
    assert [name for name in open_files() if str(tmp_path) in name] == []


def test_a_disk_with_too_little_room_is_refused_with_what_is_needed_and_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = ALWAYS_FREE + 3 * 2**20
    monkeypatch.setattr(scratch_module, "free_disk_bytes", lambda _: free)
    with pytest.raises(DiskFullError, match=r"need 4\.0 MiB .* 3\.0 MiB are free") as caught:
        Scratch(tmp_path).take((4, 2**18), torch.float32)

    assert "LINEARSCOPE_STORE" in caught.value.next_step
    assert caught.value.data == {"needed_bytes": 4 * 2**20, "free_bytes": 3 * 2**20}
    assert mapped_files(tmp_path) == []
