"""Sending the bytes of declared files: offsets, sizes, checksums, expiry, crashes."""

import base64
import errno
import fcntl
import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.main import create_app
from backend.visitors import Role, Visitor, visitor_of
from linearity.adapters.clock import utc_before
from linearity.adapters.settings import Settings
from linearity.adapters.state import UploadRow
from linearity.adapters.tables import inputs, uploads
from linearity.contracts.runs import InputState
from tests.backend.builders import ORIGIN
from tests.backend.serving import serving
from tests.servers import eventually

TUS = {"Tus-Resumable": "1.0.0"}
DATA = bytes(range(256)) * 12
CONFIG = b'{"model_type": "llama"}'


def checksum(data: bytes) -> str:
    return "sha256 " + base64.b64encode(hashlib.sha256(data).digest()).decode()


def declare(client: TestClient, name: str = "texts", size: int = len(DATA)) -> str:
    """Declare a dataset of one file and return the file's address."""
    body = {"source": "upload", "name": name, "files": [{"name": "a.txt", "size": size}]}
    told = client.post("/api/v1/datasets", json=body).json()
    address: str = told["uploads"][0]["url"]
    return address


def patch(client: Any, address: str, offset: Any, data: bytes, **more: str) -> httpx.Response:
    headers = {
        **TUS,
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": str(offset),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    response: httpx.Response = client.patch(address, content=data, headers=headers)
    return response


def offset(client: Any, address: str) -> int:
    response = client.head(address, headers=TUS)
    assert response.status_code == 200, response.status_code
    return int(response.headers["Upload-Offset"])


def row_of(services: Services, address: str) -> UploadRow:
    row = services.state.get_upload(address.rpartition("/")[2])
    assert row is not None
    return row


def test_a_file_in_two_pieces_becomes_an_object_named_by_its_digest(
    client: TestClient, services: Services
) -> None:
    address = declare(client)

    first = patch(client, address, 0, DATA[:1000], Upload_Checksum=checksum(DATA[:1000]))
    halfway = offset(client, address)
    last = patch(client, address, 1000, DATA[1000:], Upload_Checksum=checksum(DATA[1000:]))

    assert (first.status_code, first.headers["Upload-Offset"], halfway) == (204, "1000", 1000)
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(DATA)))
    sha256 = hashlib.sha256(DATA).hexdigest()
    assert services.store.get(sha256) == DATA
    assert services.store.path(sha256).stat().st_mode & 0o777 == 0o444
    assert services.store.parts() == []
    told = client.get("/api/v1/datasets/texts").json()
    assert told["state"] == "receiving"
    assert told["uploads"] == [
        {"name": "a.txt", "size": len(DATA), "offset": len(DATA), "url": None, "sha256": sha256}
    ]


def test_head_tells_length_and_expiry_and_is_never_stored(client: TestClient) -> None:
    address = declare(client)

    told = client.head(address, headers=TUS)

    assert told.headers["Upload-Length"] == str(len(DATA))
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["Tus-Resumable"] == "1.0.0"
    assert patch(client, address, 0, b"a").headers["Upload-Expires"].endswith("GMT")


def test_the_abilities_are_told(client: TestClient) -> None:
    told = client.options("/api/v1/uploads/")

    assert told.status_code == 204
    assert told.headers["Tus-Version"] == "1.0.0"
    assert told.headers["Tus-Extension"] == "checksum,expiration"
    assert told.headers["Tus-Checksum-Algorithm"] == "sha256"


@pytest.mark.parametrize("given", [0, 999, 1001, len(DATA)])
def test_any_other_offset_is_a_conflict(client: TestClient, given: int) -> None:
    address = declare(client)
    patch(client, address, 0, DATA[:1000])

    refused = patch(client, address, given, DATA[given : given + 10])

    assert (refused.status_code, refused.json()["code"]) == (409, "upload_conflict")
    assert refused.json()["data"]["offset"] == 1000
    assert offset(client, address) == 1000


def test_more_bytes_than_declared_are_refused_before_the_first(client: TestClient) -> None:
    address = declare(client)

    refused = patch(client, address, 0, DATA + b"x")

    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert refused.json()["limit"] == len(DATA)
    assert offset(client, address) == 0


def test_a_piece_with_a_wrong_checksum_does_not_count(
    client: TestClient, services: Services
) -> None:
    address = declare(client)
    patch(client, address, 0, DATA[:500])

    damaged = patch(client, address, 500, b"!" * 500, Upload_Checksum=checksum(DATA[500:1000]))
    still = offset(client, address)
    patch(client, address, 500, DATA[500:], Upload_Checksum=checksum(DATA[500:]))

    assert (damaged.status_code, damaged.json()["code"]) == (460, "checksum_mismatch")
    assert still == 500
    assert services.store.get(hashlib.sha256(DATA).hexdigest()) == DATA


