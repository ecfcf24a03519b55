"""The kinds that change a model, through HTTP: what is refused, how it is queued, what it costs."""

from typing import Any

import pytest
import rq
from httpx2 import Response
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.adapters.checkpoints import FileCheckpoints
from linearity.contracts import (
    ablation,
    answers,
    benchmark,
    export,
    heal,
    passage,
    plan,
    speed,
)
from linearity.contracts.kinds import make_request
from linearity.contracts.runs import KINDS
from tests.backend.builders import a_dataset, a_model, ready_inputs
from tests.backend.conftest import Valkey

RUNS = "/api/v1/runs"
EVERY_BLOCK = "0-3:drop"
GOOD_PLAN = "1:drop,2-3:linear"
QUESTIONS: dict[str, dict[str, Any]] = {
    "ablation": {},
    "plan": {"plan": GOOD_PLAN},
    "answers": {"plan": GOOD_PLAN},
    "passage": {"text": "One sentence."},
    "export": {"plan": "1:drop,3:merged"},
    "heal": {"plan": "1:linear,3:drop"},
    "speed": {"plan": "1:drop", "batches": [1, 2]},
    "benchmark": {"plan": GOOD_PLAN, "tasks": ["piqa"]},
}

BAD_PLANS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown block": ({"plan": "4:drop"}, "invalid_plan", "no block 4"),
    "all blocks dropped": ({"plan": EVERY_BLOCK}, "invalid_plan", "all 4 blocks"),
    "overlap": ({"plan": "1-2:linear,2:drop"}, "invalid_plan", "overlap"),
    "unknown action": ({"plan": "1:shrink"}, "invalid_plan", "unknown action 'shrink'"),
    "orthogonal": ({"plan": "1:orthogonal"}, "not_yet", "orthogonal"),
    "merged at block 0": ({"plan": "0:merged"}, "invalid_plan", "block 0 cannot be merged"),
    "merged into a changed block": ({"plan": "1:drop,2:merged"}, "invalid_plan", "needs block 1"),
    "backwards": ({"plan": "3-1:drop"}, "invalid_plan", "ends before it begins"),
    "no plan": ({}, "invalid_plan", "at least one block"),
    "nonsense": ({"plan": "drop everything"}, "invalid_plan", "not a step"),
    "number": ({"plan": 7}, "invalid_plan", "at least one block"),
    "too few fit tokens": (
        {"plan": "1:linear", "fit_tokens": 127},
        "invalid_parameter",
        "fit_tokens: wanted at least 128 (2 x the width 64)",
    ),
    "split B for a preview": (
        {"plan": "1:drop", "split": "report", "fidelity": "preview"},
        "invalid_parameter",
        "split B",
    ),
}
BAD_ABLATIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown strategy": ({"strategies": ["magic"]}, "invalid_parameter", "strategies"),
    "no strategy": ({"strategies": []}, "invalid_parameter", "strategies"),
    "unknown action": ({"actions": ["shrink"]}, "invalid_parameter", "actions"),
    "orthogonal": ({"actions": ["drop", "orthogonal"]}, "not_yet", "orthogonal"),
    "all blocks changed": ({"changed": 4}, "invalid_parameter", "changed"),
    "one block paired": ({"interaction": 1}, "invalid_parameter", "interaction"),
    "too few fit tokens": ({"fit_tokens": 100}, "invalid_parameter", "fit_tokens"),
    "a parameter of another kind": ({"plan": "1:drop"}, "unknown_parameter", "plan"),
}
BAD_ANSWERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown block": ({"plan": "9:drop"}, "invalid_plan", "no block 9"),
    "no prompts": ({"plan": "1:drop", "prompts": 0}, "invalid_parameter", "prompts"),
    "canary without a wish": (
        {"plan": "1:drop", "canaries": [{"prompt": "p"}]},
        "invalid_parameter",
        "canaries",
    ),
}
ELSEWHERE = "http://169.254.169.254/latest"
BAD_SPEEDS: dict[str, tuple[dict[str, Any], str, str]] = {
    name: ({"plan": "1:drop", name: ELSEWHERE}, "invalid_parameter", "could be sent anywhere")
    for name in ("dense_url", "changed_url", "dense_file", "changed_file")
}
CASES = {
    f"{kind}: {name}": (kind, *case)
    for kind, cases in (
        ("plan", BAD_PLANS),
        ("ablation", BAD_ABLATIONS),
        ("answers", BAD_ANSWERS),
        ("speed", BAD_SPEEDS),
    )
    for name, case in cases.items()
}


