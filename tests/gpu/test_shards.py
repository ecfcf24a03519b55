"""Shards that a GPU and a CPU computed, merged on either, against one pass on the CPU."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from linearity.adapters.execute import execute, help_execute
from linearity.adapters.settings import sqlite_url
from linearity.adapters.shard_board import ShardBoard
from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.studies.shards import Claim
from tests.adapters.test_state import a_running_run
from tests.studies.recorder import Recorder
from tests.system.test_lifecycle import largest_difference

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TOLERANCE = 1e-5


class Modest(ShardBoard):
    """Leaves all but three shards to others."""

    left = 3

    def claim(self) -> Claim | None:
        self.left -= 1
        return super().claim() if self.left >= 0 else None


@pytest.mark.parametrize(
    ("owner", "helper"),
    [("cuda:0", None), ("cuda:0", "cuda:0"), ("cuda:0", "cpu"), ("cpu", "cuda:0")],
)
def test_shards_of_any_devices_merge_to_the_numbers_of_one_pass(
    owner: str,
    helper: str | None,
    small_store: ArtifactStore,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    tmp_path: Path,
) -> None:
    request = make_request("linearity", {"tokens": 8192}, model=glass_record, dataset=docs_record)
    state = State(sqlite_url(tmp_path / "state.db"))
    run = a_running_run(state)
    shared: dict[str, Any] = {"model": glass_record, "dataset": docs_record, "store": small_store}

    def summon(_: int) -> None:
        if helper is not None:
            board = Modest(run.id, "helper", state=state, store=small_store)
            help_execute(request, **shared, device=helper, progress=Recorder(), board=board)

    board = ShardBoard(
        run.id, "owner", state=state, store=small_store,
        shard_tokens=2048, attempt=1, summon=summon,
    )  # fmt: skip
    divided = execute(request, **shared, device=owner, progress=Recorder(), board=board)
    whole = execute(request, **shared, device="cpu", progress=Recorder())
    state.close()
    largest = largest_difference(divided, whole)

    sys.stdout.write(f"{owner} with {helper}: largest difference {largest:.1e}\n")
    environment = divided["environment"]
    assert isinstance(environment, dict)
    assert environment["workers"] == (1 if helper is None else 2)
    assert largest <= TOLERANCE
