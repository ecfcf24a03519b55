"""Shards in the state database: who may claim, who may hand in, and what is left in the end."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import MAXIMUM_DEATHS, ShardRow, State
from linearity.adapters.state_removals import InputName
from tests.adapters.test_state import PROBLEM, a_run, a_running_run, get

OPENING, STORED = "e" * 64, "f" * 64


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(sqlite_url(tmp_path / "state.db"))
    yield state
    state.close()


def rows(run_id: str, count: int = 3, *, part: int = 0, plan: str = "plan") -> list[ShardRow]:
    return [
        ShardRow(run_id, part, number, plan, "stream", OPENING, number, number + 1)
        for number in range(count)
    ]


def divided(state: State, count: int = 3) -> str:
    run = a_running_run(state)
    assert len(state.divide_run(1, rows(run.id, count))) == count
    return run.id


def claimed(state: State, id: str, worker: str = "worker") -> ShardRow:
    row = state.claim_shard(id, worker)
    assert row is not None
    return row


def test_only_the_current_attempt_of_a_running_run_divides_it(state: State) -> None:
    waiting = a_run(state, seed=1)
    running = a_running_run(state)

    assert state.divide_run(1, rows(waiting.id)) == []
    assert state.divide_run(2, rows(running.id)) == []
    assert [row.number for row in state.divide_run(1, rows(running.id))] == [0, 1, 2]


def test_shards_are_claimed_once_each_by_any_number_of_threads(state: State) -> None:
    id = divided(state, 20)
    taken: list[int] = []

    def work(worker: str) -> None:
        while row := state.claim_shard(id, worker):
            taken.append(row.number)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(20))
    assert not state.has_free_shards(id)


def test_what_was_handed_in_is_not_claimed_again(state: State) -> None:
    id = divided(state, 1)
    row = claimed(state, id)

    assert state.hand_in_shard(row, STORED, 7)
    assert state.claim_shard(id, "other", lease_seconds=-1.0) is None
    assert [(r.sha256, r.done, r.worker) for r in state.shards_of(id)] == [(STORED, 7, "worker")]


def test_a_shard_whose_worker_was_not_heard_of_goes_to_another_who_alone_may_hand_it_in(
    state: State,
) -> None:
    id = divided(state, 1)
    late = claimed(state, id, "late")
    assert state.claim_shard(id, "early") is None
    again = state.claim_shard(id, "early", lease_seconds=-1.0)
    assert again is not None
    state.shard_heartbeat(late, 5)

    assert (again.number, again.claim) == (0, 2)
    assert state.shards_of(id)[0].done == 0
    assert not state.hand_in_shard(late, "a" * 64, 7)
    assert state.hand_in_shard(again, STORED, 7)
    assert not state.hand_in_shard(again, STORED, 7)


def test_a_heartbeat_renews_the_lease_and_tells_how_far_it_is(state: State) -> None:
    id = divided(state, 1)
    row = claimed(state, id)
    state.shard_heartbeat(row, 512)
    now = state.shards_of(id)[0]

    assert now.done == 512
    assert (now.heartbeat or "") >= (row.heartbeat or "~")


def test_what_a_worker_leaves_is_free_at_once_and_what_it_handed_in_stays(state: State) -> None:
    id = divided(state)
    state.hand_in_shard(claimed(state, id), STORED, 1)
    claimed(state, id)
    claimed(state, id, "other")
    state.release_shards(id, "worker")
    again = claimed(state, id, "third")

    assert again.number == 1
    assert state.claim_shard(id, "third") is None


def test_the_next_attempt_finds_what_was_handed_in_and_nothing_claimed_by_the_dead_one(
    state: State,
) -> None:
    id = divided(state)
    state.hand_in_shard(claimed(state, id), STORED, 1)
    claimed(state, id)
    state.lose_attempt(id, 1, "lost")
    assert state.helper_pulse(id) == "ok"
    assert claimed(state, id, "helper").number == 1  # helpers go on between two attempts
    assert state.start_attempt(id, 2, "worker 2")
    found = state.divide_run(2, rows(id))

    assert [row.sha256 for row in found] == [STORED, None, None]
    assert [row.worker for row in found] == ["worker", "helper", None]


def test_another_plan_replaces_the_shards_of_its_part_alone(state: State) -> None:
    id = divided(state)
    stale = claimed(state, id)
    state.divide_run(1, rows(id, 2, part=1))
    state.divide_run(1, rows(id, 4, plan="another"))

    assert [(row.part, row.plan) for row in state.shards_of(id)] == [
        *[(0, "another")] * 4, *[(1, "plan")] * 2,
    ]  # fmt: skip
    assert not state.hand_in_shard(stale, STORED, 1)
    assert OPENING in state.removals()


def test_a_shard_that_is_gone_from_the_store_is_free_again(state: State) -> None:
    id = divided(state, 1)
    state.hand_in_shard(claimed(state, id), STORED, 1)
    row = state.shards_of(id)[0]
    state.reopen_shard(row)
    state.reopen_shard(row)

    assert claimed(state, id).claim == 2
    assert STORED in state.removals()


def end_by_death(state: State, id: str) -> object:
    for number in range(1, MAXIMUM_DEATHS + 1):
        state.lose_attempt(id, number, "lost")
        state.start_attempt(id, number + 1, "worker")
    return get(state, id)


ENDS: dict[str, tuple[Callable[[State, str], object], str]] = {
    "finished": (lambda state, id: state.finish(id, 1, "9" * 64, 1.0), "stale"),
    "failed": (lambda state, id: state.fail(id, 1, PROBLEM), "stale"),
    "cancelled": (lambda state, id: state.cancel(id), "cancelled"),
    "set aside": (end_by_death, "stale"),
}


@pytest.mark.parametrize("name", ENDS)
def test_nothing_is_left_of_shards_however_a_run_ends(state: State, name: str) -> None:
    end, pulse = ENDS[name]
    id = divided(state)
    row = claimed(state, id, "helper")
    state.hand_in_shard(row, STORED, 1)
    held = claimed(state, id, "helper")
    assert {OPENING, STORED} <= state.named_objects()
    end(state, id)

    assert state.shards_of(id) == []
    assert not {OPENING, STORED} & state.named_objects()
    assert {OPENING, STORED} <= set(state.removals())
    assert state.helper_pulse(id) == pulse
    assert not state.hand_in_shard(held, "a" * 64, 1)


def test_a_run_that_is_gone_wants_no_help(state: State) -> None:
    id = divided(state)
    state.cancel(id)
    state.forget([InputName("model", "glass-en")], [id])

    assert state.helper_pulse(id) == "stale"
    assert state.claim_shard(id, "helper") is None
