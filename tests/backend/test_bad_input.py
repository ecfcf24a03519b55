"""Nothing a client sends breaks the server: each case has its answer, then a good request works."""

import gzip
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from backend.dependencies import Services
from tests.backend.builders import A_RUN, a_finished_run, ready_inputs

RUNS, MODELS = "/api/v1/runs", "/api/v1/models"
JSON = {"Content-Type": "application/json"}
NOT_A_RUN = "f" * 32


class Case(NamedTuple):
    method: str
    path: str
    status: int
    code: str
    body: bytes | None = None
    headers: dict[str, str] | None = None


def post_run(body: bytes, status: int, code: str, **headers: str) -> Case:
    return Case("POST", RUNS, status, code, body, JSON | headers)


def with_params(status: int, code: str, **params: Any) -> Case:
    return post_run(json.dumps(A_RUN | {"params": params}).encode(), status, code)


def with_kind(kind: str, status: int, code: str, **params: Any) -> Case:
    body = A_RUN | {"kind": kind, "params": params}
    return post_run(json.dumps(body).encode(), status, code)


def with_body(status: int, code: str, **changes: Any) -> Case:
    return post_run(json.dumps(A_RUN | changes).encode(), status, code)


def register(status: int, code: str, **body: Any) -> Case:
    return Case("POST", MODELS, status, code, json.dumps(body).encode(), JSON)


def get(path: str, status: int, code: str, **headers: str) -> Case:
    return Case("GET", path, status, code, None, headers)


GOOD = json.dumps(A_RUN).encode()

