import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
import zstandard
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.adapters.live import EVENTS_KEY
from linearity.contracts.runs import RunStatus
from tests.backend.builders import (
    A_RUN,
    a_failed_run,
    a_finished_run,
    a_quarantined_run,
    a_run,
    a_running_run,
    current,
    ready_inputs,
)
from tests.backend.conftest import Valkey
from tests.builders import a_partial

RUNS = "/api/v1/runs"


def test_a_new_run_is_accepted_committed_and_queued(client: TestClient, services: Services) -> None:
    ready_inputs(services)

    answer = client.post(RUNS, json=A_RUN)

    run = answer.json()
    assert answer.status_code == 202
    assert re.fullmatch(r"[0-9a-f]{32}", run["id"])
    assert answer.headers["location"] == f"{RUNS}/{run['id']}"
    assert (run["status"], run["queue_position"], run["attempt"]) == ("queued", 0, 1)
    assert run["model"] == {
        "id": "glass-en",
        "name": "GlassLM English (4 blocks)",
        "blocks": 4,
        "width": 64,
    }
    assert run["params"]["tokens"] == 16_384
    assert run["links"]["result"] == f"{RUNS}/{run['id']}/result"


def test_the_same_question_joins_the_open_run(client: TestClient, services: Services) -> None:
    ready_inputs(services)
    spelled_out = A_RUN | {"params": {"tokens": 16_384.0, "seed": 0}, "force": True}

    first, second = client.post(RUNS, json=A_RUN), client.post(RUNS, json=spelled_out)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert len(client.get(RUNS).json()["items"]) == 1


def test_fifty_simultaneous_questions_are_one_run(
    client: TestClient, services: Services, valkey: Valkey
) -> None:
    ready_inputs(services)
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: client.post(RUNS, json=A_RUN), range(50)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert valkey.client.llen("rq:queue:analysis") == 1


def test_a_finished_run_answers_200_at_once(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)

    answer = client.post(RUNS, json=A_RUN)

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["status"]) == (run.id, "finished")


def test_a_failed_run_gets_a_new_attempt(client: TestClient, services: Services) -> None:
    a_failed_run(services)

    answer = client.post(RUNS, json=A_RUN)

    assert (answer.status_code, answer.json()["attempt"]) == (202, 2)


def test_a_quarantined_run_needs_force(client: TestClient, services: Services) -> None:
    a_quarantined_run(services)

    refused = client.post(RUNS, json=A_RUN)
    forced = client.post(RUNS, json=A_RUN | {"force": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "quarantined")
    assert (forced.status_code, forced.json()["status"]) == (202, "queued")


def test_a_finished_run_whose_result_is_lost_is_computed_again(
    client: TestClient, services: Services
) -> None:
    run = a_finished_run(services)
    assert run.result
    services.results.forget(run.result)

    lost = client.get(f"{RUNS}/{run.id}/result")
    again = client.post(RUNS, json=A_RUN)

    assert (lost.status_code, lost.json()["code"]) == (503, "corrupt_object")
    assert (again.status_code, again.json()["status"]) == (202, "queued")


def test_an_input_under_inspection_is_not_ready(client: TestClient, services: Services) -> None:
    ready_inputs(services)
    services.state.add_input("model", id="new", name="new", source="path", reference="/m/new")

    answer = client.post(RUNS, json=A_RUN | {"model": "new"})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert "/api/v1/models/new" in answer.json()["next_step"]


def test_a_rejected_input_says_why(client: TestClient, services: Services) -> None:
    ready_inputs(services)
    services.state.add_input("model", id="bad", name="bad", source="path", reference="/m/bad")
    problem = {"code": "rejected_input", "message": "NaN in block 3", "next_step": "Repair it."}
    services.state.input_rejected("model", "bad", problem)

    answer = client.post(RUNS, json=A_RUN | {"model": "bad"})

    assert (answer.status_code, answer.json()["code"]) == (422, "rejected_input")
    assert "NaN in block 3" in answer.json()["detail"]


def test_an_unregistered_model_is_unknown_and_says_how_to_register_it(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services)

    answer = client.post(RUNS, json=A_RUN | {"model": "owner/name"})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_input")
    assert "POST /api/v1/models" in answer.json()["next_step"]


def test_an_estimate_queues_nothing(client: TestClient, services: Services) -> None:
    ready_inputs(services)

    answer = client.post(f"{RUNS}?estimate=1", json=A_RUN)

    estimate = answer.json()
    assert answer.status_code == 200
    assert estimate["exists"] is None
    assert estimate["estimate"]["memory_bytes"] > 0
    assert estimate["estimate"]["seconds"][0] < estimate["estimate"]["seconds"][1]
    assert client.get(RUNS).json()["items"] == []


def test_what_cannot_fit_is_refused_with_numbers_before_queueing(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services, parameters=10**15)

    answer = client.post(RUNS, json=A_RUN)
    estimate = client.post(f"{RUNS}?estimate=1", json=A_RUN).json()

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "does_not_fit")
    assert problem["actual"] > problem["limit"] > 0
    assert [warning["code"] for warning in estimate["warnings"]] == ["does_not_fit"]
    assert client.get(RUNS).json()["items"] == []