def ask(client: TestClient, kind: str, params: dict[str, Any], *, query: str = "") -> Response:
    body = {"kind": kind, "model": "glass-en", "dataset": "python-docs", "params": params}
    return client.post(RUNS + query, json=body)


@pytest.mark.parametrize(("kind", "params", "code", "said"), CASES.values(), ids=CASES.keys())
def test_what_cannot_be_carried_out_is_refused_before_anything_is_queued(
    client: TestClient, services: Services, valkey: Valkey, kind: str, params: dict[str, Any],
    code: str, said: str,
) -> None:  # fmt: skip
    ready_inputs(services)

    refused = ask(client, kind, params)
    estimated = ask(client, kind, params, query="?estimate=1")

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, code)
    assert (estimated.status_code, estimated.json()["code"]) == (422, code)
    assert said in problem["detail"]
    assert problem["next_step"]
    assert services.state.count_runs() == 0
    with valkey.client as queue:
        assert list(queue.scan_iter("rq:job:*")) == []


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_question_gets_its_run_with_every_parameter_spelled_out(
    client: TestClient, services: Services, kind: str
) -> None:
    ready_inputs(services)

    answer = ask(client, kind, QUESTIONS[kind])

    run = answer.json()
    names = {
        "ablation": ablation.PARAMETER_NAMES,
        "plan": plan.PARAMETER_NAMES,
        "answers": answers.PARAMETER_NAMES,
        "passage": passage.PARAMETER_NAMES,
        "export": export.PARAMETER_NAMES,
        "heal": heal.PARAMETER_NAMES,
        "speed": speed.PARAMETER_NAMES,
        "benchmark": benchmark.PARAMETER_NAMES,
    }
    assert (answer.status_code, run["kind"], run["status"]) == (202, kind, "queued")
    # Left out where none are meant, so that questions keep the ids that they had.
    left_out = {"healed"} if kind == "answers" else set()
    assert run["params"].keys() == set(names[kind]) - left_out
    assert run["queue_position"] == 0


def test_two_spellings_of_a_plan_are_one_run(client: TestClient, services: Services) -> None:
    ready_inputs(services)

    one = ask(client, "plan", {"plan": " 3:linear , 1-2:remove"}).json()
    other = ask(client, "plan", {"plan": ["1:drop", "2:drop", "3:linear"]}).json()

    assert one["id"] == other["id"]
    assert one["params"]["plan"] == "1-2:drop,3:linear"


@pytest.mark.parametrize(
    ("kind", "queue"),
    [
        ("plan", "interactive"),
        ("passage", "interactive"),
        ("ablation", "analysis"),
        ("answers", "analysis"),
        ("export", "analysis"),
        ("heal", "analysis"),
    ],
)
def test_what_ifs_have_a_queue_of_their_own(
    client: TestClient, services: Services, valkey: Valkey, kind: str, queue: str
) -> None:
    ready_inputs(services)

    run = ask(client, kind, QUESTIONS[kind]).json()

    with valkey.client as connection:
        waiting = rq.Queue(queue, connection=connection, serializer="json").job_ids
    assert waiting == [f"{run['id']}-1"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_tells_its_cost_before_it_is_queued(
    client: TestClient, services: Services, kind: str
) -> None:
    ready_inputs(services)

    told = ask(client, kind, QUESTIONS.get(kind, {}), query="?estimate=1").json()

    cost = told["estimate"]
    low, high = cost["seconds"]
    assert min(cost["memory_bytes"], cost["disk_bytes"], cost["flops"]) > 0
    assert 0 < low < high
    assert (cost["pairs"] is None) == (kind != "linearity")
    assert told["warnings"] == []
    assert services.state.count_runs() == 0


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("linearity", "pairs=adjacent"),
        ("ablation", "fewer fit_tokens or select_tokens"),
        ("plan", "fewer fit_tokens or select_tokens"),
        ("answers", "fewer fit_tokens"),
        ("passage", "fewer tokens"),
        ("export", "fewer fit_tokens"),
        ("heal", "a smaller batch"),
    ],
)
def test_what_does_not_fit_gets_the_advice_of_its_kind(
    client: TestClient, services: Services, kind: str, advice: str
) -> None:
    ready_inputs(services, parameters=10**14)

    answer = ask(client, kind, QUESTIONS.get(kind, {}))

    assert (answer.status_code, answer.json()["code"]) == (422, "does_not_fit")
    assert advice in answer.json()["next_step"]
    assert services.state.count_runs() == 0


