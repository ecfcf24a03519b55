from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from tests.backend.builders import a_finished_run, a_running_run
from tests.builders import a_partial


def address(run_id: str, name: str) -> str:
    return f"/api/v1/runs/{run_id}/figures/{name}"


@pytest.mark.parametrize(
    "name", ["heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors"]
)
def test_a_finished_run_has_its_figures(client: TestClient, services: Services, name: str) -> None:
    run = a_finished_run(services)

    answer = client.get(address(run.id, name), params={"lang": "ja", "theme": "dark"})

    figure: Any = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    assert figure["data"]
    assert figure["layout"]


def test_figures_are_revalidated_by_their_etag(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)
    etag = client.get(address(run.id, "heatmap")).headers["etag"]

    same = client.get(address(run.id, "heatmap"), headers={"If-None-Match": etag})
    other = client.get(
        address(run.id, "heatmap"), params={"score": "cosine"}, headers={"If-None-Match": etag}
    )

    assert (same.status_code, other.status_code) == (304, 200)


def test_a_running_run_has_figures_of_its_latest_numbers(
    client: TestClient, services: Services
) -> None:
    run = a_running_run(services)
    services.live.put_partial(run.id, orjson.dumps(a_partial()))

    final = client.get(address(run.id, "heatmap"))
    partial = client.get(address(run.id, "heatmap"), params={"partial": "1", "score": "cosine"})

    assert (final.status_code, final.json()["code"]) == (404, "run_not_finished")
    assert (partial.status_code, partial.headers["cache-control"]) == (200, "no-store")
    assert partial.json()["data"]
