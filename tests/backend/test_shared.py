"""What a share link shows, to whom, and for how long."""

import logging
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.guesses import MOST_A_MINUTE, Guesses
from backend.refusals import ShareEndedError, TooManyGuessesError
from backend.shared_headers import SHARED_HEADERS
from backend.shares import Shares
from backend.visitors import LOCAL
from linearity.adapters.clock import later, utc_now
from linearity.adapters.results import store_result
from linearity.contracts import ablation, answers, benchmark, common, linearity, passage, plan
from linearity.contracts.redaction import TEXT_FIELDS, TEXT_LISTS, without_texts
from tests.backend.builders import a_finished_run, a_run, a_running_run, ready_inputs
from tests.backend.conftest import Valkey
from tests.backend.sharing import Link, make_link
from tests.builders import a_partial, a_result

HTML = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
UNKNOWN = "A" * 43


@pytest.fixture
def link(client: TestClient, services: Services) -> Link:
    return make_link(client, a_finished_run(services).id)


def test_a_link_shows_one_run_with_everything_the_page_needs(
    client: TestClient, services: Services, link: Link
) -> None:
    page = client.get(link.page)
    run = client.get(link.run_data).json()
    result = client.get(f"{link.run_data}/result")
    own = client.get(f"/api/v1/runs/{link.run}/result")
    figure = "figures/heatmap?score=update&theme=dark"

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (run["status"], run["kind"]) == ("finished", "linearity")
    assert "links" not in run
    assert result.json() == own.json()
    assert (
        client.get(f"{link.run_data}/{figure}").json()
        == client.get(f"/api/v1/runs/{link.run}/{figure}").json()
    )
    for query in ("format=csv", "format=csv&for=excel&lang=ja", "format=npz"):
        assert (
            client.get(f"{link.run_data}/result?{query}").content
            == client.get(f"/api/v1/runs/{link.run}/result?{query}").content
        )


NOTHING = [
    *("", ":token", "{token}", "null", "undefined", "*", "%00", "%2e%2e", "x" * 10_000, UNKNOWN),
    *("{link}x", "{link}=", "{flipped}", "{link}/", "{link}/data/", "{link}/data/runs"),
    *("{link}/data/runs/", "{link}/data/runs/other", "{link}/data/runs/other/result"),
    *("{link}/data/runs/{run}/cancel", "{link}/data/runs/{run}/figures", "{link}/data/models"),
    *("{link}/api/v1/runs", "{link}/runs/{run}", f"{UNKNOWN}/data", f"{UNKNOWN}/data/runs/x"),
]


