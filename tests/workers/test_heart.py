"""The heartbeat notices an unwanted attempt, and survives a database that is busy."""

import subprocess
import sys
import threading

from sqlalchemy.exc import OperationalError

from linearity.adapters.state import Pulse
from tests.servers import eventually
from workers.heart import EXIT_UNWANTED, Heart

NEVER_ENDING = """
import time
from workers.heart import Heart
with Heart(lambda: "cancelled"):
    time.sleep(600)
"""


def test_a_wanted_attempt_beats_until_its_block_ends() -> None:
    beaten = threading.Event()

    def beat() -> Pulse:
        beaten.set()
        return "ok"

    with Heart(beat) as heart:
        assert beaten.wait(10)
        assert not heart.unwanted


def test_the_study_may_notice_and_leave_by_itself() -> None:
    with Heart(lambda: "stale") as heart:
        eventually(lambda: heart.unwanted, seconds=10)

    assert heart.unwanted


def test_a_process_that_does_not_notice_is_ended() -> None:
    ended = subprocess.run([sys.executable, "-c", NEVER_ENDING], timeout=60, check=False)

    assert ended.returncode == EXIT_UNWANTED


def test_a_nudged_heart_does_not_wait_for_its_next_beat() -> None:
    with Heart(lambda: "cancelled", every=600.0, grace=600.0) as heart:
        heart.nudge()
        eventually(lambda: heart.unwanted, seconds=10)

    assert heart.unwanted


def test_a_heart_that_would_beat_in_an_hour_ends_with_its_block() -> None:
    with Heart(lambda: "ok", every=3600.0) as heart:
        pass

    assert not heart.unwanted


def test_a_beat_that_cannot_be_written_is_tried_again() -> None:
    answers: list[str] = []

    def beat() -> Pulse:
        answers.append("tried")
        if len(answers) == 1:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return "ok"

    with Heart(beat) as heart:
        eventually(lambda: len(answers) == 2, seconds=10)

    assert not heart.unwanted
