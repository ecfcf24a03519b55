"""`protocol=paper` on glass-en against the paper's own definition, written out in numpy.

Section 3.1 of arXiv:2405.12250: with both states centred and at Frobenius norm 1, one minus the
least squared residual over all linear maps; states come from the library's hidden states, one
window a pass, every token of it.
"""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import parse_params
from linearity.measure.paper_windows import paper_windows
from linearity.models.loaded import LoadedModel
from linearity.studies.finding import in_sample_finding
from linearity.studies.linearity import Measurement, measure_linearity
from tests.studies.recorder import Recorder

Array = NDArray[np.float64]
SEED = 5


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def measured(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str], recorder: Recorder
) -> Measurement:
    params = parse_params({"protocol": "paper", "seed": SEED}, model=glass_record)
    return measure_linearity(glass, documents, params, recorder)


@pytest.fixture(scope="module")
def states(glass: LoadedModel, glass_record: ModelRecord, documents: list[str]) -> Array:
    """Every state of every token in float64, (N, S, d); the last one before the final norm."""
    windows = paper_windows(
        documents, glass.tokenize, seed=SEED, context=glass_record.context, bos=glass.bos
    )
    norm = glass.layout.decoder.norm
    glass.layout.decoder.norm = torch.nn.Identity()
    found = []
    try:
        for window in windows:
            with torch.inference_mode():
                out = glass.layout.decoder(
                    torch.tensor([window.ids]), output_hidden_states=True, use_cache=False
                )
            found.append(torch.stack(out.hidden_states, dim=2)[0].double().numpy())
    finally:
        glass.layout.decoder.norm = norm
    return np.concatenate(found)


def linearity_score(X: Array, Y: Array) -> float:
    X, Y = X - X.mean(0), Y - Y.mean(0)
    X, Y = X / np.linalg.norm(X), Y / np.linalg.norm(Y)
    A = np.linalg.pinv(X) @ Y
    return float(1.0 - np.linalg.norm(X @ A - Y) ** 2)


def test_scores_are_the_papers_own(measured: Measurement, states: Array) -> None:
    blocks = range(states.shape[1] - 1)
    X = [states[:, block] for block in range(states.shape[1])]

    assert measured.tokens.fit == len(states)
    assert measured.profile.r2_fit == pytest.approx(
        [linearity_score(X[block], X[block + 1]) for block in blocks], abs=1e-6
    )
    assert measured.profile.update_r2_fit == pytest.approx(
        [linearity_score(X[block], X[block + 1] - X[block]) for block in blocks], abs=1e-6
    )
    assert measured.pairs.r2_fit[0][3] == pytest.approx(linearity_score(X[0], X[3]), abs=1e-6)


def test_position_0_is_kept_and_nothing_is_held_out(measured: Measurement) -> None:
    counts, profile = measured.tokens, measured.profile

    assert (counts.excluded_first, counts.excluded_sinks, counts.heldout) == (0, 0, 0)
    assert set(profile.r2_heldout) == set(profile.update_r2_heldout) == {None}
    assert set(profile.r2_heldout_ci95) == {None}
    assert set(profile.ridge) == {0.0}
    assert measured.kept == profile
    assert (measured.pairs.cka, measured.token_classes, measured.sample_sizes) == (None, None, None)
    assert None not in profile.r2_adjusted


def test_a_warning_says_so_and_another_one_that_windows_were_cut(measured: Measurement) -> None:
    told = {warning.code: warning for warning in measured.warnings}

    assert "in_sample_only" in told
    assert told["windows_cut"].data["context"] == 128  # glass-en reads no more
    assert measured.tokens.passed_over > 0
    assert not {"few_documents", "fewer_tokens", "no_validation", "zero_update"} & set(told)


def test_partial_results_show_in_sample_scores(measured: Measurement, recorder: Recorder) -> None:
    last: Any = recorder.partials[-1]

    assert last["profile"]["r2_fit"] == pytest.approx(measured.profile.r2_fit, abs=0.05)
    assert set(last["profile"]["r2_heldout"]) == {None}
    assert recorder.steps[-1][3] == 1.0


def test_the_finding_says_in_sample(measured: Measurement) -> None:
    said = in_sample_finding(measured.profile)

    assert said["en"].startswith("In sample, by the paper's procedure")
    assert "同一データ" in said["ja"]


def test_the_windows_of_a_short_text_overlap(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    short = max(documents, key=len)[:4000]
    params = parse_params({"protocol": "paper"}, model=glass_record)

    measured = measure_linearity(glass, [short], params, Recorder())

    assert measured.warnings[1].code == "overlapping_windows"
    assert measured.warnings[1].data == {"characters": 4000, "drawn": 65_536}