def test_a_disk_that_fills_up_on_the_way_keeps_what_had_arrived(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = declare(client)
    patch(client, address, 0, DATA[:1000])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("backend.uploads.reception.os.pwrite", full)
        refused = patch(client, address, 1000, DATA[1000:])

    assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
    assert offset(client, address) == 1000
    assert patch(client, address, 1000, DATA[1000:]).status_code == 204
    assert services.store.get(hashlib.sha256(DATA).hexdigest()) == DATA


HEADERS = {
    "no version": (412, "upload_version", {"Tus-Resumable": "0.2.1"}),
    "no offset": (400, "upload_protocol", {"Upload-Offset": ""}),
    "negative offset": (400, "upload_protocol", {"Upload-Offset": "-1"}),
    "full-width offset": (400, "upload_protocol", {"Upload-Offset": "１".encode()}),
    "huge offset": (400, "upload_protocol", {"Upload-Offset": "9" * 400}),
    "another media type": (415, "unsupported_media_type", {"Content-Type": "text/plain"}),
    "compressed": (415, "unsupported_media_type", {"Content-Encoding": "gzip"}),
    "md5": (400, "upload_protocol", {"Upload-Checksum": "md5 AAAA"}),
    "short digest": (400, "upload_protocol", {"Upload-Checksum": "sha256 AAAA"}),
    "no base64": (400, "upload_protocol", {"Upload-Checksum": "sha256 !!!"}),
    "another site": (403, "cross_site_refused", {"Origin": "https://evil.example"}),
}


@pytest.mark.parametrize(("status", "code", "headers"), HEADERS.values(), ids=HEADERS.keys())
def test_headers_that_cannot_be_are_refused_before_a_byte_counts(
    client: TestClient, status: int, code: str, headers: dict[str, Any]
) -> None:
    address = declare(client)
    good = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", **TUS}

    refused = client.patch(address, content=b"abc", headers={**good, **headers})

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert offset(client, address) == 0
    assert patch(client, address, 0, b"abc").status_code == 204


@pytest.mark.parametrize("id", ["0" * 32, "..%2f..%2fstate.db", "x", "%00", "a" * 5000])
def test_an_unknown_upload_is_not_found(client: TestClient, id: str) -> None:
    refused = patch(client, f"/api/v1/uploads/{id}", 0, b"abc")

    assert refused.status_code == 404
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["DELETE", "GET", "PUT", "POST"])
def test_there_are_no_other_methods(client: TestClient, method: str) -> None:
    address = declare(client)

    refused = client.request(method, address, headers={**TUS, "X-HTTP-Method-Override": "PATCH"})

    assert refused.status_code == 405
    assert client.post("/api/v1/uploads", headers=TUS).status_code in (404, 405)


def test_what_somebody_else_uploads_is_not_found(app: FastAPI, services: Services) -> None:
    client = TestClient(app, base_url=ORIGIN)
    address = declare(client)
    with acting_as(app, Visitor("somebody", Role.ANALYST)) as theirs:
        assert patch(theirs, address, 0, b"abc").json()["code"] == "unknown_upload"
        assert theirs.head(address, headers=TUS).status_code == 404
        taken = theirs.post(
            "/api/v1/datasets",
            json={"source": "upload", "name": "texts", "files": [{"name": "a.txt", "size": 5}]},
        )
        assert taken.status_code == 409
    assert offset(client, address) == 0


def test_the_same_bytes_of_two_users_are_stored_once_and_both_have_them(
    app: FastAPI, services: Services
) -> None:
    client = TestClient(app, base_url=ORIGIN)
    patch(client, declare(client, "mine"), 0, DATA)
    with acting_as(app, Visitor("somebody", Role.ANALYST)) as theirs:
        patch(theirs, declare(theirs, "theirs"), 0, DATA)

    sha256 = hashlib.sha256(DATA).hexdigest()
    owners = {
        name: [(file.owner, file.sha256) for file in services.state.uploads_of("dataset", name)]
        for name in ("mine", "theirs")
    }
    assert owners == {"mine": [("local", sha256)], "theirs": [("somebody", sha256)]}
    assert services.store.get(sha256) == DATA


