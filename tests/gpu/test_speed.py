"""Speed on a real GPU: what is counted is what the CPU counts, and the allocator is asked."""

from typing import Any

import pytest
import torch

from linearity.adapters.execute import execute
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from tests.studies.recorder import Recorder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
QUESTION: dict[str, Any] = {
    "plan": "1:drop,2:linear",
    "batches": [1, 4],
    "prompt_tokens": 32,
    "new_tokens": 8,
    "fit_tokens": 4096,
}


def test_a_gpu_counts_as_the_cpu_does_and_tells_its_peak(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = make_request("speed", QUESTION, model=glass_record, dataset=docs_record)
    results: list[Any] = [
        execute(
            request,
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device=device,
            progress=Recorder(),
        )
        for device in ("cpu", "cuda:0")
    ]

    on_cpu, on_gpu = results
    assert on_gpu["sides"] == on_cpu["sides"]
    for one, other in zip(on_cpu["points"], on_gpu["points"], strict=True):
        expected = [timing["estimate"] for timing in one["timings"]]
        assert [timing["estimate"] for timing in other["timings"]] == expected
        for side, memory in other["memory"].items():
            assert memory["cache_bytes"] == one["memory"][side]["cache_bytes"]
            assert memory["peak_bytes"] >= memory["weight_bytes"] + memory["cache_bytes"]
    for one, other in zip(on_cpu["costs"]["parts"], on_gpu["costs"]["parts"], strict=True):
        assert other["prefill_flops"] == one["prefill_flops"]
        assert other["decode_s"] >= 0
    assert sum(part["decode_s"] for part in on_gpu["costs"]["parts"]) > 0
    assert on_gpu["engine"]["threads"] is None
