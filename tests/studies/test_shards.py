"""A run in shards gives the numbers of the run in one piece, whoever computes them."""

from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
import torch

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import LinearityParams, parse_params
from linearity.errors import InputChangedError, RunCancelledError
from linearity.models.loaded import LoadedModel
from linearity.studies.helping import help_linearity
from linearity.studies.linearity import Measurement, measure_linearity
from linearity.studies.shards import cut, gathered, stream_digest
from tests.studies.boards import MemoryBoard
from tests.studies.recorder import Recorder
from tests.studies.streams import a_stream
from tests.system.test_lifecycle import largest_difference

TOKENS = 4096
BATCH = 512


@pytest.fixture(scope="module", autouse=True)
def small_batches() -> Iterator[None]:
    """Let a short stream have many batches."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "linearity.studies.linearity.batch_tokens",
            "linearity.studies.shards.batch_tokens",
        ):
            patch.setattr(name, lambda _: BATCH)
        for name in (
            "linearity.studies.linearity.LEAST_BATCH",
            "linearity.studies.helping.LEAST_BATCH",
            "linearity.studies.collect.LEAST_BATCH",
        ):
            patch.setattr(name, BATCH)
        patch.setattr("linearity.studies.previews.FIRST_BATCH_TOKENS", BATCH)
        patch.setattr("linearity.studies.collect.FIRST_BATCH_TOKENS", BATCH)
        yield


@pytest.fixture(scope="module")
def documents(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def params(glass_record: ModelRecord) -> LinearityParams:
    return parse_params({"tokens": TOKENS}, model=glass_record)


@pytest.fixture(scope="module")
def alone(glass: LoadedModel, documents: list[str], params: LinearityParams) -> Measurement:
    return measure_linearity(glass, documents, params, Recorder())


@pytest.fixture
def shared(glass: LoadedModel, documents: list[str], params: LinearityParams) -> "Shared":
    return Shared(glass, documents, params)


class Shared:
    """Measures with a board whose helper is the real one, in this process."""

    def __init__(self, model: LoadedModel, documents: list[str], params: LinearityParams) -> None:
        self.model, self.documents, self.params = model, documents, params
        self.recorder = Recorder()

    def __call__(self, board: MemoryBoard) -> Measurement:
        board.helper = self.help
        return measure_linearity(
            self.model, self.documents, self.params, self.recorder, board=board
        )

    def help(self, board: MemoryBoard) -> int:
        return help_linearity(self.model, self.documents, self.params, Recorder(), board=board)


@pytest.mark.parametrize(
    ("shard_tokens", "helped"), [(1024, ()), (1024, (1, 3)), (500, range(8)), (4000, (0,))]
)
def test_every_number_is_that_of_one_pass(
    shared: Shared, alone: Measurement, shard_tokens: int, helped: tuple[int, ...]
) -> None:
    board = MemoryBoard(shard_tokens, helped)
    measured = shared(board)

    assert largest_difference(plain(measured), plain(alone)) < 1e-9
    assert sizes_of(measured) == sizes_of(alone)
    assert board.by_helper == [*helped]
    assert len(board.by_owner) + len(board.by_helper) == len(board.layouts[0].cuts)


def test_repeats_are_divided_too(shared: Shared) -> None:
    shared.params = replace(shared.params, repeats=2)
    whole = shared(MemoryBoard(0))
    board = MemoryBoard(1024, (1,))
    measured = shared(board)

    assert measured.repeats is not None
    assert [layout.part for layout in board.layouts] == [0, 1]
    assert (board.by_helper, board.by_owner) == ([1, 1], [0, 2, 3, 0, 2, 3])
    assert largest_difference(plain(measured), plain(whole)) < 1e-9


def test_a_stream_that_is_not_long_is_not_divided(shared: Shared, alone: Measurement) -> None:
    for shard_tokens in (0, TOKENS):
        board = MemoryBoard(shard_tokens)

        assert largest_difference(plain(shared(board)), plain(alone)) == 0.0
        assert board.layouts == []


def test_without_room_for_its_shards_a_stream_is_not_divided(
    shared: Shared, alone: Measurement
) -> None:
    board = MemoryBoard(1024)
    board.room = 15 * 128 * 128 * 8 * 2 * 4  # their sums, but no held-out states

    assert largest_difference(plain(shared(board)), plain(alone)) == 0.0
    assert board.layouts == []


def test_progress_adds_up_over_shards_and_never_falls(shared: Shared) -> None:
    shared(MemoryBoard(1024, (2,)))
    shares = [share for *_, share in shared.recorder.steps]

    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert max(done for done, *_ in shared.recorder.steps) == TOKENS


def test_the_first_shard_is_shown_while_it_is_computed(shared: Shared) -> None:
    shared(MemoryBoard(1024))
    shown = [partial["partial"] for partial in shared.recorder.partials]

    assert [item["done"] for item in shown] == [512, 1024]  # type: ignore[index,call-overload]
    assert [item["pairs_at"] for item in shown] == [None, 1024]  # type: ignore[index,call-overload]


def test_a_shard_that_is_lost_from_the_store_is_computed_again(
    shared: Shared, alone: Measurement
) -> None:
    board = MemoryBoard(1024)
    board.lost = {2}
    measured = shared(board)

    assert largest_difference(plain(measured), plain(alone)) < 1e-9
    assert board.by_owner == [0, 1, 2, 3, 2]


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


@pytest.mark.usefixtures("louder_token")
def test_sinks_are_held_apart_in_every_shard(
    glass: LoadedModel, documents: list[str], shared: Shared, params: LinearityParams
) -> None:
    whole = measure_linearity(glass, documents, params, Recorder())
    measured = shared(MemoryBoard(1024, (1, 2)))

    assert whole.tokens.excluded_sinks > 10
    assert measured.tokens == whole.tokens
    assert measured.profile.r2_heldout == pytest.approx(whole.profile.r2_heldout, abs=1e-9)
    assert measured.pairs.r2_fit[0][1:] == pytest.approx(whole.pairs.r2_fit[0][1:], abs=1e-9)
    # What is kept in is a million times as large as the rest, squared.
    assert measured.kept.r2_heldout == pytest.approx(whole.kept.r2_heldout, abs=1e-6)


def test_a_late_sink_divides_the_stream_once_more(
    shared: Shared, alone: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, False])
    monkeypatch.setattr("linearity.studies.linearity.missed_sinks", lambda _: next(answers))
    board = MemoryBoard(1024, (1,))
    measured = shared(board)
    first, second = board.layouts

    assert first.stream == second.stream
    assert first.plan != second.plan
    assert largest_difference(plain(measured), plain(alone)) < 1e-9


def test_whoever_waits_for_others_can_be_stopped(shared: Shared) -> None:
    board = MemoryBoard(1024, range(4))
    shared.recorder = Recorder(stop_at=0.0)

    with pytest.raises(RunCancelledError):
        shared(board)
    assert board.waited == 0


def test_a_helper_with_another_text_gives_nothing(shared: Shared, documents: list[str]) -> None:
    board = MemoryBoard(1024, (1,))
    other = Shared(shared.model, documents[: len(documents) // 2], shared.params)
    board.helper = other.help

    with pytest.raises(InputChangedError):
        measure_linearity(shared.model, documents, shared.params, Recorder(), board=board)
    assert board.by_helper == [1]


@pytest.mark.parametrize("most", [1, 50, 137, 300, 1000, 2000])
def test_cuts_cover_the_stream_and_meet_its_quarter_and_half(most: int) -> None:
    batches = a_stream(windows=60).batches
    sizes = [sum(len(window.ids) for window in batch) for batch in batches]
    cuts = cut(batches, most)
    stops = [stop for _, stop in cuts]

    assert cuts[0][0] == 0
    assert [start for start, _ in cuts[1:]] == stops[:-1]
    assert stops[-1] == len(batches)
    assert all(start < stop for start, stop in cuts)
    for share in (0.25, 0.5):
        passed = [sum(sizes[:stop]) for stop in range(1, len(sizes) + 1)]
        first = 1 + next(k for k, tokens in enumerate(passed) if tokens >= share * passed[-1])
        assert first in stops
    largest = max(sum(sizes[start:stop]) for start, stop in cuts)
    assert largest <= most + max(sizes)


def test_the_digest_of_a_stream_knows_its_text_and_its_batches() -> None:
    stream, other = a_stream(seed=1), a_stream(seed=2)
    apart = [*stream.batches[:-1], stream.batches[-1][:1], stream.batches[-1][1:]]

    assert stream_digest(stream.batches) == stream_digest(a_stream(seed=1).batches)
    assert len({stream_digest(b) for b in (stream.batches, other.batches, apart)}) == 3


def test_a_helper_with_a_larger_device_takes_larger_batches(
    shared: Shared, alone: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linearity.studies.shards.batch_tokens", lambda _: 1500)
    measured = shared(MemoryBoard(2048))

    assert sizes_of(measured) == sizes_of(alone)
    assert measured.profile.r2_heldout == pytest.approx(alone.profile.r2_heldout, abs=1e-6)


@pytest.mark.parametrize("most", [1, 137, 450, 10_000])
def test_gathered_batches_hold_the_same_windows_in_their_order(most: int) -> None:
    batches = a_stream().batches
    larger = gathered(batches, most)
    sizes = [sum(len(window.ids) for window in batch) for batch in larger]
    whole = [window for batch in batches for window in batch]

    assert [window for batch in larger for window in batch] == whole
    assert all(size <= most or size <= 200 for size in sizes)
    assert gathered(batches, 1) == batches


def sizes_of(measured: Measurement) -> list[int]:
    """Return after how many tokens the profile was scored."""
    assert measured.sample_sizes is not None
    return measured.sample_sizes.tokens


def plain(measured: Measurement) -> dict[str, object]:
    """Return a measurement as plain values."""
    return asdict(measured)