def test_what_streams_through_memory_is_told_and_not_refused(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_inputs(services, blocks=32, width=1024, vocabulary=32_000, parameters=400_000_000)
    asked = A_RUN | {"params": {"pairs": "adjacent"}}
    whole = client.post(f"{RUNS}?estimate=1", json=asked).json()["estimate"]
    monkeypatch.setattr("backend.submissions.memory_bytes", lambda: whole["memory_bytes"] - 1)
    told = client.post(f"{RUNS}?estimate=1", json=asked).json()
    monkeypatch.setattr("backend.submissions.free_disk_bytes", lambda _: 10**8)
    full = client.post(f"{RUNS}?estimate=1", json=asked).json()

    streaming = told["estimate"]["streaming"]
    assert (whole["mode"], told["estimate"]["mode"]) == ("resident", "streaming")
    assert streaming["memory_bytes"] < whole["memory_bytes"]
    assert streaming["disk_bytes"] == told["params"]["tokens"] * 33 * 1024 * 4
    assert all(a > b for a, b in zip(streaming["seconds"], whole["seconds"], strict=True))
    assert told["warnings"] == []
    assert [warning["code"] for warning in full["warnings"]] == ["disk_full"]


def test_pairs_left_open_fall_back_to_neighbours_where_all_pairs_do_not_fit(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services, blocks=80, width=20_000)  # 6,561 moments of 20,000 x 20,000 are 21 TB

    open_ended = client.post(f"{RUNS}?estimate=1", json=A_RUN).json()
    all_pairs = A_RUN | {"params": {"pairs": "all"}}
    insisting = client.post(f"{RUNS}?estimate=1", json=all_pairs).json()

    assert (open_ended["estimate"]["pairs"], insisting["estimate"]["pairs"]) == ("adjacent", "all")
    assert open_ended["estimate"]["memory_bytes"] < insisting["estimate"]["memory_bytes"]
    assert [warning["code"] for warning in insisting["warnings"]] == ["does_not_fit"]


def test_the_result_comes_from_the_store_first_and_from_redis_then(
    client: TestClient, services: Services
) -> None:
    run = a_finished_run(services)
    assert run.result

    first = client.get(f"{RUNS}/{run.id}/result", headers={"Accept-Encoding": "identity"})
    second = client.get(f"{RUNS}/{run.id}/result", headers={"Accept-Encoding": "identity"})

    assert [answer.headers["x-cache"] for answer in (first, second)] == ["store", "redis"]
    assert first.content == second.content == services.store.get(run.result)
    assert first.headers["cache-control"] == "private, no-cache"


def test_the_result_is_revalidated_by_its_etag(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)
    address = f"{RUNS}/{run.id}/result"
    etag = client.get(address).headers["etag"]

    fresh = client.get(address, headers={"If-None-Match": f'"other", W/{etag}'})
    stale = client.get(address, headers={"If-None-Match": '"other"'})

    assert (fresh.status_code, fresh.content) == (304, b"")
    assert stale.status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_the_result_travels_in_a_stored_compressed_spelling(
    client: TestClient, services: Services, encoding: str
) -> None:
    run = a_finished_run(services, blocks=12)
    assert run.result

    answers = [
        client.get(f"{RUNS}/{run.id}/result", headers={"Accept-Encoding": encoding})
        for _ in range(2)
    ]

    assert [answer.headers["x-cache"] for answer in answers] == ["store", "redis"]
    assert answers[0].headers["content-encoding"] == encoding
    assert answers[0].headers["etag"] == answers[1].headers["etag"]
    # The client unpacks gzip by itself, and zstd only if a further package is there.
    packed = answers[1].content
    body = zstandard.decompress(packed) if packed.startswith(b"\x28\xb5\x2f\xfd") else packed
    assert body == services.store.get(run.result)


def test_an_unfinished_run_has_no_result_but_a_partial_one(
    client: TestClient, services: Services
) -> None:
    run = a_running_run(services)
    address = f"{RUNS}/{run.id}/result"

    early = client.get(address, params={"partial": "1"})
    services.live.put_partial(run.id, orjson.dumps(a_partial()))
    unfinished, partial = client.get(address), client.get(address, params={"partial": "1"})

    assert (early.status_code, early.json()["code"]) == (404, "run_not_finished")
    assert (unfinished.status_code, unfinished.json()["code"]) == (404, "run_not_finished")
    assert partial.json()["partial"]["done"] == 2_048
    assert partial.headers["cache-control"] == "no-store"


def test_a_run_shows_the_progress_that_its_worker_reports(
    client: TestClient, services: Services
) -> None:
    run = a_running_run(services)
    services.live.progress(run.id, {"done": 10, "total": 40, "unit": "tokens", "eta_s": [3, 5]})

    shown = client.get(f"{RUNS}/{run.id}").json()

    assert shown["progress"]["done"] == 10
    assert shown["progress"]["eta_s"] == [3, 5]
    assert shown["heartbeat_age_s"] < 60
    assert shown["queue_position"] is None


def test_runs_are_listed_newest_first_page_by_page(client: TestClient, services: Services) -> None:
    ids = [a_run(services, seed=seed).id for seed in range(5)]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}

    while query.get("cursor", "") is not None:
        page = client.get(RUNS, params=query).json()
        found += [run["id"] for run in page["items"]]
        query["cursor"] = page["next"]

    assert sorted(found) == sorted(ids)
    assert len(found) == len(set(found)) == 5