def test_an_abandoned_upload_expires_and_may_begin_anew(
    client: TestClient, services: Services
) -> None:
    address = declare(client)
    patch(client, address, 0, DATA[:1000])
    make_old(services)

    refused = patch(client, address, 1000, DATA[1000:])
    services.uploads.tidy()

    assert (refused.status_code, refused.json()["code"]) == (410, "upload_expired")
    row = services.state.get_input("dataset", "texts")
    assert row is not None
    assert row.state is InputState.REJECTED
    assert (row.problem or {})["code"] == "upload_expired"
    assert services.store.parts() == []
    assert client.head(address, headers=TUS).status_code == 410
    again = declare(client)
    assert again != address
    assert offset(client, again) == 0
    assert client.head(address, headers=TUS).status_code == 404


def test_what_expired_counts_for_no_quota(settings: Settings) -> None:
    app = create_app(replace(settings, upload_limit=len(DATA) + 10))
    services: Services = app.state.services
    client = TestClient(app, base_url=ORIGIN)
    files = [{"name": "a.csv", "size": 10}, {"name": "b.csv", "size": len(DATA)}]
    body = {"source": "upload", "name": "requests", "files": files}
    told = client.post("/api/v1/logs", json=body).json()
    patch(client, told["uploads"][0]["url"], 0, DATA[:10])
    full = client.post("/api/v1/logs", json={**body, "name": "second"})
    make_old(services)
    services.uploads.tidy()

    assert full.status_code == 507
    assert client.post("/api/v1/logs", json={**body, "name": "second"}).status_code == 201
    assert services.state.removals() == [hashlib.sha256(DATA[:10]).hexdigest()]
    services.live.close()
    services.state.close()


def test_an_upload_that_still_receives_does_not_expire(
    client: TestClient, services: Services
) -> None:
    address = declare(client)
    make_old(services)
    with services.state._write() as connection:
        connection.execute(uploads.update().values(touched=utc_before(60)))

    services.uploads.tidy()

    assert patch(client, address, 0, DATA[:1000]).status_code == 204


def test_the_model_is_inspected_when_its_last_file_is_whole(
    client: TestClient, services: Services
) -> None:
    files = {"config.json": CONFIG, "tokenizer.json": b"{}", "model.safetensors": DATA}
    addresses = declare_model(client, files)

    states = []
    for name, data in files.items():
        assert patch(client, addresses[name], 0, data).status_code == 204
        states.append(client.get("/api/v1/models/mine").json()["state"])

    assert states == ["receiving", "receiving", "inspecting"]
    row = services.state.get_input("model", "mine")
    assert row is not None
    assert services.queue.holds(row)
    assert [file.sha256 for file in services.state.uploads_of("model", "mine")] == [
        hashlib.sha256(files[name]).hexdigest() for name in sorted(files)
    ]


def test_a_log_with_a_file_missing_is_not_complete(client: TestClient, services: Services) -> None:
    files = [{"name": name, "size": len(DATA)} for name in ("a.csv", "b.csv")]
    told = client.post(
        "/api/v1/logs", json={"source": "upload", "name": "requests", "files": files}
    ).json()
    patch(client, told["uploads"][0]["url"], 0, DATA)
    row = services.state.get_input("log", "requests")
    assert row is not None

    before = services.uploads.is_complete("log", row.id)
    patch(client, told["uploads"][1]["url"], 0, DATA)

    assert (before, services.uploads.is_complete("log", row.id)) == (False, True)


def test_a_crash_after_the_last_byte_is_taken_up(client: TestClient, services: Services) -> None:
    files = {"config.json": CONFIG, "tokenizer.json": b"{}", "model.safetensors": DATA}
    addresses = declare_model(client, files)
    for name in ("config.json", "tokenizer.json"):
        patch(client, addresses[name], 0, files[name])
    row = row_of(services, addresses["model.safetensors"])
    services.store.part(row.id).write_bytes(DATA)  # on the disk and counted, then killed
    services.state.upload_received(row.id, before=0, after=len(DATA))
    with services.state._write() as connection:
        connection.execute(uploads.update().values(touched=utc_before(60)))

    services.uploads.tidy()

    model = services.state.get_input("model", "mine")
    assert model is not None
    assert model.state is InputState.INSPECTING
    assert services.store.get(hashlib.sha256(DATA).hexdigest()) == DATA


def test_a_crash_between_digest_and_object_is_taken_up_by_an_empty_patch(
    client: TestClient, services: Services
) -> None:
    address = declare(client)
    row = row_of(services, address)
    sha256 = hashlib.sha256(DATA).hexdigest()
    services.store.part(row.id).write_bytes(DATA)
    services.state.upload_received(row.id, before=0, after=len(DATA))
    services.state.upload_digested(row.id, sha256)

    assert offset(client, address) == len(DATA)
    assert patch(client, address, len(DATA), b"").status_code == 204
    assert services.store.get(sha256) == DATA


