"""The order of work of a `linearity` run: partial results, exclusions, stopping, bad models."""

from collections.abc import Iterator
from itertools import accumulate

import numpy as np
import pytest
import torch

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import parse_params
from linearity.errors import DegenerateStatesError, RunCancelledError
from linearity.measure.moments import Moments, RecomputedMoments
from linearity.measure.sampling import sample_windows
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.studies import collect, linearity, scoring, text
from linearity.studies.collect import Collected
from linearity.studies.linearity import Measurement, measure_linearity
from tests.studies.recorder import Recorder


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture
def measure(glass: LoadedModel, glass_record: ModelRecord, documents: list[str]) -> "Measure":
    return Measure(glass, glass_record, documents)


class Measure:
    """Runs the study on glass-en with some parameters."""

    def __init__(self, model: LoadedModel, record: ModelRecord, documents: list[str]) -> None:
        self.model, self.record, self.documents = model, record, documents

    def __call__(
        self, recorder: Recorder | None = None, *, reach: int | None = None, **params: object
    ) -> Measurement:
        parsed = parse_params({"tokens": 8192, **params}, model=self.record)  # type: ignore[dict-item]
        progress = recorder or Recorder()
        return measure_linearity(self.model, self.documents, parsed, progress, reach=reach)


@pytest.fixture
def louder_token(glass: LoadedModel) -> Iterator[int]:
    """Make one frequent token a sink: its embedding is a thousand times longer."""
    weight = glass.layout.decoder.get_parameter("embed_tokens.weight")
    token = glass.tokenize("\n")[0]
    with torch.no_grad():
        before = weight[token].clone()
        weight[token] *= 1000.0
        yield token
        weight[token] = before


def test_progress_counts_tokens_and_the_share_never_falls(measure: Measure) -> None:
    recorder = Recorder()
    measure(recorder)
    shares = [step[3] for step in recorder.steps]

    assert [step[0] for step in recorder.steps][:5] == [1024, 3072, 5120, 7168, 8192]
    assert {step[1] for step in recorder.steps} == {8192}
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_partial_results_come_after_every_batch_and_pairs_at_half(measure: Measure) -> None:
    recorder = Recorder()
    final = measure(recorder)
    partials = recorder.partials

    assert [p["partial"]["done"] for p in partials] == [1024, 3072, 5120, 7168]  # type: ignore[index,call-overload]
    assert [p["partial"]["pairs_at"] for p in partials] == [None, None, 5120, 5120]  # type: ignore[index,call-overload]
    first, half = partials[0]["pairs"], partials[2]["pairs"]
    assert first["angular"][0][1] is not None  # type: ignore[index,call-overload]
    assert first["r2_heldout"][0][1] is None  # type: ignore[index,call-overload]
    assert partials[0]["profile"]["state_norm"][4] is not None  # type: ignore[index,call-overload]
    assert partials[1]["profile"]["r2_heldout"][0] is not None  # type: ignore[index,call-overload]
    assert half["r2_heldout"][0][4] is not None  # type: ignore[index,call-overload]
    last = partials[-1]["profile"]["r2_heldout"]  # type: ignore[index,call-overload]
    assert last == pytest.approx(final.profile.r2_heldout, abs=0.05)


def test_a_run_stops_where_its_progress_says_so(measure: Measure) -> None:
    recorder = Recorder(stop_at=0.3)

    with pytest.raises(RunCancelledError):
        measure(recorder)
    assert recorder.steps[-1][0] < 8192


