import brotli  # type: ignore[import-untyped]  # ships no types
import pytest
import zstandard
from starlette.testclient import TestClient

from backend.assets import plotly_path
from backend.dependencies import Services
from tests.backend.builders import a_finished_run

PAGES = ["/", "/jobs", "/library", "/access"]


def plotly_address(services: Services) -> str:
    return next(f"/assets/{name}" for name in services.assets.files if name.startswith("plotly-"))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_the_same_shell_with_its_placeholders_filled(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "{{" not in answer.text


def test_an_unknown_run_shows_the_shell_with_404(client: TestClient, services: Services) -> None:
    known = client.get(f"/runs/{a_finished_run(services).id}")
    unknown = client.get("/runs/nobody")

    assert (known.status_code, unknown.status_code) == (200, 404)
    assert known.text == unknown.text


def test_everything_the_page_names_is_there_and_may_be_kept_for_ever(client: TestClient) -> None:
    html = client.get("/").text
    addresses = {part.split('"')[0] for part in html.split('"/assets/')[1:]}

    answers = [client.get(f"/assets/{address}") for address in addresses]

    assert len(answers) > 5
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["cache-control"] for answer in answers} == {
        "public, max-age=31536000, immutable"
    }


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=1.0", "gzip"),
        ("br;q=0, *", "zstd"),
        ("identity", None),
        ("*;q=0", None),
        ("nonsense;q=x", None),
    ],
)
def test_plotly_travels_in_the_best_accepted_spelling(
    client: TestClient, services: Services, accepted: str, encoding: str | None
) -> None:
    answer = client.head(plotly_address(services), headers={"Accept-Encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"


def test_every_spelling_of_plotly_is_the_installed_file_under_its_own_tag(
    services: Services,
) -> None:
    variants = services.assets.files[plotly_address(services).removeprefix("/assets/")].variants
    original = plotly_path().read_bytes()

    assert brotli.decompress(variants["br"].body) == original
    assert zstandard.decompress(variants["zstd"].body) == original
    assert len({variant.etag for variant in variants.values()}) == len(variants) == 4


def test_an_asset_is_not_sent_twice(client: TestClient, services: Services) -> None:
    address = plotly_address(services)
    etag = client.head(address).headers["etag"]

    answer = client.get(address, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


def test_source_files_of_the_package_are_not_served(client: TestClient, services: Services) -> None:
    base = next(name for name in services.assets.files if "/" in name).partition("/")[0]

    assert client.get(f"/assets/{base}/__init__.py").status_code == 404
    assert client.get(f"/assets/{base}/index.html").status_code == 404


def test_the_favicon_is_named_by_the_page_alone(client: TestClient) -> None:
    assert client.get("/favicon.ico").status_code == 204


def test_the_address_book_lists_every_address(client: TestClient) -> None:
    book = client.get("/docs").text

    paths = client.get("/openapi.json").json()["paths"]
    assert len(paths) > 10
    assert [path for path in paths if path not in book] == []
