"""The desk of the interactive worker: found by tasks, nudged by cancels, cleared by failures."""

import threading

from linearity.adapters.state import Pulse
from tests.servers import eventually
from workers.desk import Desk, desk_here, sitting_at


def test_a_task_finds_the_desk_only_while_somebody_sits_there() -> None:
    desk = Desk()
    with sitting_at(desk):
        assert desk_here() is desk

    assert desk_here() is None


def test_another_thread_sits_at_no_desk() -> None:
    found: list[Desk | None] = []
    with sitting_at(Desk()):
        thread = threading.Thread(target=lambda: found.append(desk_here()))
        thread.start()
        thread.join()

    assert found == [None]


def test_a_nudge_reaches_the_present_attempt() -> None:
    desk = Desk()
    answers: list[Pulse] = ["ok"]
    desk.nudge()  # nobody works yet
    with desk.heart(lambda: answers[-1]) as heart:
        desk.nudge()
        answers.append("cancelled")
        desk.nudge()
        eventually(lambda: heart.unwanted, seconds=10)

    assert heart.unwanted
    desk.nudge()  # the attempt is over


def test_a_cleared_desk_is_usable() -> None:
    desk = Desk()
    desk.clear()

    with sitting_at(desk), desk.heart(lambda: "ok") as heart:
        assert not heart.unwanted
