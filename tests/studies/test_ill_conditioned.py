"""The warning that a state is ill-conditioned: on whom it is, and on whom it must not be."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import parse_params
from linearity.contracts.runs import RunWarning
from linearity.models.loaded import LoadedModel
from linearity.studies.linearity import Measurement, measure_linearity
from linearity.studies.scores import Scores
from linearity.studies.warnings import warnings_of
from tests.browser.seed import MODEL
from tests.builders import a_result
from tests.studies.recorder import Recorder

DEAD = 3


@pytest.fixture
def dead_coordinates(glass: LoadedModel) -> Iterator[None]:
    """Make three coordinates of every embedding, so of state 0, the same."""
    weight = glass.layout.decoder.get_parameter("embed_tokens.weight")
    with torch.no_grad():
        before = weight[:, :DEAD].clone()
        weight[:, :DEAD] = 0.25
        yield
        weight[:, :DEAD] = before


def measured(
    glass: LoadedModel, record: ModelRecord, docs: DatasetRecord, store: ArtifactStore
) -> Measurement:
    params = parse_params({"tokens": 4096}, model=record)
    return measure_linearity(glass, load_documents(docs, store), params, Recorder(), reach=1)


def told(warnings: list[RunWarning]) -> RunWarning | None:
    return next((item for item in warnings if item.code == "ill_conditioned"), None)


@pytest.mark.usefixtures("dead_coordinates")
def test_a_state_with_dead_coordinates_is_named_and_no_other(
    glass: LoadedModel,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
) -> None:
    found = measured(glass, glass_record, docs_record, small_store)

    warning = told(found.warnings)
    assert warning is not None
    assert warning.data["states"] == [0]
    assert warning.data["rank"] == 128 - DEAD
    assert found.profile.rank == [125.0, 128.0, 128.0, 128.0]


def test_a_normal_run_is_not_warned_of(
    glass: LoadedModel,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
) -> None:
    found = measured(glass, glass_record, docs_record, small_store)

    assert told(found.warnings) is None
    assert found.profile.condition is not None
    assert max(value or 0.0 for value in found.profile.condition) < 100


@pytest.mark.parametrize(
    ("width", "fit", "rank", "condition", "warned"),
    [
        (128, 4000, 128, 9e4, False),
        (128, 4000, 128, 2e5, True),
        (128, 4000, 127, 10.0, True),
        (4096, 80_000, 4060, 10.0, False),  # float32 sums cannot tell the last 1 %
        (4096, 80_000, 4000, 10.0, True),
        (4096, 3000, 2999, 10.0, False),  # no state can have more: that is another warning
    ],
)
def test_what_is_warned_of(width: int, fit: int, rank: int, condition: float, warned: bool) -> None:
    scores = Scores.empty(2)
    scores.rank, scores.condition = [float(rank)], [condition]
    counts = replace(a_result().tokens, fit=fit, width_ratio=fit / width)
    params = parse_params({}, model=replace(MODEL, width=width))

    warnings = warnings_of(
        params, counts, scores, Scores.empty(2), width=width, adjacent_only=False
    )

    assert (told(warnings) is not None) == warned
