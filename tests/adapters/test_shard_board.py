"""The board of a wide run on a real database and a real store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from linearity.adapters import shard_board
from linearity.adapters.settings import sqlite_url
from linearity.adapters.shard_board import ShardBoard
from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.errors import RunCancelledError
from linearity.studies.collect import Opening, open_stream
from linearity.studies.shards import Layout
from tests.adapters.test_state import a_running_run
from tests.studies.streams import Stream, a_stream, collected_of, differences

CUTS = ((0, 3), (3, 6), (6, 9))
LAYOUT = Layout(part=0, cuts=CUTS, stream="text", plan="plan")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(sqlite_url(tmp_path / "state.db"))
    yield state
    state.close()


@pytest.fixture
def hall(state: State, tmp_path: Path) -> "Hall":
    return Hall(state, ArtifactStore(tmp_path / "store"), a_running_run(state).id)


class Hall:
    """One run, and the boards that several workers see of it."""

    def __init__(self, state: State, store: ArtifactStore, run_id: str) -> None:
        self.state, self.store, self.run_id = state, store, run_id
        self.stream: Stream = a_stream()
        self.lines: list[str] = []
        self.summoned: list[int] = []

    def board(self, worker: str = "owner", attempt: int = 1) -> ShardBoard:
        return ShardBoard(
            self.run_id,
            worker,
            state=self.state,
            store=self.store,
            shard_tokens=1024,
            attempt=attempt,
            summon=self.summoned.append,
            log=self.lines.append,
        )

    def opening(self) -> Opening:
        return open_stream(self.stream, self.stream.batches[0], None)

    def compute(self, board: ShardBoard) -> int | None:
        """Claim, compute and hand in one shard; return its number."""
        claim = board.claim()
        if claim is None:
            return None
        part = slice(claim.start, claim.stop)
        board.hand_in(collected_of(self.stream, part, opening=board.opening()))
        return claim.number


def test_shards_of_two_workers_merge_to_the_whole(hall: Hall) -> None:
    owner, helper = hall.board(), hall.board("helper")
    opening = owner.divide(LAYOUT, hall.opening)
    numbers = [hall.compute(board) for board in (owner, helper, owner, helper)]
    merged = owner.load(0)
    assert merged is not None
    for number in (1, 2):
        shard = owner.load(number)
        assert shard is not None
        merged.merge(shard)

    assert numbers == [0, 1, 2, None]
    assert differences(collected_of(hall.stream, slice(0, 9), opening=opening), merged) < 1e-12
    assert owner.used() == {"shards": 3, "workers": 2}
    assert owner.done() == merged.tokens
    assert hall.summoned == [3]


def test_the_next_attempt_has_the_opening_of_the_first_and_its_shards(hall: Hall) -> None:
    first = hall.board()
    opening = first.divide(LAYOUT, hall.opening)
    hall.compute(first)
    hall.state.lose_attempt(hall.run_id, 1, "lost")
    hall.state.start_attempt(hall.run_id, 2, "owner")
    again = hall.board(attempt=2).divide(LAYOUT, lambda: pytest.fail("computed once more"))

    assert torch.equal(again.reference, opening.reference)
    assert torch.equal(again.guard.medians, opening.guard.medians)
    assert hall.lines[-1] == "divided into 3 shards, 1 of them computed before"
    assert hall.summoned == [3, 2]


def test_an_attempt_that_is_not_wanted_divides_and_counts_nothing(hall: Hall) -> None:
    with pytest.raises(RunCancelledError):
        hall.board(attempt=2).divide(LAYOUT, hall.opening)
    board = hall.board()
    board.divide(LAYOUT, hall.opening)
    hall.state.cancel(hall.run_id)

    with pytest.raises(RunCancelledError):
        board.done()
    assert board.claim() is None


@pytest.mark.parametrize("damage", ["gone", "changed", "cut short", "another object"])
def test_a_damaged_shard_is_computed_again(hall: Hall, damage: str) -> None:
    board = hall.board()
    opening = board.divide(LAYOUT, hall.opening)
    for _ in CUTS:
        hall.compute(board)
    row = hall.state.shards_of(hall.run_id)[1]
    path = hall.store.path(row.sha256 or "")
    path.chmod(0o644)
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:100])
    else:
        sha256 = hall.store.put(b"nothing of ours")
        hall.state.reopen_shard(row)
        claim = hall.state.claim_shard(hall.run_id, "owner")
        assert claim is not None
        hall.state.hand_in_shard(claim, sha256, 1)

    assert board.load(1) is None
    assert hall.lines[-1] == "shard 1 is damaged or gone, so it is computed again"
    assert hall.compute(board) == 1
    shard = board.load(1)
    assert shard is not None
    assert differences(collected_of(hall.stream, slice(3, 6), opening=opening), shard) == 0.0


def test_a_lost_opening_begins_the_division_anew(hall: Hall) -> None:
    first = hall.board()
    first.divide(LAYOUT, hall.opening)
    hall.compute(first)
    hall.store.delete(hall.state.shards_of(hall.run_id)[0].opening)
    again = hall.board()
    again.divide(LAYOUT, hall.opening)

    assert hall.lines[-1] == "divided into 3 shards, 0 of them computed before"
    assert hall.compute(again) == 0


def test_a_shard_that_comes_too_late_is_dropped(hall: Hall) -> None:
    slow, board = hall.board("slow"), hall.board()
    board.divide(LAYOUT, hall.opening)
    claim = slow.claim()
    assert claim is not None
    taken = hall.state.claim_shard(hall.run_id, "owner", lease_seconds=-1.0)
    part = collected_of(hall.stream, slice(0, 3), opening=slow.opening())
    slow.hand_in(part)

    assert taken is not None
    assert hall.lines[-1] == "shard 0 came too late"
    assert hall.state.shards_of(hall.run_id)[0].sha256 is None


def test_who_has_something_better_to_do_claims_nothing(hall: Hall) -> None:
    hall.board().divide(LAYOUT, hall.opening)
    busy = [True]
    helper = ShardBoard(
        hall.run_id, "h", state=hall.state, store=hall.store, has_to_stop=lambda: busy[0]
    )
    assert helper.claim() is None
    busy[0] = False

    assert helper.claim() is not None


def test_done_counts_the_shard_at_hand_before_it_is_told(hall: Hall) -> None:
    owner, helper = hall.board(), hall.board("helper")
    owner.divide(LAYOUT, hall.opening)
    owner.claim()
    helper.claim()
    owner.report(40)
    helper.report(30)
    before = owner.done()
    helper.beat()

    assert (before, owner.done()) == (40, 70)


def test_shards_need_room_on_the_disk(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    board = hall.board()
    monkeypatch.setattr(shard_board, "free_disk_bytes", lambda _: shard_board.SPARE_BYTES + 100)

    assert board.has_room(99)
    assert not board.has_room(101)
    assert hall.lines == ["no room for shards of 101 bytes, so the run is not divided"]


def test_a_run_that_is_not_divided_used_nobody(hall: Hall) -> None:
    assert hall.board().used() == {}
