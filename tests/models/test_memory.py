"""How many tokens go through a model at a time."""

from dataclasses import replace

import torch
from torch import nn

from linearity.models.families import Layout
from linearity.models.loaded import LoadedModel
from linearity.models.memory import (
    LEAST_BATCH,
    SMALLEST_BATCH,
    STREAMED_BYTES,
    batch_tokens,
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