def test_runs_are_filtered_by_status(client: TestClient, services: Services) -> None:
    a_finished_run(services)
    a_run(services, seed=7)

    finished = client.get(RUNS, params={"status": "finished"}).json()["items"]

    assert [run["status"] for run in finished] == ["finished"]


def test_cancelling_is_final_and_harmless_twice(client: TestClient, services: Services) -> None:
    ready_inputs(services)
    run_id = client.post(RUNS, json=A_RUN).json()["id"]

    answers = [client.post(f"{RUNS}/{run_id}/cancel") for _ in range(2)]

    row = services.state.get_run(run_id)
    assert [answer.json()["status"] for answer in answers] == ["cancelled", "cancelled"]
    assert row
    assert row.status is RunStatus.CANCELLED
    assert services.queue.position(row) is None


def test_a_finished_run_cannot_be_cancelled(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)

    answer = client.post(f"{RUNS}/{run.id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "already_finished")


def test_deleting_a_run_deletes_its_result_in_every_spelling(
    client: TestClient, services: Services
) -> None:
    run = a_finished_run(services, blocks=12)
    for encoding in ("identity", "gzip", "zstd"):
        client.get(f"{RUNS}/{run.id}/result", headers={"Accept-Encoding": encoding})

    answer = client.delete(f"{RUNS}/{run.id}")

    objects = [path for path in (services.store.root / "objects").rglob("*") if path.is_file()]
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"{RUNS}/{run.id}").status_code == 404
    assert objects == []


