"""Two things at once: a file that is finished twice, a deletion in the middle of a file."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend import sweeping
from backend.dependencies import Services
from backend.refusals import UnknownUploadError
from backend.sweeping import Sweeper
from linearity.adapters.state import UploadRow
from linearity.adapters.store import ArtifactStore
from linearity.adapters.store_removals import Stamp, take_away
from linearity.contracts.canonical import sha256_hex
from tests.backend.builders import ORIGIN
from tests.backend.test_uploads_api import DATA, declare, patch, row_of

NAMES = ("one", "two", "three")


def a_whole_part(client: TestClient, services: Services) -> UploadRow:
    """Return a file whose bytes are all here, as a process sees it just before the last step."""
    address = declare(client)
    row = row_of(services, address)
    services.store.part(row.id).write_bytes(DATA)
    services.state.upload_received(row.id, before=0, after=len(DATA))
    return row_of(services, address)


def test_who_finishes_a_file_second_leaves_it_whole(client: TestClient, services: Services) -> None:
    seen_before = a_whole_part(client, services)
    services.uploads.finish_file(seen_before)

    services.uploads.finish_file(seen_before)

    row = services.state.get_upload(seen_before.id)
    assert row is not None
    assert (row.received, row.sha256) == (len(DATA), sha256_hex(DATA))


def test_a_late_request_for_a_whole_file_does_not_begin_it_anew(
    client: TestClient, services: Services
) -> None:
    seen_before = a_whole_part(client, services)
    services.uploads.finish_file(seen_before)

    error = services.uploads.lost(seen_before)

    row = services.state.get_upload(seen_before.id)
    assert error.data["reason"] == "complete"
    assert row is not None
    assert row.sha256 == sha256_hex(DATA)


def test_a_file_deleted_while_it_is_digested_leaves_no_object(
    client: TestClient, services: Services
) -> None:
    seen_before = a_whole_part(client, services)
    services.state.delete_uploads("dataset", seen_before.input)
    services.state.delete_input("dataset", seen_before.input)

    with pytest.raises(UnknownUploadError):
        services.uploads.finish_file(seen_before)

    assert not services.store.has(sha256_hex(DATA))
    assert not services.store.part(seen_before.id).exists()


def test_a_file_deleted_between_digest_and_object_leaves_no_object(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = a_whole_part(client, services)
    digested = services.state.upload_digested

    def delete_first(id: str, sha256: str) -> object:
        services.state.delete_uploads("dataset", row.input)
        services.state.delete_input("dataset", row.input)
        return digested(id, sha256)

    monkeypatch.setattr(services.state, "upload_digested", delete_first)
    with pytest.raises(UnknownUploadError):
        services.uploads.finish_file(row)

    assert not services.store.has(sha256_hex(DATA))


def come(client: TestClient, name: str) -> None:
    patch(client, declare(client, name), 0, DATA)


def go(client: TestClient, name: str) -> None:
    assert client.delete(f"/api/v1/datasets/{name}").status_code == 204


def test_what_is_deleted_between_the_look_and_the_crossing_out_is_still_taken_away(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper = Sweeper(services.state, services.store, services.results, young_seconds=0)
    look = services.state.named_objects
    come(client, NAMES[0])
    services.state.add_removals([sha256_hex(DATA)])  # as if another name of it were gone

    def look_and_delete() -> set[str]:
        named = look()
        monkeypatch.undo()
        go(client, NAMES[0])  # noted already
        return named

    monkeypatch.setattr(services.state, "named_objects", look_and_delete)
    sweeper.run_once()
    sweeper.run_once()

    assert not services.store.has(sha256_hex(DATA))
    assert services.state.removals() == []


def test_what_comes_and_goes_between_the_taking_away_and_the_crossing_out_is_taken_away_too(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper = Sweeper(services.state, services.store, services.results, young_seconds=0)
    come(client, NAMES[0])
    go(client, NAMES[0])

    def take_and_return(store: ArtifactStore, sha256: str, stamp: Stamp) -> bool:
        taken = take_away(store, sha256, stamp)
        monkeypatch.undo()
        come(client, NAMES[1])
        go(client, NAMES[1])
        return taken

    monkeypatch.setattr(sweeping, "take_away", take_and_return)
    sweeper.run_once()
    assert services.store.has(sha256_hex(DATA))
    sweeper.run_once()

    assert not services.store.has(sha256_hex(DATA))
    assert services.state.removals() == []


def test_the_same_bytes_come_and_go_under_three_names_and_nobody_loses_them(
    app: FastAPI, services: Services
) -> None:
    sweeper = Sweeper(services.state, services.store, services.results, young_seconds=0)
    over, sha256 = Event(), sha256_hex(DATA)

    def sweep() -> None:
        while not over.is_set():
            sweeper.run_once()
            services.uploads.tidy()

    def come_and_go(name: str) -> list[bool]:
        client, kept = TestClient(app, base_url=ORIGIN), []
        for _ in range(15):
            patch(client, declare(client, name), 0, DATA)
            # Put back after a look from the side, it may be away for an instant.
            kept.append(any(services.store.has(sha256) for _ in range(20)))
            assert client.delete(f"/api/v1/datasets/{name}").status_code == 204
        return kept

    with ThreadPoolExecutor(4) as threads:
        sweeping = threads.submit(sweep)
        try:
            kept = [one for found in threads.map(come_and_go, NAMES) for one in found]
        finally:
            over.set()
        sweeping.result()
    sweeper.run_once()

    assert kept == [True] * 45
    assert not services.store.has(sha256)
    assert services.store.parts() == []
