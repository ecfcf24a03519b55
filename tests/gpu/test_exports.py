"""Folders that a fresh process proves on a real GPU, beside the process that wrote them."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from linearity.adapters.execute import execute
from linearity.adapters.store import ArtifactStore
from linearity.contracts.export import LARGEST_NLL_DIFFERENCE
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from tests.studies.recorder import Recorder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("plan", ["1:drop,3:merged", "1-2:linear"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_fresh_process_computes_the_plan_on_the_gpu(
    plan: str,
    dtype: str,
    small_store: ArtifactStore,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    tmp_path: Path,
) -> None:
    request = make_request(
        "export", {"plan": plan, "dtype": dtype}, model=glass_record, dataset=docs_record
    )
    result: Any = execute(
        request,
        model=glass_record,
        dataset=docs_record,
        store=small_store,
        device="cuda:0",
        progress=Recorder(),
        out_dir=tmp_path / "export",
    )
    proof = result["proof"]
    sys.stdout.write(
        f"{plan} in {dtype}: loss differs by {proof['nll_difference']:.1e}, logits by "
        f"{proof['logits_difference']:.1e}, {proof['generated']}\n"
    )

    assert proof["device"] == "cuda:0"
    assert proof["nll_difference"] <= LARGEST_NLL_DIFFERENCE
    assert proof["saved_again"]
    assert abs(proof["nll"] - result["point"]["nll"]) < (1e-4 if dtype == "float32" else 2e-2)