@pytest.mark.parametrize("tokens", [300, 16_384])
def test_numbers_do_not_depend_on_the_batch(
    tokens: int, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = measure()
    monkeypatch.setattr(linearity, "batch_tokens", lambda _: tokens)
    two = measure()

    assert one.profile.r2_heldout == pytest.approx(two.profile.r2_heldout, abs=1e-6)
    assert one.profile.r2_fit == pytest.approx(two.profile.r2_fit, abs=1e-6)
    assert one.sample_sizes is not None
    assert two.sample_sizes is not None
    assert one.sample_sizes.tokens == two.sample_sizes.tokens
    assert len(one.sample_sizes.tokens) == 3


def test_numbers_do_not_depend_on_how_many_pairs_are_scored_together(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = measure(tokens=2048)
    monkeypatch.setattr(scoring, "GROUP_NUMBERS", 1)
    alone = measure(tokens=2048)

    assert alone.profile.r2_fit == pytest.approx(together.profile.r2_fit, abs=1e-12)
    for name, ours in vars(alone.pairs).items():
        theirs = getattr(together.pairs, name)
        assert np.allclose(np.array(ours, float), np.array(theirs, float), equal_nan=True), name


def test_where_sums_do_not_fit_kept_states_give_the_same_numbers(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[type] = []

    def seen(collected: Collected) -> bool:
        kinds.append(type(collected.moments["train"]))
        return False

    monkeypatch.setattr(linearity, "missed_sinks", seen)
    one = measure(tokens=1024)
    monkeypatch.setattr(collect, "free_bytes", lambda _: 0)
    two = measure(tokens=1024)

    assert kinds == [Moments, RecomputedMoments]
    for name in ("r2_fit", "r2_heldout", "update_r2_heldout"):
        ours, theirs = (np.array(getattr(m.pairs, name), dtype=float) for m in (one, two))
        assert np.allclose(ours, theirs, atol=1e-9, equal_nan=True)
    assert one.profile.rotation_fit == pytest.approx(two.profile.rotation_fit, abs=1e-9)
    assert one.kept.r2_heldout == pytest.approx(two.kept.r2_heldout, abs=1e-9)


def test_two_runs_give_the_same_numbers(measure: Measure) -> None:
    assert measure().profile == measure().profile


def test_adjacent_only_gives_the_same_profile_and_says_what_is_missing(measure: Measure) -> None:
    every, adjacent = measure(), measure(reach=1)

    assert adjacent.pairs.angular == every.pairs.angular
    assert adjacent.pairs.r2_heldout[0][1] == adjacent.profile.r2_heldout[0]
    assert adjacent.pairs.r2_heldout[0][2] is None
    assert adjacent.profile.r2_heldout == pytest.approx(every.profile.r2_heldout, abs=1e-12)
    assert "adjacent_only" in [warning.code for warning in adjacent.warnings]


@pytest.mark.usefixtures("louder_token")
def test_sinks_are_excluded_counted_listed_and_kept_beside(measure: Measure) -> None:
    excluded, first_only = measure(), measure(exclude="first")
    nothing = measure(exclude="none")

    assert excluded.tokens.excluded_sinks > 10
    assert len(excluded.tokens.sinks) == min(excluded.tokens.excluded_sinks, 200)
    assert all(sink.norm_ratio > 30 and sink.position > 0 for sink in excluded.tokens.sinks)
    assert first_only.tokens.excluded_sinks == 0
    assert first_only.tokens.excluded_first == excluded.tokens.excluded_first > 0
    assert nothing.tokens.fit > first_only.tokens.fit > excluded.tokens.fit
    # With everything kept, the long tokens' variance hides the others.
    assert excluded.kept.r2_heldout[1] != pytest.approx(excluded.profile.r2_heldout[1], abs=0.005)
    assert nothing.kept.r2_heldout == pytest.approx(excluded.kept.r2_heldout, abs=1e-3)


@pytest.mark.usefixtures("louder_token")
@pytest.mark.parametrize("exclude", ["sinks", "first", "none"])
def test_errors_of_the_scored_classes_make_up_the_score(measure: Measure, exclude: str) -> None:
    measured = measure(exclude=exclude)
    classes = measured.token_classes
    assert classes is not None
    left_out = {"sinks": {"first", "sink"}, "first": {"first"}, "none": set()}[exclude]
    scored = [place for place, name in enumerate(classes.names) if name not in left_out]
    share = [classes.tokens[place] / measured.tokens.heldout for place in scored]

    assert {"first", "sink"} <= set(classes.names)
    assert sum(share) == pytest.approx(1.0)
    for block, score in enumerate(measured.profile.r2_heldout):
        errors = [classes.error[block][place] for place in scored]
        assert score == pytest.approx(
            1.0 - sum(a * b for a, b in zip(share, errors, strict=True)), abs=1e-9
        )


def test_the_profile_of_fewer_tokens_is_that_of_a_shorter_text(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure()
    sizes = whole.sample_sizes
    assert sizes is not None

    def shorter(*given: object) -> list[Window]:
        windows = sample_windows(*given)  # type: ignore[arg-type]
        ends = accumulate(len(window.ids) for window in windows)
        return [w for w, end in zip(windows, ends, strict=True) if end <= sizes.tokens[1]]

    monkeypatch.setattr(text, "sample_windows", shorter)
    part = measure()

    assert sizes.tokens == sorted(sizes.tokens)
    assert sizes.tokens[-1] == 8192
    assert sizes.r2_heldout[-1] == whole.profile.r2_heldout
    assert sizes.r2_heldout[1] == pytest.approx(part.profile.r2_heldout, abs=1e-9)
    assert sizes.update_r2_heldout[1] == pytest.approx(part.profile.update_r2_heldout, abs=1e-9)


def test_repeats_are_runs_with_other_seeds(measure: Measure) -> None:
    recorder = Recorder()
    repeated = measure(recorder, repeats=3, seed=5)
    alone = [measure(seed=seed) for seed in (5, 6, 7)]
    shares = [step[3] for step in recorder.steps]

    assert repeated.repeats is not None
    assert repeated.repeats.seeds == [5, 6, 7]
    for name in ("r2_heldout", "update_r2_heldout"):
        wanted = [getattr(one.profile, name) for one in alone]
        assert np.array(getattr(repeated.repeats, name)) == pytest.approx(
            np.array(wanted), abs=1e-9
        )
    assert repeated.profile == alone[0].profile
    assert alone[0].repeats is None
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len({str(row) for row in repeated.repeats.r2_heldout}) == 3


def test_a_fixed_ridge_is_used_everywhere(measure: Measure) -> None:
    measured = measure(ridge=0.5)

    assert measured.profile.ridge == [0.5] * 4
    assert measured.kept.ridge == [0.5] * 4


def test_a_block_that_adds_nothing_has_null_update_scores_and_a_warning(
    measure: Measure, glass: LoadedModel
) -> None:
    block = glass.layout.blocks[2]
    outputs = [
        block.get_parameter(name) for name in ("self_attn.o_proj.weight", "mlp.down_proj.weight")
    ]
    before = [weight.detach().clone() for weight in outputs]
    with torch.no_grad():
        for weight in outputs:
            weight.zero_()
    try:
        measured = measure()
    finally:
        with torch.no_grad():
            for weight, old in zip(outputs, before, strict=True):
                weight.copy_(old)
    warning = next(w for w in measured.warnings if w.code == "zero_update")

    assert warning.data == {"blocks": [2]}
    assert measured.profile.update_r2_heldout[2] is None
    assert measured.profile.update_r2_heldout_ci95[2] is None
    assert measured.profile.r2_heldout[2] == pytest.approx(1.0, abs=1e-9)


def test_a_state_without_variance_is_an_error_that_names_it(
    measure: Measure, glass: LoadedModel
) -> None:
    weight = glass.layout.decoder.get_parameter("embed_tokens.weight")
    before = weight.detach().clone()
    with torch.no_grad():
        weight.copy_(before[5].expand_as(before))
    try:
        with pytest.raises(DegenerateStatesError, match="state 0 is the same for all"):
            measure()
    finally:
        with torch.no_grad():
            weight.copy_(before)


def test_too_few_documents_to_choose_a_ridge_are_warned_about(
    glass: LoadedModel, glass_record: ModelRecord, documents: list[str]
) -> None:
    few = sorted(documents, key=len)[-5:]
    measured = Measure(glass, glass_record, few)(tokens=2048, context=64, heldout=0.45)
    codes = [warning.code for warning in measured.warnings]

    assert measured.tokens.fit_documents < 5
    assert "no_validation" in codes
    assert "few_documents" in codes
    assert measured.profile.ridge == [1e-2] * 4


def test_few_tokens_a_coordinate_are_warned_about_with_the_null_score(measure: Measure) -> None:
    measured = measure(tokens=1024)
    warning = next(w for w in measured.warnings if w.code == "few_tokens")
    fit = measured.tokens.fit

    assert warning.data["null_score"] == pytest.approx(128 / (fit - 1))
    assert f"{fit:,}" in warning.message
