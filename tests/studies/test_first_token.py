"""The demo model: what the first token does to the middle blocks, on three splits."""

import pytest

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_documents, prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.linearity import parse_params
from linearity.studies.linearity import measure_linearity
from tests.conftest import quiet
from tests.studies.recorder import Recorder


class Silent(Recorder):
    """Nobody looks at partial results here."""

    def partial(self, build: object) -> None:
        """Build nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_middle_blocks_of_smollm2_look_linear_only_with_the_first_token(
    seed: int, small_store: ArtifactStore, docs_record: DatasetRecord
) -> None:
    record = prepare_model("smollm2", store=small_store, roots=None, log=quiet)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="sdpa")
    params = parse_params({"tokens": 16_384, "seed": seed}, model=record)

    measured = measure_linearity(
        model, load_documents(docs_record, small_store), params, Silent(), reach=1
    )

    kept = [score or 0.0 for score in measured.kept.r2_heldout[12:27]]
    excluded = [score or 0.0 for score in measured.profile.r2_heldout[12:27]]
    assert sum(score >= 0.995 for score in kept) >= 10
    assert all(0.85 <= score <= 0.97 for score in excluded)
