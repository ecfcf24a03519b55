"""Ablation, plan and answers on a real GPU, against the CPU."""

import sys
from typing import Any

import pytest
import torch

from linearity.adapters.execute import execute
from linearity.adapters.resident import Resident
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from tests.studies.recorder import Recorder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TOLERANCE = 1e-5
"""Relative above 1, absolute below."""
QUESTIONS: dict[str, dict[str, Json]] = {
    "ablation": {
        "strategies": "all",
        "actions": ["drop", "linear", "merged"],
        "fitting": ["one_shot", "sequential"],
    },
    "plan": {"plan": "1:linear,2-3:linear"},
    "answers": {"plan": "2:linear", "prompts": 24, "new_tokens": 12},
    "passage": {"text": "A function returns a value, and a list keeps it.", "tokens": 8192},
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_gpu_gives_the_numbers_of_the_cpu(
    kind: str, small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = make_request(kind, QUESTIONS[kind], model=glass_record, dataset=docs_record)
    resident = Resident()
    results = [
        execute(
            request,
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device=device,
            progress=Recorder(),
            resident=resident,
        )
        for device in ("cpu", "cuda:0", "cuda:0")
    ]

    numbers = [list(_numbers(result, "")) for result in results]
    largest = 0.0
    for other in numbers[1:]:
        for (name, mine), (same, theirs) in zip(numbers[0], other, strict=True):
            assert name == same
            largest = max(largest, abs(mine - theirs) / max(1.0, abs(mine)))
    sys.stdout.write(f"{kind}: {len(numbers[0])} numbers, largest difference {largest:.1e}\n")
    assert largest <= TOLERANCE


def test_a_healing_on_a_gpu_ends_near_that_of_the_cpu(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    params: dict[str, Json] = {"plan": "0:linear,1:linear", "steps": 40, "context": 64}
    request = make_request("heal", params, model=glass_record, dataset=docs_record)
    found: list[Any] = [
        execute(
            request,
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device=device,
            progress=Recorder(),
        )
        for device in ("cpu", "cuda:0", "cuda:0")
    ]

    kl = [result["after"]["kl"] for result in found]
    sys.stdout.write(
        f"heal: KL after {kl}, the same file twice: {found[1]['weights'] == found[2]['weights']}\n"
    )
    assert found[0]["before"]["kl"] == pytest.approx(found[1]["before"]["kl"], abs=TOLERANCE)
    assert max(kl) - min(kl) <= 5e-3
    assert max(kl) < found[0]["before"]["kl"]


def _numbers(value: Any, name: str) -> Any:
    """Yield every number of a result with its place; times and devices are left out."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in ("environment", "created", "worst_tokens"):
                yield from _numbers(item, f"{name}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _numbers(item, f"{name}/{index}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