@pytest.mark.parametrize("path", NOTHING, ids=lambda path: path[:40] or "empty")
def test_whatever_else_is_asked_for_is_not_there(client: TestClient, link: Link, path: str) -> None:
    path = path.replace("{link}", link.token).replace("{run}", link.run)
    path = path.replace("{flipped}", link.token.swapcase())

    answer = client.get(f"/s/{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert link.token not in answer.text
    assert path[:20] not in answer.text or not path


def test_the_token_of_one_run_opens_no_other(client: TestClient, services: Services) -> None:
    one = make_link(client, a_finished_run(services).id)
    other = a_run(services, tokens=2048)

    for rest in ("", "/result", "/figures/heatmap"):
        assert client.get(f"{one.data}/runs/{other.id}{rest}").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("place", ["page", "data", "run_data"])
def test_a_link_changes_nothing(client: TestClient, link: Link, method: str, place: str) -> None:
    answer = client.request(method, getattr(link, place))

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert link.token not in answer.text


def test_every_answer_is_neither_kept_nor_indexed_nor_framed(
    client: TestClient, link: Link
) -> None:
    for path in (link.page, link.data, f"{link.run_data}/result", f"/s/{UNKNOWN}", "/s/"):
        headers = client.get(path).headers
        assert {name: headers[name] for name in SHARED_HEADERS} == SHARED_HEADERS
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "etag" not in headers


def test_a_withdrawn_link_says_so_at_once_everywhere(client: TestClient, link: Link) -> None:
    assert client.get(f"{link.run_data}/result").status_code == 200

    client.delete(f"/api/v1/shares/{link.id}")

    for path in (link.page, link.data, link.run_data, f"{link.run_data}/result"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (410, "share_ended")
        assert answer.json()["data"]["reason"] == "withdrawn"
        assert link.token not in answer.text


def test_a_link_ends_by_the_clock_of_the_server(services: Services) -> None:
    moment = utc_now()
    shares = Shares(services.state, services.views, lambda: moment)
    share, token = shares.create({"run": a_finished_run(services).id, "days": 2}, LOCAL)

    moment = later(share.created, days=1.99)
    assert shares.open(token).share.id == share.id
    moment = later(share.created, days=2)
    with pytest.raises(ShareEndedError) as ended:
        shares.open(token)

    assert ended.value.data["reason"] == "expired"
    assert shares.share_view(share)["state"] == "expired"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("ja,en;q=0.8", "この共有リンクは取り消されました。"),
        ("de", "This share link was withdrawn."),
    ],
)
def test_a_browser_gets_a_page_in_its_language(
    client: TestClient, link: Link, language: str, title: str
) -> None:
    client.delete(f"/api/v1/shares/{link.id}")

    answer = client.get(link.page, headers=HTML | {"Accept-Language": language})

    assert (answer.status_code, answer.headers["content-type"]) == (410, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in answer.text
    assert "<script" not in answer.text
    assert link.token not in answer.text
    assert client.get(f"/s/{UNKNOWN}", headers=HTML).status_code == 404


def test_guessing_is_limited_and_valid_links_are_not(client: TestClient, link: Link) -> None:
    codes = [client.get(f"/s/{guess:043}").status_code for guess in range(1_000)]
    refused = client.get(f"/s/{UNKNOWN}/data")

    # A minute may end in between: then some more are told the truth.
    assert codes[:MOST_A_MINUTE] == [404] * MOST_A_MINUTE
    assert codes.count(429) >= 1_000 - 2 * MOST_A_MINUTE
    assert refused.json()["code"] == "too_many_guesses"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert client.get(f"/s/{UNKNOWN}", headers=HTML).headers["retry-after"]
    assert client.get(link.page).status_code == client.get(link.run_data).status_code == 200


def test_guesses_are_counted_by_address_and_minute_even_without_redis(
    services: Services, valkey: Valkey
) -> None:
    moment = 1_000_000_020.0
    guesses = Guesses(services.live, lambda: moment)
    valkey.stop()
    for _ in range(MOST_A_MINUTE):
        guesses.miss("192.0.2.7")

    with pytest.raises(TooManyGuessesError) as refused:
        guesses.miss("192.0.2.7")
    guesses.miss("192.0.2.8")
    moment += 60
    guesses.miss("192.0.2.7")

    assert refused.value.data["retry_after"] == 61


def test_two_web_processes_count_together(services: Services) -> None:
    one, two = (Guesses(services.live, lambda: 1_000_000_020.0) for _ in range(2))
    for _ in range(MOST_A_MINUTE):
        one.miss("192.0.2.7")

    with pytest.raises(TooManyGuessesError):
        two.miss("192.0.2.7")


@pytest.mark.parametrize(
    ("method", "headers", "counts"),
    [
        ("GET", HTML, True),
        ("HEAD", HTML, False),
        ("GET", {"Accept": "*/*", "User-Agent": "Slackbot-LinkExpanding 1.0"}, False),
        ("GET", HTML | {"Sec-Fetch-Dest": "iframe"}, False),
        ("GET", HTML | {"Sec-Purpose": "prefetch;prerender"}, False),
    ],
)
def test_only_people_who_look_count_as_openings(
    client: TestClient, link: Link, method: str, headers: dict[str, str], counts: bool
) -> None:
    assert client.request(method, link.page, headers=headers).status_code == 200
    client.get(link.data)

    (listed,) = client.get("/api/v1/shares").json()["items"]

    assert (listed["opened"], listed["last_opened"] is not None) == (int(counts), counts)


def test_a_frozen_link_stays_when_the_run_is_computed_again(
    client: TestClient, services: Services
) -> None:
    run = a_finished_run(services)
    frozen, live = make_link(client, run.id, mode="frozen"), make_link(client, run.id)
    before = client.get(f"{frozen.run_data}/result").json()
    model, dataset = ready_inputs(services)

    again = services.state.reopen(run.id, model=model, dataset=dataset)
    assert again
    while_queued = client.get(f"{frozen.run_data}/result").json()
    assert client.get(f"{live.run_data}").json()["status"] == "queued"
    services.state.start_attempt(run.id, again.attempt, "worker-1")
    new = a_result(seed=7).as_json() | {"id": run.id}
    sha256, _ = store_result(new, services.store)
    services.state.finish(run.id, again.attempt, sha256, 2.0)

    assert client.get(f"{frozen.run_data}").json()["status"] == "finished"
    assert client.get(f"{frozen.run_data}/result").json() == while_queued == before
    assert client.get(f"{live.run_data}/result").json() == new != before

    old = run.result
    client.delete(f"/api/v1/runs/{run.id}")
    assert old
    assert not services.store.has(old)
    assert {client.get(link.page).status_code for link in (frozen, live)} == {410}


def test_a_deleted_run_ends_its_links_even_if_it_comes_back(
    client: TestClient, services: Services
) -> None:
    link = make_link(client, a_finished_run(services).id)

    client.delete(f"/api/v1/runs/{link.run}")
    assert client.get(link.page).status_code == 410
    assert a_finished_run(services).id == link.run

    assert client.get(link.page).status_code == 410


def test_a_live_link_follows_a_run(client: TestClient, services: Services) -> None:
    run = a_running_run(services)
    link = make_link(client, run.id)
    early = client.get(f"{link.run_data}/result?partial=1")
    services.live.put_partial(run.id, orjson.dumps(a_partial(half=True)))

    assert early.json()["code"] == "run_not_finished"
    assert client.get(link.run_data).json()["status"] == "running"
    assert client.get(f"{link.run_data}/result").status_code == 404
    assert client.get(f"{link.run_data}/result?partial=1").json()["partial"]["done"] == 2_048
    assert client.get(f"{link.run_data}/figures/profile?partial=1").json()["data"]


def test_an_error_shows_its_code_alone(client: TestClient, services: Services) -> None:
    run = a_running_run(services)
    link = make_link(client, run.id)
    problem = {"code": "input_changed", "message": "/home/aya/secret has changed", "data": {}}
    services.state.fail(run.id, run.attempt, problem)

    assert client.get(link.run_data).json()["error"] == {"code": "input_changed"}


def test_redis_may_lose_everything(client: TestClient, services: Services, valkey: Valkey) -> None:
    run = a_finished_run(services)
    kept, ended = make_link(client, run.id), make_link(client, run.id)
    client.delete(f"/api/v1/shares/{ended.id}")

    with valkey.client as redis:
        redis.flushall()

    assert client.get(kept.page).status_code == 200
    assert client.get(f"{kept.run_data}/result").status_code == 200
    assert client.get(ended.page).status_code == 410
    valkey.stop()
    assert client.get(f"{kept.run_data}/result").status_code == 200
    assert client.get(ended.page).status_code == 410


def test_no_token_reaches_a_log(
    client: TestClient, link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for path in (link.page, link.run_data, f"{link.page}/nothing", f"{link.page}x"):
            client.get(path)
            client.post(path)
        client.delete(f"/api/v1/shares/{link.id}")
        client.get(link.page)

    said = [(record.name, record.getMessage()) for record in caplog.records]
    ours = [message for name, message in said if not name.startswith("httpx")]  # the test's client
    assert ours
    assert [message for message in ours if link.token in message] == []


SECRET = "the prompt of a customer"
RESULTS_WITH_TEXTS: dict[str, dict[str, Any]] = {
    "passage": {
        "kind": "passage",
        "params": {"text": SECRET, "tokens": 4096},
        "passage": [{"text": SECRET, "token_class": "byte", "character": SECRET, "part": 1}],
        "error": [[0.5]],
        "summary": None,
    },
    "answers": {
        "kind": "answers",
        "params": {"plan": "1:drop", "canaries": [{"prompt": SECRET, "must_say": [SECRET]}]},
        "summary": {"prompts": 1, "identical": 0},
        "answers": [{"prompt": SECRET, "dense": SECRET, "changed": SECRET, "reference": SECRET}],
        "canaries": [{"prompt": SECRET, "dense": SECRET, "missing": {"dense": [SECRET]}}],
    },
    "benchmark": {
        "kind": "benchmark",
        "params": {"plan": "1:drop"},
        "items": [{"question": SECRET, "choices": [SECRET, SECRET], "gold": 1}],
        "summary": None,
    },
    "plan": {
        "kind": "plan",
        "params": {"plan": "1:drop"},
        "documents": [{"document": 0, "title": SECRET, "nll_diff": 0.5, "kl": 0.1}],
        "guard": {
            "worst_documents": [0],
            "worst_tokens": [{"before": SECRET, "token": SECRET, "dense": SECRET}],
            "categories": [{"category": "chat", "nll_diff": 0.5}],
            "canaries": [SECRET],
        },
    },
}


@pytest.mark.parametrize("kind", RESULTS_WITH_TEXTS)
def test_texts_stay_behind_and_numbers_come(kind: str) -> None:
    result = RESULTS_WITH_TEXTS[kind]

    shown = without_texts(result)

    assert SECRET in str(result)
    assert SECRET not in str(shown)
    if kind == "plan":
        assert shown["documents"] == [{"document": 0, "title": "", "nll_diff": 0.5, "kl": 0.1}]
        assert shown["guard"]["categories"] == result["guard"]["categories"]
    else:
        assert shown["summary"] == result["summary"]


NO_TEXT = {
    # Names, choices, plans and moments, none of them out of a dataset.
    *("id", "created", "kind", "strategy", "action", "fitting", "plan", "template", "category"),
    *("worst_categories", "names"),  # of categories; of classes of tokens
    "token_class",
    *("states", "first_token", "split", "order", "name", "schema", "method", "by", "code"),
    *("measure", "rule", "attention", "dtype", "ridge", "score"),
    *("message", "environment", "model", "dataset", "params", "finding", "splits", "warnings"),
    *("task", "version", "metric", "scores", "harness", "commands"),
    "dense",  # of a result: numbers by the name of a metric; answers have it in a list of texts
}
IN_TEXT_LISTS = {plan.WorstToken, answers.AnswerPair, answers.CanaryResult}
OF_RESULTS = [
    value
    for module in (ablation, answers, benchmark, common, linearity, passage, plan)
    for value in vars(module).values()
    if isinstance(value, type)
    and value.__module__ == module.__name__
    and is_dataclass(value)
    and value not in IN_TEXT_LISTS
    and not value.__name__.endswith("Params")
]


@pytest.mark.parametrize("kind", OF_RESULTS, ids=lambda kind: kind.__name__)
def test_every_text_of_a_result_was_judged(kind: type[Any]) -> None:
    texts = {field.name for field in fields(kind) if "str" in str(field.type)}

    assert texts - NO_TEXT - {*TEXT_FIELDS, *TEXT_LISTS} == set()