ANY_ADDRESS = {
    "1 foreign Host": get("/api/v1/runs", 400, "host_not_allowed", Host="evil.example"),
    "1 Host with credentials": get("/", 400, "host_not_allowed", Host="127.0.0.1@evil.example"),
    "2 no Host": get("/", 400, "host_not_allowed", Host=""),
    "3 foreign Origin": post_run(GOOD, 403, "cross_site_refused", Origin="https://evil.example"),
    **{
        f"3 foreign Origin on {method}": Case(
            method, f"{MODELS}/x", 403, "cross_site_refused", None, {"Origin": "https://evil"}
        )
        for method in ("PUT", "PATCH", "DELETE")
    },
    "4 Origin null": post_run(GOOD, 403, "cross_site_refused", Origin="null"),
    "5 same-site": post_run(GOOD, 403, "cross_site_refused", **{"Sec-Fetch-Site": "same-site"}),
    "5 cross-site": post_run(GOOD, 403, "cross_site_refused", **{"Sec-Fetch-Site": "cross-site"}),
    "7 huge header": get("/", 431, "headers_too_large", **{"X-Long": "x" * 70_000}),
    "8 huge address": get("/" + "x" * 60_000, 414, "address_too_long"),
    "9 NUL in path": get("/api/v1/models/%00", 404, "unknown_input"),
    "9 not UTF-8 in path": get("/api/v1/models/%ff", 404, "unknown_input"),
    "9 climbing path": get("/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "not_found"),
    "9 doubly encoded path": get("/assets/%252e%252e%252fetc", 404, "not_found"),
    "9 overlong UTF-8": get("/assets/%c0%ae%c0%ae/etc/passwd", 404, "not_found"),
    "9 two slashes": get("//etc/passwd", 404, "not_found"),
    "9 NUL in an asset": get("/assets/app.js%00.html", 404, "not_found"),
    "9 another case": get("/API/V1/RUNS", 404, "not_found"),
    "9 backslashes": get("/assets/..\\..\\etc", 404, "not_found"),
    "9 slash at the end": get("/api/v1/runs/", 404, "not_found"),
    "10 TRACE": Case("TRACE", RUNS, 405, "method_not_allowed"),
    "10 unknown method": Case("BREW", RUNS, 405, "method_not_allowed"),
    "10 PUT": Case("PUT", RUNS, 405, "method_not_allowed"),
    "12 compressed body": post_run(
        gzip.compress(GOOD), 415, "unsupported_media_type", **{"Content-Encoding": "gzip"}
    ),
    "12 another compression": post_run(
        GOOD, 415, "unsupported_media_type", **{"Content-Encoding": "br"}
    ),
    "13 limit -1": get(f"{RUNS}?limit=-1", 422, "invalid_parameter"),
    "13 limit 0": get(f"{RUNS}?limit=0", 422, "invalid_parameter"),
    "13 limit 1e9": get(f"{RUNS}?limit=1e9", 422, "invalid_parameter"),
    "13 limit NaN": get(f"{RUNS}?limit=NaN", 422, "invalid_parameter"),
    "13 limit 2^63": get(f"{RUNS}?limit={2**63}", 422, "invalid_parameter"),
    "13 full-width digit": get(f"{RUNS}?limit=%EF%BC%91", 422, "invalid_parameter"),
    "14 tampered cursor": get(f"{RUNS}?cursor=bm9uc2Vuc2U=x", 422, "invalid_parameter"),
    "14 long cursor": get(f"{RUNS}?cursor={'A' * 5000}", 422, "invalid_parameter"),
    "unknown query name": get(f"{RUNS}?limits=3", 422, "invalid_parameter"),
    "unknown status": get(f"{RUNS}?status=gone", 422, "invalid_parameter"),
    "no such page": get("/nothing/here", 404, "not_found"),
}

SUBMISSIONS = {
    "15 empty": post_run(b"", 422, "invalid_request"),
    "15 null": post_run(b"null", 422, "invalid_request"),
    "15 list": post_run(b"[]", 422, "invalid_request"),
    "15 number": post_run(b"1", 422, "invalid_request"),
    "16 cut off": post_run(GOOD[:-3], 400, "malformed_json"),
    "17 NaN": post_run(b'{"params": {"ridge": NaN}}', 400, "malformed_json"),
    "17 Infinity": post_run(b'{"params": {"ridge": -Infinity}}', 400, "malformed_json"),
    "17 1e999": post_run(b'{"params": {"ridge": 1e999}}', 400, "malformed_json"),
    "18 key twice": post_run(b'{"kind": "a", "kind": "b"}', 400, "malformed_json"),
    "19 5000 digits": post_run(b'{"params": {"seed": %s}}' % (b"9" * 5000), 400, "malformed_json"),
    "20 nested": post_run(b"[" * 100_000 + b"]" * 100_000, 400, "malformed_json"),
    "21 lone surrogate": post_run(b'{"model": "\\ud800"}', 400, "malformed_json"),
    "22 NUL": post_run(b'{"model": "a\\u0000b"}', 400, "malformed_json"),
    "23 not UTF-8": post_run(b'{"model": "\xff"}', 400, "malformed_json"),
    "23 UTF-16": post_run(GOOD.decode().encode("utf-16"), 400, "malformed_json"),
    "23 byte order mark": post_run(b"\xef\xbb\xbf" + GOOD, 400, "malformed_json"),
    "24 2 MB": post_run(b" " * 2_000_000 + GOOD, 413, "too_large"),
    "25 text/plain": Case(
        "POST", RUNS, 415, "unsupported_media_type", GOOD, {"Content-Type": "text/plain"}
    ),
    "25 form": Case(
        "POST",
        RUNS,
        415,
        "unsupported_media_type",
        b"kind=linearity",
        {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "26 unknown field": with_body(422, "unknown_parameter", modle="glass-en"),
    "26 missing field": post_run(b'{"kind": "linearity"}', 422, "invalid_parameter"),
    "26 wrong type": with_body(422, "invalid_parameter", model=["glass-en"]),
    "26 force as text": with_body(422, "invalid_parameter", force="yes"),
    "26 params as list": with_body(422, "invalid_parameter", params=[1]),
    "unknown kind": with_body(422, "invalid_parameter", kind="magic"),
    "later kind": with_body(422, "not_yet", kind="train"),
    "27 unknown model": with_body(404, "unknown_input", model="nobody/nothing"),
    "27 model by path": with_body(404, "unknown_input", model="/etc/passwd"),
    "27 unknown dataset": with_body(404, "unknown_input", dataset="nothing"),
    "30 unknown parameter": with_params(422, "unknown_parameter", layers=[-1]),
    "31 tokens 0": with_params(422, "invalid_parameter", tokens=0),
    "31 tokens -1": with_params(422, "invalid_parameter", tokens=-1),
    "31 tokens 1e12": with_params(422, "invalid_parameter", tokens=1e12),
    "31 tokens 1.5": with_params(422, "invalid_parameter", tokens=1000.5),
    "31 tokens true": with_params(422, "invalid_parameter", tokens=True),
    "31 tokens text": with_params(422, "invalid_parameter", tokens="many"),
    "31 context -1": with_params(422, "invalid_parameter", context=-1),
    "32 held out 2": with_params(422, "invalid_parameter", heldout=2),
    "32 held out -0.0": with_params(422, "invalid_parameter", heldout=-0.0),
    "33 seed 2^64": with_params(422, "invalid_parameter", seed=2**64),
    "34 dtype": with_params(422, "invalid_parameter", dtype="os.system"),
    "34 dtype int64": with_params(422, "invalid_parameter", dtype="int64"),
    **{
        f"30 plan {plan!r}": with_kind("plan", 422, "invalid_plan", plan=plan)
        for plan in (
            "-1:drop",
            "1000000000:drop",
            "4:drop",
            "1:drop,1:drop",
            "0",
            "1:melt",
            "0-3:drop",
            "3-1:drop",
            "1:drop;2:drop",
            "0:merged",
        )
    },
    "30 empty plan": with_kind("plan", 422, "invalid_plan", plan=""),
    "30 no plan": with_kind("plan", 422, "invalid_plan"),
    "30 no strategy": with_kind("ablation", 422, "invalid_parameter", strategies=[]),
    "30 strategy twice nested": with_kind("ablation", 422, "invalid_parameter", strategies=[["x"]]),
    **{
        f"31 changed {changed!r}": with_kind("ablation", 422, "invalid_parameter", changed=changed)
        for changed in (0, -1, 10**9, 1.5, True, "２", None, [2])
    },
    "31 interaction 1": with_kind("ablation", 422, "invalid_parameter", interaction=1),
    "31 prompts 1e9": with_kind("answers", 422, "invalid_parameter", plan="1:drop", prompts=10**9),
    "31 canary without texts": with_kind(
        "answers", 422, "invalid_parameter", plan="1:drop", canaries=[{"prompt": "a"}]
    ),
    "32 ridge -0.0": with_kind("plan", 422, "invalid_parameter", plan="1:linear", ridge=-0.0),
    "32 ridge 2": with_kind("plan", 422, "invalid_parameter", plan="1:linear", ridge=1e9),
    "33 seed -1": with_params(422, "invalid_parameter", seed=-1),
    "34 attention": with_params(422, "invalid_parameter", attention="__import__"),
    "granularity": with_params(422, "invalid_parameter", granularity="head"),
}

HUB_NAMES = [
    "../x", "a/b/c", "/etc", "a//b", "-x/y", "a/x..b", "http://h/x", "file:///etc", "a\nb/c",
    "a/b.git", "a/b.", "", "name", "o/" + "x" * 97, "ｏｗｎｅｒ/name", "owner/na me",
]  # fmt: skip
REGISTRATIONS = {
    **{
        f"28 hub id {name!r}": register(422, "invalid_parameter", source="hub", name=name)
        for name in HUB_NAMES
    },
    "29 revision climbs": register(
        422, "invalid_parameter", source="hub", name="a/b", revision="../../x"
    ),
    "29 long revision": register(
        422, "invalid_parameter", source="hub", name="a/b", revision="x" * 1000
    ),
    "29 revision type": register(422, "invalid_parameter", source="hub", name="a/b", revision=3),
    "relative path": register(422, "invalid_parameter", source="path", path="models/x"),
    "blocks alone": register(
        422, "invalid_parameter", source="hub", name="o/n", blocks="model.layers"
    ),
    "blocks of a built-in": register(
        422, "invalid_parameter", source="builtin", name="glass-en", blocks="m.h", norm="m.n"
    ),
    "blocks that are code": register(
        422, "invalid_parameter", source="hub", name="o/n", blocks="model.layers()", norm="m.n"
    ),
    "blocks of no text": register(
        422, "invalid_parameter", source="hub", name="o/n", blocks=["model.layers"], norm="m.n"
    ),
    "path outside": register(403, "path_not_allowed", source="path", path="/etc"),
    "path with a name too long": register(
        403, "path_not_allowed", source="path", path="/" + "x" * 5000
    ),
    "path and name": register(
        422, "invalid_parameter", source="path", path="/etc", name="passwords"
    ),
    "source missing": register(422, "invalid_parameter", name="glass-en"),
    "source unknown": register(422, "invalid_parameter", source="ftp", name="x"),
    "source upload": register(422, "invalid_parameter", source="upload"),
    "29 revision of another kind": register(
        422, "invalid_parameter", source="hub", name="a/b", revision="a b"
    ),
    "extra field": register(422, "unknown_parameter", source="builtin", name="x", token="t"),
    "unknown builtin": register(404, "unknown_input", source="builtin", name="gpt-17"),
    "delete a builtin": Case("DELETE", f"{MODELS}/glass-en", 409, "builtin_protected"),
    "delete nothing": Case("DELETE", f"{MODELS}/nothing", 404, "unknown_input"),
    "dataset of the hub without owner": Case(
        "POST",
        "/api/v1/datasets",
        422,
        "invalid_parameter",
        b'{"source": "hub", "name": "json"}',
        JSON,
    ),
}

RUN_ADDRESSES = {
    "96 unknown id": get(f"{RUNS}/{NOT_A_RUN}", 404, "run_not_found"),
    "96 id with a colon": get(f"{RUNS}/rq:job:x", 404, "run_not_found"),
    "96 id of 5,000 letters": get(f"{RUNS}/{'a' * 5000}", 404, "run_not_found"),
    "96 unknown result": get(f"{RUNS}/{NOT_A_RUN}/result", 404, "run_not_found"),
    "96 unknown figure's run": get(f"{RUNS}/{NOT_A_RUN}/figures/heatmap", 404, "run_not_found"),
    "97 cancel nothing": Case("POST", f"{RUNS}/{NOT_A_RUN}/cancel", 404, "run_not_found"),
    "97 cancel finished": Case("POST", f"{RUNS}/RUN/cancel", 409, "already_finished"),
    "98 events of nothing": get(f"/api/v1/events?runs={NOT_A_RUN}", 404, "run_not_found"),
    "98 events of nonsense": get("/api/v1/events?runs=%00,../x", 404, "run_not_found"),
    "98 events of many": get(
        "/api/v1/events?runs=" + ",".join(f"{n:032x}" for n in range(200)), 422, "invalid_parameter"
    ),
    "unknown format": get(f"{RUNS}/RUN/result?format=pickle", 422, "invalid_parameter"),
    "unknown result query": get(f"{RUNS}/RUN/result?formt=csv", 422, "invalid_parameter"),
    "unknown figure": get(f"{RUNS}/RUN/figures/pie", 422, "invalid_parameter"),
    "93 categories of another kind": get(
        f"{RUNS}/RUN/figures/categories", 422, "invalid_parameter"
    ),
    "unknown figure option": get(f"{RUNS}/RUN/figures/norms?x=1", 422, "unknown_parameter"),
    "unknown figure value": get(f"{RUNS}/RUN/figures/norms?lang=xx", 422, "invalid_parameter"),
}

CASES = {**ANY_ADDRESS, **SUBMISSIONS, **REGISTRATIONS, **RUN_ADDRESSES}


@pytest.fixture
def send(client: TestClient, services: Services) -> Callable[[Case], Response]:
    run = a_finished_run(services)

    def send(case: Case) -> Response:
        path = case.path.replace("/RUN/", f"/{run.id}/")
        return client.request(case.method, path, content=case.body, headers=case.headers)

    return send


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_gets_its_problem_and_the_next_request_works(
    case: Case, send: Callable[[Case], Response], client: TestClient, services: Services
) -> None:
    answer = send(case)

    problem = answer.json()
    staged = list((services.store.root / "staging").iterdir())
    after = client.post(RUNS, json=A_RUN)
    assert (answer.status_code, problem["code"]) == (case.status, case.code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"/problems/{case.code}"
    assert problem["status"] == case.status
    assert problem["instance"] == answer.headers["x-request-id"]
    assert problem["detail"]
    assert "Traceback" not in answer.text
    assert str(services.settings.data) not in answer.text
    assert staged == []
    assert after.status_code == 200


def test_a_validation_error_does_not_repeat_what_was_sent(client: TestClient) -> None:
    answer = client.get(RUNS, params={"limit": "my secret prompt"})

    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_an_allowed_path_is_registered_for_inspection(
    client: TestClient, services: Services
) -> None:
    folder = services.settings.model_roots[0] / "mine.v1"
    folder.mkdir()

    first = client.post(MODELS, json={"source": "path", "path": str(folder)})
    again = client.post(MODELS, json={"source": "path", "path": str(folder)})

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["state"] == "inspecting"
    assert first.headers["location"] == f"{MODELS}/{first.json()['id']}"
    assert client.get(first.headers["location"]).json()["name"] == "mine.v1"


def test_a_link_out_of_the_allowed_folders_is_refused(
    client: TestClient, services: Services
) -> None:
    link = services.settings.model_roots[0] / "link"
    link.symlink_to("/etc")

    answer = client.post(MODELS, json={"source": "path", "path": str(link)})

    assert (answer.status_code, answer.json()["code"]) == (403, "path_not_allowed")


def test_a_ready_builtin_is_registered_already(client: TestClient, services: Services) -> None:
    ready_inputs(services)

    answer = client.post(MODELS, json={"source": "builtin", "name": "glass-en"})

    assert (answer.status_code, answer.json()["state"]) == (200, "ready")
    assert answer.json()["record"]["blocks"] == 4
    assert "files" not in answer.json()["record"]


def test_a_registered_input_can_be_deleted(client: TestClient) -> None:
    added = client.post(MODELS, json={"source": "hub", "name": "owner/model-1.7B"})

    deleted = client.delete(added.headers["location"])

    assert (added.status_code, deleted.status_code) == (202, 204)
    assert client.get(added.headers["location"]).status_code == 404
