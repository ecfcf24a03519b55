"""A passage is judged by the very maps of a `linearity` run, and told in words that people read."""

import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from linearity.adapters.inputs import load_records
from linearity.adapters.resident import Resident
from linearity.adapters.store import ArtifactStore
from linearity.contracts.byte_texts import text_of_bytes
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.passage import PassageParams, parse_params
from linearity.errors import InvalidParameterError
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.models.states import record_states
from linearity.studies.linearity import measure_linearity
from linearity.studies.neighbour_maps import NeighbourMaps, fit_neighbours
from linearity.studies.passage import PassageMeasurement, measure_passage, passage_ids
from linearity.studies.text import Text
from tests.studies.recorder import Recorder

TEXT = "A function returns a value, and a list keeps what it was given."
GIVEN: dict[str, Json] = {"tokens": 4096, "context": 128, "seed": 3, "text": TEXT}


@pytest.fixture(scope="module")
def params(glass_record: ModelRecord) -> PassageParams:
    return parse_params(GIVEN, model=glass_record)


@pytest.fixture(scope="module")
def records(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[Document]:
    return load_records(docs_record, small_store)


@pytest.fixture(scope="module")
def windows(glass: LoadedModel, records: list[Document], params: PassageParams) -> list[Window]:
    return Text(glass, records, params.linearity).windows(params.linearity)


@pytest.fixture(scope="module")
def maps(glass: LoadedModel, records: list[Document], params: PassageParams) -> NeighbourMaps:
    return fit_neighbours(glass, records, params.linearity, Recorder())


def judged(
    glass: LoadedModel, ids: Sequence[int], maps: NeighbourMaps, params: PassageParams
) -> PassageMeasurement:
    return measure_passage(glass, ids, maps, params)


def test_held_out_windows_have_the_errors_of_the_run(
    glass: LoadedModel,
    records: list[Document],
    windows: list[Window],
    maps: NeighbourMaps,
    params: PassageParams,
) -> None:
    run = measure_linearity(glass, records, replace(params.linearity, pairs="all"), Recorder())
    errors = []
    for window in windows:
        if window.role == "heldout":
            found = judged(glass, window.ids, maps, params)
            errors += [e for token, e in zip(found.passage, found.error, strict=True)
                       if token.token_class not in ("first", "sink")]  # fmt: skip

    assert len(errors) == run.tokens.heldout == maps.errors.tokens
    assert np.mean(errors, axis=0) == pytest.approx(
        [1.0 - (score or 0.0) for score in run.profile.r2_heldout], rel=1e-9
    )
    for share, quantile in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        wanted = getattr(run.token_errors, quantile)
        assert np.quantile(errors, share, axis=0) == pytest.approx(wanted, rel=1e-9)
        assert getattr(found.reference, quantile) == pytest.approx(wanted, rel=1e-9)


def test_an_error_is_that_of_a_map_fitted_by_scikit_learn(
    glass: LoadedModel, records: list[Document], windows: list[Window], params: PassageParams
) -> None:
    def states(*roles: str) -> NDArray[np.float64]:
        chosen = [window.ids for window in windows if window.role in roles]
        return np.concatenate([record_states(glass, [ids])[1:].double().numpy() for ids in chosen])

    fixed = replace(params, ridge=0.01)
    maps = fit_neighbours(glass, records, fixed.linearity, Recorder())
    ids = passage_ids(glass, TEXT)
    fit, new = states("train", "validation"), states("heldout")
    own = record_states(glass, [ids]).double().numpy()
    found = np.array(judged(glass, ids, maps, fixed).error)
    for block in range(4):
        X, Y = fit[:, block], fit[:, block + 1]
        ridge = 0.01 * ((X - X.mean(0)) ** 2).sum() / X.shape[1]
        mapped = Ridge(alpha=ridge, solver="cholesky").fit(X, Y - X)
        spread = ((new[:, block + 1] - new[:, block + 1].mean(0)) ** 2).sum(1).mean()
        residual = own[:, block + 1] - own[:, block] - mapped.predict(own[:, block])

        assert found[:, block] == pytest.approx((residual**2).sum(1) / spread, rel=1e-6)


def test_tokens_are_named_in_order_and_only_the_first_is_first(
    glass: LoadedModel, maps: NeighbourMaps, params: PassageParams
) -> None:
    found = judged(glass, passage_ids(glass, TEXT), maps, params)

    assert "".join(token.text for token in found.passage).replace("▁", " ").strip() == TEXT
    assert [token.token_class == "first" for token in found.passage].index(True) == 0
    assert {len(row) for row in found.error} == {4}
    assert found.warnings == maps.warnings
    assert TEXT not in str(found.finding)


def test_a_token_that_dwarfs_the_run_is_a_sink(
    glass: LoadedModel, maps: NeighbourMaps, params: PassageParams
) -> None:
    small = replace(maps, medians=maps.medians / 1000)

    found = judged(glass, passage_ids(glass, TEXT), small, params)

    assert {token.token_class for token in found.passage[1:]} == {"sink"}
    assert found.finding["en"].startswith("The passage holds only tokens that stay out")


def test_parts_of_a_character_tell_the_whole_one(
    glass: LoadedModel, maps: NeighbourMaps, params: PassageParams
) -> None:
    def show(ids: Sequence[int]) -> str:
        return text_of_bytes(bytes(ids))

    every_byte = replace(glass, show=show, token_text=lambda token: show([token]))
    broken = "線".encode()[:2]

    found = judged(every_byte, [*"a線形b".encode(), *broken], maps, params)

    parts = [(token.character, token.part) for token in found.passage]
    assert parts == [
        ("", 0), *(("線", n) for n in (1, 2, 3)), *(("形", n) for n in (1, 2, 3)), ("", 0),
        *(("", 0) for _ in broken),
    ]  # fmt: skip
    assert [token.text for token in found.passage[1:3]] == ["⟨E7⟩", "⟨B7⟩"]
    assert {token.token_class for token in found.passage if token.part} == {"byte"}


def test_a_passage_longer_than_the_windows_says_so(
    glass: LoadedModel, maps: NeighbourMaps, params: PassageParams
) -> None:
    ids = passage_ids(glass, TEXT)

    found = judged(glass, ids, maps, replace(params, context=8))

    (warning,) = [w for w in found.warnings if w.code == "longer_than_context"]
    assert warning.data == {"tokens": len(ids), "context": 8}


@pytest.mark.parametrize("text", [TEXT * 40, ""])
def test_too_many_tokens_are_refused_without_repeating_them(glass: LoadedModel, text: str) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        passage_ids(glass, text)

    assert refused.value.data["parameter"] == "text"
    assert "1 to 51" in refused.value.message
    assert "function" not in str(vars(refused.value))


def test_one_set_of_maps_stays_until_another_is_asked_for_or_its_text_is_deleted(
    small_store: ArtifactStore,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    params: PassageParams,
) -> None:
    resident = Resident()

    def maps_of(asked: PassageParams) -> weakref.ref[NeighbourMaps]:
        return weakref.ref(
            resident.neighbour_maps(
                glass_record,
                docs_record,
                asked,
                store=small_store,
                device="cpu",
                progress=Recorder(),
            )
        )

    first = maps_of(params)
    assert maps_of(replace(params, text="Another one."))() is first()
    other = maps_of(replace(params, seed=4))
    assert first() is None
    resident.keep_only([glass_record.fingerprint, docs_record.fingerprint])
    assert other() is not None
    resident.keep_only([glass_record.fingerprint])

    assert (other(), resident.maps_made) == (None, 2)


def test_maps_beyond_the_limit_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
    small_store: ArtifactStore,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    params: PassageParams,
) -> None:
    monkeypatch.setattr("linearity.adapters.resident.LARGEST_MAPS", 1000)
    resident = Resident()
    for _ in range(2):
        resident.neighbour_maps(
            glass_record, docs_record, params, store=small_store, device="cpu", progress=Recorder()
        )

    assert resident.maps_made == 2
