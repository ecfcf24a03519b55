"""Events, progress, partial results and the cache on a real server."""

import threading
from typing import Any

import orjson
import pytest
import redis

from linearity.adapters.live import EVENTS_KEY, Live

RUN = "0" * 32


def test_an_event_names_its_run_and_keeps_its_order(live: Live) -> None:
    for done in range(3):
        live.publish(RUN, "progress", {"done": done})
    entries: Any = live.redis.xrange(EVENTS_KEY)
    bodies = [orjson.loads(fields[b"data"]) for _, fields in entries]

    assert [body["done"] for body in bodies] == [0, 1, 2]
    assert {body["run"] for body in bodies} == {RUN}
    assert {fields[b"event"] for _, fields in entries} == {b"progress"}


def test_the_last_progress_is_remembered_and_published(live: Live) -> None:
    live.progress(RUN, {"done": 1, "total": 2, "unit": "tokens", "eta_s": [1.0, 2.0]})
    live.progress(RUN, {"done": 2, "total": 2, "unit": "tokens", "eta_s": [0.0, 0.0]})
    progress = live.get_progress(RUN)
    assert progress is not None

    assert progress["done"] == 2
    assert live.redis.xlen(EVENTS_KEY) == 2


def test_a_run_nobody_has_heard_of_has_no_progress_and_no_partial(live: Live) -> None:
    assert live.get_progress(RUN) is None
    assert live.get_partial(RUN) is None


def test_what_was_remembered_while_a_run_ran_can_be_forgotten(live: Live) -> None:
    live.progress(RUN, {"done": 1})
    live.put_partial(RUN, b"{}")
    live.forget(RUN)

    assert (live.get_progress(RUN), live.get_partial(RUN)) == (None, None)


def test_everything_that_is_remembered_expires(live: Live) -> None:
    live.progress(RUN, {"done": 1})
    live.put_partial(RUN, b"{}")
    live.cache_put("key", b"body")
    names: Any = live.redis.keys("linearscope:*")
    kept = {name for name in names if live.redis.ttl(name) == -1}

    assert kept == {EVENTS_KEY.encode()}


def test_a_cached_body_comes_back_unchanged(live: Live) -> None:
    body = bytes(range(256)) * 100
    live.cache_put("key", body)

    assert live.cache_get("key") == body
    assert live.cache_get("another") is None


@pytest.mark.parametrize("offset", [0, 10, 70])
def test_a_damaged_cache_entry_is_dropped_and_not_returned(live: Live, offset: int) -> None:
    live.cache_put("key", b"a body of some length")
    live.redis.setrange("linearscope:cache:key", offset, b"\xff")

    assert live.cache_get("key") is None
    assert not live.redis.exists("linearscope:cache:key")


def test_a_cache_entry_of_another_type_is_dropped(live: Live) -> None:
    live.redis.lpush("linearscope:cache:key", "x")

    assert live.cache_get("key") is None
    live.cache_put("key", b"body")
    assert live.cache_get("key") == b"body"


def test_more_threads_than_connections_wait_for_their_turn(live: Live) -> None:
    failures: list[Exception] = []

    def hammer() -> None:
        try:
            for _ in range(20):
                live.get_progress(RUN)
        except redis.RedisError as error:
            failures.append(error)

    threads = [threading.Thread(target=hammer) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_server_that_is_gone_is_an_error_and_not_an_answer() -> None:
    live = Live("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0")

    with pytest.raises(redis.ConnectionError):
        live.ping()
    live.close()