def test_a_run_tells_how_often_split_b_was_opened_for_its_inputs(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services)
    curves = ask(client, "ablation", {}).json()
    report = {"split": "report"}
    opened = [ask(client, "plan", {"plan": f"{n}:drop"} | report).json()["id"] for n in (1, 2)]
    ask(client, "plan", {"plan": "3:drop"} | report)  # still waits, so it has shown nothing
    what_if = ask(client, "plan", {"plan": "1:drop"}).json()["id"]
    for id in (*opened, what_if):
        assert services.state.start_attempt(id, 1, "worker-1")
    services.state.cancel(opened[1])  # somebody may have seen a part of it

    told = client.get(f"{RUNS}/{curves['id']}").json()

    assert curves["report_openings"] == 0
    assert told["report_openings"] == 2
    assert client.get(f"{RUNS}/{what_if}").json()["report_openings"] == 2


def test_openings_are_those_of_the_same_model_and_dataset(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services)
    run = ask(client, "plan", {"plan": "1:drop", "split": "report"}).json()
    assert services.state.start_attempt(run["id"], 1, "worker-1")

    assert services.state.count_report_openings("a" * 64, "b" * 64) == 1
    assert services.state.count_report_openings("c" * 64, "b" * 64) == 0
    assert services.state.count_report_openings("a" * 64, "c" * 64) == 0


def test_deleting_the_run_does_not_close_the_split_again(
    client: TestClient, services: Services
) -> None:
    ready_inputs(services)
    run = ask(client, "plan", {"plan": "1:drop", "split": "report"}).json()
    assert services.state.start_attempt(run["id"], 1, "worker-1")
    services.state.cancel(run["id"])

    assert client.delete(f"{RUNS}/{run['id']}").status_code == 204
    again = ask(client, "plan", {"plan": "1:drop", "split": "report"}).json()
    assert services.state.start_attempt(again["id"], 1, "worker-1")
    assert services.state.count_report_openings("a" * 64, "b" * 64) == 1


@pytest.mark.parametrize("kind", ["linearity", "answers"])
def test_kinds_without_splits_to_protect_count_no_openings(
    client: TestClient, services: Services, kind: str
) -> None:
    ready_inputs(services)

    assert "report_openings" not in ask(client, kind, QUESTIONS.get(kind, {})).json()


def test_a_deleted_run_takes_its_checkpoints_along(client: TestClient, services: Services) -> None:
    ready_inputs(services)
    run = ask(client, "ablation", {}).json()
    checkpoints = FileCheckpoints(services.store.root, run["id"])
    checkpoints.save("dense", {"nll": 2.5})
    client.post(f"{RUNS}/{run['id']}/cancel")
    assert checkpoints.load()  # who posts it again goes on from here

    assert client.delete(f"{RUNS}/{run['id']}").status_code == 204
    assert checkpoints.load() == {}


def test_the_speed_of_a_kind_comes_from_runs_of_that_kind(
    client: TestClient, services: Services
) -> None:
    model, dataset = ready_inputs(services)
    for kind, seconds in (("linearity", 20.0), ("plan", 2000.0)):
        params = QUESTIONS.get(kind, {"pairs": "all"})
        request = make_request(kind, params, model=a_model(), dataset=a_dataset())
        run = services.state.submit(request, model=model, dataset=dataset).run
        assert services.state.start_attempt(run.id, 1, "worker-1")
        assert services.state.finish(run.id, 1, "f" * 64, seconds)

    told = ask(client, "plan", {"plan": "2:linear"}, query="?estimate=1").json()

    low, high = told["estimate"]["seconds"]
    assert low < 2000 < high
    assert high / low < 3
