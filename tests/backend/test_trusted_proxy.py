"""A reverse proxy says who asks: from its address, with its secret, or not at all."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.requests import Request

from backend.guesses import MOST_A_MINUTE as GUESSES
from backend.main import create_app
from backend.trusted_proxy import client_address
from backend.wrong_tokens import MOST_A_MINUTE
from linearity.adapters.proxy_settings import ProxyTrust
from linearity.adapters.settings import Settings
from tests.backend.locked import ME, a_client, a_token, bearer, told

SECRET = "the proxy and we know this"
PROXY = "10.1.2.3"
TRUST = ProxyTrust("x-forwarded-user", (ip_network("10.1.2.0/24"),), SECRET)


@pytest.fixture
def proxied_app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app(replace(settings, proxy=TRUST))
    yield app
    app.state.services.live.close()
    app.state.services.state.close()


def through_proxy(
    app: FastAPI, address: str = PROXY, secret: str | None = SECRET, **headers: str
) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if secret is not None:
        sent["X-LinearScope-Proxy-Secret"] = secret
    return a_client(app, address).get(ME, headers=sent)


def test_wrong_share_links_are_counted_for_each_client_behind_the_proxy(
    proxied_app: FastAPI,
) -> None:
    def guess(client: str) -> int:
        headers = {"X-LinearScope-Proxy-Secret": SECRET, "X-Forwarded-For": client}
        return a_client(proxied_app, PROXY).get(f"/s/{'A' * 43}", headers=headers).status_code

    first = [guess("192.0.2.7") for _ in range(2 * GUESSES + 1)]  # a minute may end in between

    assert first[:GUESSES] == [404] * GUESSES
    assert 429 in first
    assert guess("192.0.2.8") == 404


def test_the_trusted_proxy_says_who_asks(proxied_app: FastAPI) -> None:
    answer = through_proxy(proxied_app, X_Forwarded_User="ann@example.org")

    assert answer.json() == {"name": "ann@example.org", "role": "analyst", "way": "proxy"}


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("203.0.113.9", SECRET),
        ("127.0.0.1", SECRET),
        ("10.1.3.1", SECRET),
        (PROXY, None),
        (PROXY, "wrong"),
        (PROXY, ""),
        (PROXY, f"{SECRET}x"),
        ("not an address", SECRET),
    ],
)
def test_nobody_else_can_say_who_asks(
    proxied_app: FastAPI, address: str, secret: str | None
) -> None:
    answer = through_proxy(
        proxied_app, address, secret, X_Forwarded_User="root", X_Forwarded_For=PROXY
    )

    assert told(answer) == (401, "unauthorised")


@pytest.mark.parametrize("name", ["", "a b", "local", "operator", "guest", "x" * 65, "é", "a,b"])
def test_the_proxy_has_to_name_one_plain_name(proxied_app: FastAPI, name: str) -> None:
    answer = a_client(proxied_app, PROXY).get(
        ME,
        headers=[
            (b"X-LinearScope-Proxy-Secret", SECRET.encode()),
            (b"X-Forwarded-User", name.encode("latin-1")),
        ],
    )

    assert told(answer) == (401, "unauthorised")


def test_two_names_are_nobody(proxied_app: FastAPI) -> None:
    headers = [("X-LinearScope-Proxy-Secret", SECRET)]
    headers += [("X-Forwarded-User", name) for name in ("ann", "root")]

    assert a_client(proxied_app, PROXY).get(ME, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("sent", "role"),
    [(None, "analyst"), ("viewer", "viewer"), ("admin", "admin"), ("god", "viewer")],
)
def test_the_proxy_may_name_the_role(settings: Settings, sent: str | None, role: str) -> None:
    app = create_app(replace(settings, proxy=replace(TRUST, role_header="x-role")))
    headers = {"X_Role": sent} if sent else {}

    assert through_proxy(app, X_Forwarded_User="ann", **headers).json()["role"] == role
    app.state.services.live.close()
    app.state.services.state.close()


def test_a_token_still_opens_beside_the_proxy(proxied_app: FastAPI) -> None:
    answer = a_client(proxied_app).get(ME, headers=bearer(a_token(proxied_app)))

    assert answer.json()["way"] == "token"


def test_wrong_tokens_through_the_proxy_are_counted_by_whom_it_passes_on(
    proxied_app: FastAPI,
) -> None:
    def guess(client_address: str) -> int:
        headers = bearer("wrong") | {
            "X-LinearScope-Proxy-Secret": SECRET,
            "X-Forwarded-For": f"9.9.9.9, {client_address}, {PROXY}",
        }
        return a_client(proxied_app, PROXY).get(ME, headers=headers).status_code

    for _ in range(MOST_A_MINUTE):
        guess("198.51.100.1")

    assert guess("198.51.100.1") == 429
    assert guess("198.51.100.2") == 401


def test_one_network_of_ipv6_is_one_client() -> None:
    def counted(host: str) -> str:
        return client_address(Request({"type": "http", "headers": [], "client": (host, 1)}), None)

    assert counted("2001:db8::1") == counted("2001:db8::ffff") != counted("2001:db8:0:1::1")
    assert counted("192.0.2.1") != counted("192.0.2.2")