def test_an_open_run_cannot_be_deleted(client: TestClient, services: Services) -> None:
    run = a_run(services)

    answer = client.delete(f"{RUNS}/{run.id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_without_redis_finished_work_opens_and_new_work_is_refused(
    client: TestClient, services: Services, valkey: Valkey
) -> None:
    run = a_finished_run(services)
    valkey.stop()

    result = client.get(f"{RUNS}/{run.id}/result")
    figure = client.get(f"{RUNS}/{run.id}/figures/profile")
    page, listing = client.get(f"/runs/{run.id}"), client.get(RUNS)
    refused = client.post(RUNS, json=A_RUN | {"params": {"seed": 3}})

    assert (result.status_code, result.headers["x-cache"]) == (200, "store")
    assert [answer.status_code for answer in (figure, page, listing)] == [200, 200, 200]
    assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert len(listing.json()["items"]) == 1


def test_an_emptied_redis_loses_no_result(
    client: TestClient, services: Services, valkey: Valkey
) -> None:
    run = a_finished_run(services)
    client.get(f"{RUNS}/{run.id}/result")
    valkey.client.flushall()

    answers = [client.get(f"{RUNS}/{run.id}/result") for _ in range(2)]

    assert [answer.headers["x-cache"] for answer in answers] == ["store", "redis"]


def test_a_damaged_cache_entry_is_replaced_from_the_store(
    client: TestClient, services: Services, valkey: Valkey
) -> None:
    run = a_finished_run(services)
    good = client.get(f"{RUNS}/{run.id}/result").content
    for key in valkey.client.keys("linearscope:cache:*"):
        valkey.client.setrange(key, 200, b"damaged")

    answer = client.get(f"{RUNS}/{run.id}/result")

    assert (answer.headers["x-cache"], answer.content) == ("store", good)


def test_a_damaged_result_is_never_shown_and_is_computed_again(
    client: TestClient, services: Services
) -> None:
    run = a_finished_run(services)
    assert run.result
    path = services.store.path(run.result)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])

    answer = client.get(f"{RUNS}/{run.id}/result")

    again = client.post(RUNS, json=A_RUN)

    assert (answer.status_code, answer.json()["code"]) == (503, "corrupt_object")
    assert (again.status_code, again.json()["status"]) == (202, "queued")


def test_submitting_and_cancelling_are_announced(
    client: TestClient, services: Services, valkey: Valkey
) -> None:
    ready_inputs(services)
    run_id = client.post(RUNS, json=A_RUN).json()["id"]
    client.post(f"{RUNS}/{run_id}/cancel")

    events: Any = valkey.client.xrange(EVENTS_KEY)

    told = [orjson.loads(fields[b"data"])["status"] for _, fields in events]
    assert told == ["queued", "cancelled"]
    assert current(services, services.state.list_runs()[0][0]).status is RunStatus.CANCELLED


def test_the_estimate_learns_from_finished_runs_of_the_model(
    client: TestClient, services: Services
) -> None:
    a_finished_run(services)
    run = client.get(RUNS).json()["items"][0]
    cost = client.post(f"{RUNS}?estimate=1", json=A_RUN).json()["estimate"]
    low, high = (
        seconds - start for seconds, start in zip(cost["seconds"], (2.0, 15.0), strict=True)
    )

    assert low == pytest.approx(run["seconds"] / 1.5, rel=0.01)
    assert high == pytest.approx(run["seconds"] * 1.5, rel=0.01)
