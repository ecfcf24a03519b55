"""A run by sublayers: glass-en at both grains, its sentence, its warnings and errors."""

from collections.abc import Iterator

import pytest
import torch

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import parse_params
from linearity.errors import NonFiniteStatesError
from linearity.models.loaded import LoadedModel
from linearity.studies.linearity import Measurement, measure_linearity
from linearity.studies.sublayer_finding import sublayer_finding
from tests.studies.recorder import Recorder


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


def measured(
    glass: LoadedModel, record: ModelRecord, documents: list[str], **params: str
) -> tuple[Measurement, Recorder]:
    recorder = Recorder()
    parsed = parse_params({"tokens": 4096, **params}, model=record)
    return measure_linearity(glass, documents, parsed, recorder), recorder


@pytest.fixture
def silent_attention(glass: LoadedModel) -> Iterator[None]:
    """Let the attention of block 2 add nothing."""
    weight = glass.layout.decoder.get_parameter("layers.2.self_attn.o_proj.weight")
    with torch.no_grad():
        before = weight.clone()
        weight.zero_()
        yield
        weight[:] = before


@pytest.fixture
def broken_mlp(glass: LoadedModel) -> Iterator[None]:
    weight = glass.layout.decoder.get_parameter("layers.1.mlp.down_proj.weight")
    with torch.no_grad():
        before = weight.clone()
        weight[:] = torch.nan
        yield
        weight[:] = before


def test_pairs_of_whole_blocks_have_the_scores_of_a_run_by_blocks(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    fine, recorder = measured(glass, glass_record, documents, granularity="sublayer")
    whole, _ = measured(glass, glass_record, documents)

    for name in ("r2_fit", "update_r2_fit", "r2_heldout", "update_r2_heldout", "cosine", "cka"):
        among = [row[::2] for row in getattr(fine.pairs, name)[::2]]
        for row, wanted in zip(among, getattr(whole.pairs, name), strict=True):
            assert row == pytest.approx(wanted, abs=1e-9), name
    assert fine.profile.state_norm[::2] == pytest.approx(whole.profile.state_norm)
    assert len(fine.profile.r2_heldout) == 8
    assert recorder.partials[-1]["states"] == [
        "0", "0.attn", "1", "1.attn", "2", "2.attn", "3", "3.attn", "4",
    ]  # fmt: skip


@pytest.mark.usefixtures("silent_attention")
def test_an_attention_that_adds_nothing_is_named(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    fine, _ = measured(glass, glass_record, documents, granularity="sublayer")

    told = {warning.code: warning.data for warning in fine.warnings}
    assert told["zero_update"] == {"blocks": ["2.attn"]}
    assert fine.profile.update_r2_heldout[4] is None
    said = sublayer_finding(fine.profile, exclude="sinks")
    assert " of 3 blocks." in said["en"]
    assert "3 ブロックのうち" in said["ja"]


@pytest.mark.usefixtures("broken_mlp")
def test_an_error_names_the_part_of_the_block(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    with pytest.raises(
        NonFiniteStatesError, match="state 2 holds NaN or infinity: the MLP of block 1"
    ):
        measured(glass, glass_record, documents, granularity="sublayer")
