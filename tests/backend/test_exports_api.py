"""An export leaves as a streamed archive, file by file, or as a model registered here."""

import io
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.archives import BLOCK, CHUNK_BYTES, Archive, Member
from backend.dependencies import Services
from backend.visitors import Role
from linearity.adapters.settings import Settings
from linearity.adapters.state import RunRow
from linearity.adapters.store import ArtifactStore
from tests.backend.builders import a_finished_run
from tests.backend.exporting import NAME, an_export, folder_files
from tests.backend.locked import a_client, a_token, bearer
from tests.backend.working import works_here
from workers.tasks import register_input

FILES = {
    "README.md": b"# card\n",
    "config.json": b"{}",
    "empty.txt": b"",
    "even.bin": bytes(BLOCK),
    "model.safetensors": bytes(range(256)) * 5000,
}


@pytest.fixture
def run(services: Services) -> RunRow:
    return an_export(services, FILES)


def archive(run: RunRow) -> str:
    return f"/api/v1/runs/{run.id}/archive"


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_the_archive_holds_every_file_and_says_its_length_first(
    client: TestClient, run: RunRow
) -> None:
    answer = client.get(archive(run))

    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-disposition"] == f'attachment; filename="{NAME}.tar"'
    assert unpacked(answer.content) == {f"{NAME}/{name}": data for name, data in FILES.items()}


def test_other_programs_unpack_it(client: TestClient, run: RunRow, tmp_path: Path) -> None:
    file = tmp_path / "export.tar"
    file.write_bytes(client.get(archive(run)).content)
    subprocess.run(["tar", "-xf", file.name], cwd=tmp_path, check=True)

    assert folder_files(tmp_path / NAME) == FILES


def test_the_same_export_gives_the_same_bytes_and_tag(client: TestClient, run: RunRow) -> None:
    first, second = client.get(archive(run)), client.get(archive(run))
    tag = first.headers["etag"]

    assert first.content == second.content
    assert client.get(archive(run), headers={"If-None-Match": tag}).status_code == 304
    head = client.head(archive(run))
    assert head.headers["content-length"] == first.headers["content-length"]
    assert (head.headers["etag"], head.content) == (tag, b"")


