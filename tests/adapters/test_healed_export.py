"""Healed weights are exported in their places: those of maps, and of blocks that run."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from linearity.adapters.execute import execute
from linearity.adapters.healed_files import store_healed
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.models.changes import AffineMap, Segment
from linearity.models.healed import HealedWeights, healed_tensors
from linearity.models.loaded import LoadedModel
from tests.studies.recorder import Recorder

PLAN = "1:linear,3:merged"
DOWN = "mlp.down_proj.weight"


@pytest.mark.slow
def test_healed_weights_are_what_the_folder_holds(
    glass: LoadedModel,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    numbers = torch.Generator().manual_seed(3)
    width = glass.width
    affine = AffineMap(
        0.02 * torch.randn(width, width, generator=numbers).double(),
        0.02 * torch.randn(width, generator=numbers).double(),
        torch.zeros(width).double(),
    )
    own = dict(glass.layout.blocks[2].named_parameters())
    changes = (
        Segment(0, 0, "0", block=0),
        Segment(1, 1, "1", linear=affine.module(torch.float32)),
        Segment(2, 3, "2-3", block=2, weights={DOWN: 0.9 * own[DOWN].detach()}),
    )
    text = parse_plan(PLAN, blocks=4).text
    healed = HealedWeights(
        "0" * 32, glass_record.fingerprint, text, "one_shot", [], healed_tensors(changes, glass)
    )
    sha256, _ = store_healed(healed, small_store)
    request = make_request(
        "export",
        {"plan": PLAN, "healed": sha256, "select_tokens": 512, "dtype": "float32"},
        model=glass_record,
        dataset=docs_record,
    )
    result: Any = execute(
        request,
        model=glass_record,
        dataset=docs_record,
        store=small_store,
        device="cpu",
        progress=Recorder(),
        out_dir=tmp_path / "healed",
    )
    weights = load_file(tmp_path / "healed" / "model.safetensors")

    assert result["splits"]["fit"]["tokens"] == 0
    assert result["proof"]["logits_difference"] <= 1e-5
    assert torch.equal(weights[f"model.layers.2.{DOWN}"], 0.9 * own[DOWN].detach())
    torch.testing.assert_close(weights["model.layers.1.weight"], affine.W.T.float())
