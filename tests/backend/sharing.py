"""Share links as the tests make and read them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.testclient import TestClient

SHARES = "/api/v1/shares"


@dataclass(frozen=True)
class Link:
    """A link that was made, with the token that only its maker knows."""

    id: str
    run: str
    token: str
    told: dict[str, Any]

    @property
    def page(self) -> str:
        return f"/s/{self.token}"

    @property
    def data(self) -> str:
        return f"{self.page}/data"

    @property
    def run_data(self) -> str:
        return f"{self.data}/runs/{self.run}"


def make_link(client: TestClient, run: str, **more: Any) -> Link:
    answer = client.post(SHARES, json={"run": run, **more})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return Link(told["id"], run, urlsplit(told["url"]).path.removeprefix("/s/"), told)