@pytest.mark.parametrize("cut", [0, 1, BLOCK - 1, BLOCK, 4 * BLOCK + 7, -1, -BLOCK])
def test_a_broken_download_goes_on_where_it_stopped(
    client: TestClient, run: RunRow, cut: int
) -> None:
    whole = client.get(archive(run))
    size = len(whole.content)
    at = cut % size
    asked = {"Range": f"bytes={at}-", "If-Range": whole.headers["etag"]}
    rest = client.get(archive(run), headers=asked)

    assert rest.status_code == (206 if at else 200)
    assert whole.content[:at] + rest.content == whole.content
    if at:
        assert rest.headers["content-range"] == f"bytes {at}-{size - 1}/{size}"
    assert int(rest.headers["content-length"]) == size - at


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=2-5", 206, slice(2, 6)),
        ("bytes=-3", 206, slice(-3, None)),
        ("bytes=4-999999999", 206, slice(4, None)),
        ("bytes=0-", 200, slice(None)),
        ("bytes=5-2", 200, slice(None)),
        ("bytes=1-2,4-5", 200, slice(None)),
        ("pages=1-2", 200, slice(None)),
        ("bytes=999999999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
    ],
)
def test_ranges_are_what_the_standard_says(
    client: TestClient, run: RunRow, asked: str, status: int, part: slice
) -> None:
    file = f"/api/v1/runs/{run.id}/files/model.safetensors"
    answer = client.get(file, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (status, FILES["model.safetensors"][part])


def test_a_range_of_another_version_is_answered_with_everything(
    client: TestClient, run: RunRow
) -> None:
    asked = {"Range": "bytes=5-", "If-Range": '"another"'}
    answer = client.get(f"/api/v1/runs/{run.id}/files/README.md", headers=asked)

    assert (answer.status_code, answer.content) == (200, FILES["README.md"])


def test_a_file_is_saved_and_never_shown(client: TestClient, run: RunRow) -> None:
    answer = client.get(f"/api/v1/runs/{run.id}/files/README.md")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="README.md"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing", "%2e%2e", "%2e%2e%2fstate.db", "config.json%00"])
def test_a_name_that_is_not_in_the_export_finds_nothing(
    client: TestClient, run: RunRow, name: str
) -> None:
    answer = client.get(f"/api/v1/runs/{run.id}/files/{name}")

    assert answer.status_code == 404


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    sha256 = store.put(bytes(24 << 20))
    members = [Member(f"model-{k}.safetensors", sha256, 24 << 20) for k in range(4)]
    packed = Archive(NAME, members, "2026-11-25T08:00:00Z", store)
    tracemalloc.start()
    read = sum(len(chunk) for chunk in packed.read(0, packed.size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read == packed.size > 96 << 20
    assert peak < 4 * CHUNK_BYTES


def test_a_file_beyond_eight_gigabytes_has_a_header_that_tar_reads(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    size = 9 << 30
    packed = Archive(NAME, [Member("big", "a" * 64, size)], "2026-11-25T08:00:00Z", store)
    header = b"".join(packed.read(0, packed.size - size - 2 * BLOCK))

    with tarfile.open(fileobj=io.BytesIO(header), mode="r:", ignore_zeros=True) as tar:
        entry = tar.next()
    assert entry
    assert (entry.name, entry.size) == (f"{NAME}/big", size)


def test_a_run_without_files_says_so(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)

    assert client.get(archive(run)).json()["code"] == "invalid_parameter"


def test_files_that_are_gone_are_told_before_the_first_byte(
    client: TestClient, services: Services, run: RunRow
) -> None:
    assert run.objects
    services.store.delete(run.objects[-1]["sha256"])
    answer = client.get(archive(run))

    assert (answer.status_code, answer.json()["code"]) == (404, "files_not_here")
    body = {"source": "run", "run": run.id}
    assert client.post("/api/v1/models", json=body).json()["code"] == "files_not_here"


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.ANALYST, 200)])
def test_weights_are_for_analysts(locked_app: FastAPI, role: Role, status: int) -> None:
    run = an_export(locked_app.state.services, FILES)
    client, headers = a_client(locked_app), bearer(a_token(locked_app, role))

    assert client.get(archive(run), headers=headers).status_code == status


# Registered as a model.


def test_an_export_becomes_a_model_and_outlives_its_run(
    client: TestClient,
    services: Services,
    settings: Settings,
    glass_folder: Callable[[], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = folder_files(glass_folder())
    run = an_export(services, files | {"README.md": b"card", "plan.json": b"{}"})
    told = client.post("/api/v1/models", json={"source": "run", "run": run.id})
    row = services.state.get_input("model", told.json()["id"])
    assert told.status_code == 202
    assert row
    works_here(settings, monkeypatch)
    register_input("model", row.id, row.attempt)
    model = client.get(f"/api/v1/models/{row.id}").json()

    assert (model["state"], model["name"], model["source"]) == ("ready", NAME, "run")
    assert (model["reference"], model["record"]["blocks"]) == (run.id, 4)
    assert (model["record"]["licence"], model["record"]["template_allowed"]) == ("mit", True)
    again = client.post("/api/v1/models", json={"source": "run", "run": run.id})
    assert (again.status_code, again.json()["id"]) == (200, row.id)

    assert client.delete(f"/api/v1/runs/{run.id}").status_code == 204
    kept = services.state.named_objects()
    weights = next(item for item in run.objects or [] if item["bytes"] > 100_000)
    assert weights["sha256"] in kept
    assert services.store.has(weights["sha256"])


def test_an_export_that_went_before_its_inspection_is_refused(
    client: TestClient, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = an_export(services, FILES)
    id = client.post("/api/v1/models", json={"source": "run", "run": run.id}).json()["id"]
    client.delete(f"/api/v1/runs/{run.id}")
    works_here(settings, monkeypatch)
    register_input("model", id, 1)
    model = client.get(f"/api/v1/models/{id}").json()

    assert (model["state"], model["problem"]["code"]) == ("rejected", "unknown_input")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"source": "run"}, 422, "invalid_parameter"),
        ({"source": "run", "run": "0" * 32}, 404, "run_not_found"),
        ({"source": "run", "run": "0" * 32, "path": "/"}, 422, "unknown_parameter"),
    ],
)
def test_what_is_no_export_is_refused(
    client: TestClient, body: dict[str, str], status: int, code: str
) -> None:
    answer = client.post("/api/v1/models", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
