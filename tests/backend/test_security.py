import re
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.security import (
    CONTENT_SECURITY_POLICY,
    SECURITY_HEADERS,
    read_policy,
)
from linearity.adapters.settings import Settings
from tests.backend.builders import A_RUN, ORIGIN, ready_inputs

TOKEN = "correct horse battery staple"
RUNS = "/api/v1/runs"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def a_client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=ORIGIN, follow_redirects=False)


@pytest.mark.parametrize("path", ["/", RUNS, "/livez", "/nothing", "/docs", "/runs/none"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_refusal_carries_the_security_headers_too(client: TestClient) -> None:
    answer = client.get("/", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_the_policy_allows_scripts_of_our_own_files_only() -> None:
    directives = dict(
        directive.strip().split(" ", 1) for directive in CONTENT_SECURITY_POLICY.split(";")
    )

    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe-eval" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_no_inline_script_and_no_other_host(client: TestClient, path: str) -> None:
    html = client.get(path).text

    scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", html, re.DOTALL)
    loaded = re.findall(r'<(?:script|link|img)\b[^>]*\b(?:src|href)="([^"]+)"', html)
    assert not "".join(scripts).strip()
    assert not re.search(r"\son\w+=", html)
    assert all(address.startswith("/") for address in loaded)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["linearscope.example", "linearscope.example:8443"])
def test_the_public_name_is_answered(settings: Settings, host: str) -> None:
    policy = read_policy(replace(settings, public_url="https://linearscope.example"))

    assert host.partition(":")[0] in policy.hosts
    assert policy.origins == {"https://linearscope.example"}


def test_a_wildcard_address_allows_no_further_host(settings: Settings) -> None:
    policy = read_policy(replace(settings, host="0.0.0.0", token=TOKEN))

    assert policy.hosts == {"localhost", "127.0.0.1", "[::1]"}


@pytest.mark.parametrize("method", UNSAFE)
def test_another_sites_page_may_change_nothing(client: TestClient, method: str) -> None:
    answer = client.request(
        method, RUNS, headers={"Origin": "https://evil.example", "Cookie": "a=b"}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_refused")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "none"},
        {"Origin": ORIGIN},
        {"Authorization": "Bearer x", "Origin": "https://other.example"},
    ],
)
def test_our_own_page_and_programs_may_submit(
    client: TestClient, services: Services, headers: dict[str, str]
) -> None:
    ready_inputs(services)

    assert client.post(RUNS, json=A_RUN, headers=headers).status_code == 202


def test_a_bearer_token_beside_a_cookie_is_no_exemption(client: TestClient) -> None:
    headers = {"Authorization": "Bearer x", "Cookie": "a=b", "Origin": "https://evil.example"}

    assert client.post(RUNS, json=A_RUN, headers=headers).status_code == 403


def test_a_request_id_is_taken_over_only_if_it_is_plain(client: TestClient) -> None:
    given = client.get("/livez", headers={"X-Request-ID": "abc-123"}).headers["x-request-id"]
    made = client.get("/livez", headers={"X-Request-ID": "a b<script>"}).headers["x-request-id"]

    assert given == "abc-123"
    assert re.fullmatch(r"[0-9a-f]{16}", made)