def test_a_file_whose_bytes_are_gone_begins_anew(client: TestClient, services: Services) -> None:
    address = declare(client)
    patch(client, address, 0, DATA[:1000])
    services.store.part(row_of(services, address).id).unlink()

    lost = patch(client, address, 1000, DATA[1000:])

    assert (lost.status_code, lost.json()["data"]["reason"]) == (409, "lost")
    assert offset(client, address) == 0
    assert patch(client, address, 0, DATA).status_code == 204
    assert services.store.get(hashlib.sha256(DATA).hexdigest()) == DATA


@pytest.mark.system
def test_a_second_request_for_the_same_file_is_a_conflict(app: FastAPI) -> None:
    with serving(app) as url, httpx.Client(base_url=url) as client:
        address = declare_at(client)
        with sending(url, address, DATA[:100]) as connection:
            services: Services = app.state.services
            eventually(lambda: is_held(services, address))
            refused = patch(client, address, 0, DATA)
            connection.sendall(DATA[100:])
            answer = connection.recv(4096)

        assert (refused.status_code, refused.json()["data"]["reason"]) == (409, "in_use")
        assert b" 204 " in answer


@pytest.mark.system
def test_an_upload_goes_on_after_the_line_was_cut(app: FastAPI) -> None:
    services: Services = app.state.services
    with serving(app) as url, httpx.Client(base_url=url) as client:
        address = declare_at(client)
        with sending(url, address, DATA[:100]):
            eventually(lambda: is_held(services, address))

        eventually(lambda: not is_held(services, address))
        here = offset(client, address)
        assert here <= 100  # what the server had read when it learned of the end
        assert patch(client, address, here, DATA[here:]).status_code == 204
        assert services.store.get(hashlib.sha256(DATA).hexdigest()) == DATA


@pytest.mark.system
def test_a_silent_sender_is_given_up_and_its_bytes_are_kept(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.routes.uploads.STALL_SECONDS", 0.3)
    with serving(app) as url, httpx.Client(base_url=url) as client:
        address = declare_at(client)
        with sending(url, address, DATA[:100]):
            eventually(lambda: offset(client, address) == 100)
            assert patch(client, address, 100, DATA[100:]).status_code == 204


@pytest.mark.system
def test_a_cut_piece_with_a_checksum_does_not_count(app: FastAPI) -> None:
    services: Services = app.state.services
    with serving(app) as url, httpx.Client(base_url=url) as client:
        address = declare_at(client)
        with sending(url, address, DATA[:100], f"Upload-Checksum: {checksum(DATA)}\r\n"):
            eventually(lambda: is_held(services, address))

        eventually(lambda: not is_held(services, address))
        assert offset(client, address) == 0
        assert patch(client, address, 0, DATA).status_code == 204


def declare_at(client: httpx.Client) -> str:
    body = {"source": "upload", "name": "texts", "files": [{"name": "a.txt", "size": len(DATA)}]}
    address: str = client.post("/api/v1/datasets", json=body).json()["uploads"][0]["url"]
    return address


def declare_model(client: TestClient, files: dict[str, bytes]) -> dict[str, str]:
    declared = [{"name": name, "size": len(data)} for name, data in files.items()]
    body = {"source": "upload", "name": "mine", "files": declared}
    told = client.post("/api/v1/models", json=body).json()
    return {file["name"]: file["url"] for file in told["uploads"]}


def make_old(services: Services) -> None:
    with services.state._write() as connection:
        for table, column in ((uploads, "touched"), (inputs, "created")):
            connection.execute(sa.update(table).values({column: utc_before(8 * 86_400)}))


def is_held(services: Services, address: str) -> bool:
    """Whether a request holds the file, as another process would find out."""
    with services.store.part(address.rpartition("/")[2]).open("rb") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def sending(url: str, address: str, data: bytes, more: str = "") -> Iterator[socket.socket]:
    """Begin a request for the whole file and send `data` of it."""
    place = urlsplit(url)
    assert place.hostname
    assert place.port
    head = (
        f"PATCH {address} HTTP/1.1\r\nHost: {place.netloc}\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n{more}"
        f"Content-Length: {len(DATA)}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(head.encode() + data)
        yield connection


@contextmanager
def acting_as(app: FastAPI, visitor: Visitor) -> Iterator[TestClient]:
    """A client of somebody else, as the guard would have found out."""

    def somebody(request: Request) -> Visitor:
        return visitor

    app.dependency_overrides[visitor_of] = somebody
    yield TestClient(app, base_url=ORIGIN)
    app.dependency_overrides.clear()
