"""Held-out tokens: which of them are taken where not all can be."""

import pytest
import torch

from linearity.studies.sides import Heldout


@pytest.mark.parametrize("most", [1, 2, 7, 10, 41, 100])
def test_tokens_are_taken_evenly_whatever_the_batches(most: int) -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(n, 3, 4, generator=generator) for n in (5, 0, 17, 1, 30)]
    masks = [torch.rand(len(batch), generator=generator) < 0.8 for batch in batches]
    counted = torch.cat([batch[mask] for batch, mask in zip(batches, masks, strict=True)])
    heldout = Heldout(
        states=batches,
        included=masks,
        documents=torch.zeros(len(counted), dtype=torch.int64),
        means=torch.zeros(3, 4),
        gram=torch.zeros(3, 3),
    )

    taken = heldout.evenly(most)

    step = -(-len(counted) // most)
    assert torch.equal(taken, counted[::step])
    assert 0 < len(taken) <= most
