import re
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.security import (
    CONTENT_SECURITY_POLICY,
    SECURITY_HEADERS,
    Policy,
    read_policy,
    refuse_open_binding,
)
from linearity.adapters.settings import Settings
from linearity.errors import InvalidParameterError
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
    assert policy.secure_cookie


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


@pytest.mark.parametrize(
    "credential", ["", "Bearer ", "Bearer wrong", "Basic abc", f"Bearer {TOKEN}x", "Bearer é"]
)
@pytest.mark.parametrize("path", ["/", RUNS, "/docs", "/openapi.json", "/s", "/assets"])
def test_a_locked_server_refuses_who_has_no_token(
    locked_app: FastAPI, path: str, credential: str
) -> None:
    headers = [(b"Authorization", credential.encode("latin-1"))] if credential else []

    answer = a_client(locked_app).get(path, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_needs_no_token(locked_app: FastAPI, path: str) -> None:
    assert a_client(locked_app).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/s/abc", "/assets/nothing.js"])
def test_share_links_and_files_of_the_page_need_no_token(locked_app: FastAPI, path: str) -> None:
    assert a_client(locked_app).get(path).status_code == 404


def test_the_token_opens_as_bearer(locked_app: FastAPI) -> None:
    answer = a_client(locked_app).get(RUNS, headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200


def test_a_page_link_with_the_token_becomes_a_cookie(locked_app: FastAPI) -> None:
    client = a_client(locked_app)

    answer = client.get("/jobs", params={"lang": "ja", "token": TOKEN})

    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?lang=ja")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "horse" not in cookie
    assert client.get(RUNS).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%2F/evil.example"])
def test_the_sign_in_link_leads_nowhere_else(locked_app: FastAPI, path: str) -> None:
    answer = a_client(locked_app).get(f"{ORIGIN}{path}?token={TOKEN.replace(' ', '+')}")

    assert answer.status_code == 303
    assert re.match(r"/[^/\\]", answer.headers["location"])


def test_the_token_in_an_address_opens_no_api(locked_app: FastAPI) -> None:
    assert a_client(locked_app).get(RUNS, params={"token": TOKEN}).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_the_loopback_needs_no_token(settings: Settings, host: str) -> None:
    refuse_open_binding(host, None)

    hosts = read_policy(replace(settings, host=host)).hosts
    assert hosts & {host, f"[{host}]"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])
def test_any_other_address_needs_a_token(host: str) -> None:
    refuse_open_binding(host, TOKEN)

    with pytest.raises(InvalidParameterError, match="LINEARSCOPE_HOST"):
        refuse_open_binding(host, None)


def test_two_tokens_have_two_cookies() -> None:
    one, two = (Policy(frozenset(), frozenset(), token, False) for token in ("a" * 20, "b" * 20))

    assert one.cookie_name != two.cookie_name
    assert one.cookie_value != two.cookie_value


def test_a_request_id_is_taken_over_only_if_it_is_plain(client: TestClient) -> None:
    given = client.get("/livez", headers={"X-Request-ID": "abc-123"}).headers["x-request-id"]
    made = client.get("/livez", headers={"X-Request-ID": "a b<script>"}).headers["x-request-id"]

    assert given == "abc-123"
    assert re.fullmatch(r"[0-9a-f]{16}", made)
