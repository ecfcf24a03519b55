"""How many tokens go through a model at a time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from linearity.errors import OutOfDeviceMemoryError
from linearity.models.families import Layout
from linearity.models.loaded import LoadedModel
from linearity.models.memory import (
    LEAST_BATCH,
    SMALLEST_BATCH,
    STREAMED_BYTES,
    batch_tokens,
    by_halves,
    free_bytes,
)
from linearity.models.states import ResidentStates


def a_model(*, blocks: int, width: int) -> LoadedModel:
    layout = Layout(nn.Module(), [nn.Module()] * blocks, nn.Module(), nn.Module())
    return LoadedModel(layout, width, torch.device("cpu"), lambda _: [], None)


def test_a_batch_of_a_model_that_streams_and_its_copies_fit_into_little_memory() -> None:
    sizes = []
    for blocks, width in ((4, 128), (32, 4096), (80, 8192)):
        model = a_model(blocks=blocks, width=width)
        assert batch_tokens(model) == LEAST_BATCH
        sizes.append(batch_tokens(replace(model, source=ResidentStates(model))))

    assert sizes == [LEAST_BATCH, STREAMED_BYTES // (33 * 4096 * 14), SMALLEST_BATCH]


def test_a_processor_has_the_memory_of_the_machine() -> None:
    assert free_bytes(torch.device("cpu")) > 1 << 28


class Room:
    """A device with room for so many items at once."""

    def __init__(self, most: int) -> None:
        self.most, self.asked = most, list[list[int]]()

    def work(self, items: Sequence[int]) -> list[int]:
        self.asked.append(list(items))
        if len(items) > self.most:
            raise torch.OutOfMemoryError("no room")
        return [10 * item for item in items]


def too_large(item: int) -> OutOfDeviceMemoryError:
    return OutOfDeviceMemoryError(f"item {item}", next_step="Buy more.", device="cpu")


@pytest.mark.parametrize(
    ("most", "pieces"), [(5, [[0, 10, 20, 30, 40]]), (2, [[0, 10], [20], [30, 40]])]
)
def test_what_does_not_fit_is_done_by_halves_in_order(most: int, pieces: list[list[int]]) -> None:
    room = Room(most)

    assert by_halves(room.work, range(5), too_large) == pieces
    assert room.asked[0] == [0, 1, 2, 3, 4]


def test_a_single_item_that_does_not_fit_is_named() -> None:
    with pytest.raises(OutOfDeviceMemoryError, match="item 0"):
        by_halves(Room(0).work, range(3), too_large)
