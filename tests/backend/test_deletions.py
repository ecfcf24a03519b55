"""Delete means delete: what depends on it is shown, and no byte is left where nobody needs it."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.embedded import EmbeddedValkey
from backend.main import create_app
from backend.sweeping import Sweeper
from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.documents import encode_documents
from linearity.adapters.settings import Settings
from linearity.adapters.state import InputRow, RunRow
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import sha256_hex
from linearity.contracts.inputs import Document
from linearity.contracts.linearity import linearity_request
from tests.backend.builders import ORIGIN, a_dataset, a_model, ready_inputs
from tests.backend.locked import a_token, bearer, told
from tests.builders import a_result
from tests.servers import eventually

CANARY = "the canary of Deletion Street sings at seven"


def a_text(services: Services, id: str = "mine", text: str = CANARY, **intake: Any) -> InputRow:
    """Register a dataset of one document, as a worker would have."""
    sha256 = services.store.put(encode_documents([Document(text)]))
    services.state.add_input(
        "dataset",
        id=id,
        name=id.title(),
        source="path",
        reference=f"/{id}",
        intake=Intake(**intake),
    )
    record = replace(a_dataset(), id=id, name=id.title(), source="path", fingerprint=sha256)
    assert services.state.input_ready("dataset", id, dict(record.as_json()))
    row = services.state.get_input("dataset", id)
    assert row
    return row


def a_run_on(
    services: Services, dataset: InputRow, *, over: bool = True, owner: str = "local", seed: int = 0
) -> RunRow:
    """Submit a run on a dataset; a finished one quotes the text everywhere it can."""
    model, _ = ready_inputs(services)
    record = replace(a_dataset(), fingerprint=dataset.record["fingerprint"])  # type: ignore[index]
    request = linearity_request({"pairs": "all", "seed": seed}, model=a_model(), dataset=record)
    run = services.state.submit(request, model=model, dataset=dataset, owner=owner).run
    if not over:
        return run
    services.state.start_attempt(run.id, run.attempt, "worker-1")
    services.live.put_partial(run.id, orjson.dumps({"quote": CANARY}))
    FileCheckpoints(services.store.root, run.id).save("piece", CANARY)
    value = a_result().as_json() | {"id": run.id, "quote": CANARY}
    sha256 = services.store.put(orjson.dumps(value))
    services.state.finish(run.id, run.attempt, sha256, 1.0)
    for encoding in ("identity", "gzip", "zstd"):
        services.results.read(sha256, encoding)
    row = services.state.get_run(run.id)
    assert row
    return row


def sweep(services: Services) -> int:
    return Sweeper(services.state, services.store, services.results, young_seconds=0).run_once()


def objects(services: Services) -> set[str]:
    return {path.name for path in (services.store.root / "objects").rglob("*") if path.is_file()}


def traces(folder: Path) -> list[str]:
    """Return every file below `folder` that holds the canary, as it is or compressed."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and CANARY.encode() in _readable(path.read_bytes())
    ]


def _readable(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


# What is shown first.


def test_what_depends_on_a_dataset_is_told_with_its_bytes(
    client: TestClient, services: Services
) -> None:
    before = objects(services)
    dataset = a_text(services, series="line")
    a_text(services, "sibling", "another text", series="line")
    run = a_run_on(services, dataset)
    a_run_on(services, dataset, over=False, seed=1)
    client.post("/api/v1/shares", json={"run": run.id})

    told_first = client.get("/api/v1/datasets/mine/dependents").json()

    assert told_first["runs"] | {"items": None} == {
        "open": 1,
        "finished": 1,
        "ended": 0,
        "items": None,
    }
    assert run.id in [item["id"] for item in told_first["runs"]["items"]]
    assert told_first["shares"] == 1
    assert told_first["series"] == [{"id": "sibling", "name": "Sibling"}]
    assert told_first["own_files"] is True
    text = len(encode_documents([Document(CANARY)]))
    assert told_first["bytes"]["keep"] == text
    everything = (
        sum(services.store.path(name).stat().st_size for name in objects(services) - before)
        + FileCheckpoints(services.store.root, run.id).size()
    )
    other = len(encode_documents([Document("another text")]))
    assert told_first["bytes"]["delete"] == everything - other


def test_bytes_that_another_input_needs_are_not_counted(
    client: TestClient, services: Services
) -> None:
    a_text(services)
    a_text(services, "twin")

    assert client.get("/api/v1/datasets/mine/dependents").json()["bytes"]["keep"] == 0


@pytest.mark.parametrize("kind", ["models", "datasets", "logs"])
def test_nothing_depends_on_what_is_not_there(client: TestClient, kind: str) -> None:
    assert told(client.get(f"/api/v1/{kind}/nothing/dependents")) == (404, "unknown_input")


def test_a_built_in_input_stays(client: TestClient, services: Services) -> None:
    ready_inputs(services)

    for address in ("models/glass-en", "datasets/python-docs"):
        assert told(client.delete(f"/api/v1/{address}")) == (409, "builtin_protected")


# What goes.


@pytest.fixture
def house(tmp_path: Path) -> Iterator[FastAPI]:
    """An application whose queue server keeps its files in the data folder, as `up` starts it."""
    valkey = EmbeddedValkey(tmp_path / "valkey")
    valkey.start()
    settings = Settings(
        data=tmp_path,
        model_roots=(),
        store=tmp_path / "store",
        database_url=f"sqlite:///{tmp_path / 'state.db'}",
        redis_url=valkey.url,
    )
    app = create_app(settings)
    yield app
    app.state.services.live.close()
    app.state.services.state.close()
    valkey.stop()


@pytest.mark.system
def test_no_byte_of_a_deleted_text_is_left_in_the_data_folder(house: FastAPI) -> None:
    services: Services = house.state.services
    client = TestClient(house, base_url=ORIGIN)
    before = objects(services)
    run = a_run_on(services, a_text(services))
    eventually(lambda: len(traces(services.settings.data)) >= 5)  # the server writes each second

    client.delete("/api/v1/datasets/mine?derived=delete")
    sweep(services)

    eventually(lambda: traces(services.settings.data) == [])
    assert objects(services) == before
    assert services.state.get_run(run.id) is None
    assert services.state.removals() == []


def test_results_are_kept_unless_asked_otherwise(client: TestClient, services: Services) -> None:
    run = a_run_on(services, a_text(services))

    assert client.delete("/api/v1/datasets/mine").status_code == 204
    sweep(services)

    assert client.get(f"/api/v1/runs/{run.id}/result").json()["quote"] == CANARY
    assert run.request["dataset"] not in objects(services)


def test_links_to_a_deleted_result_are_gone_and_say_so(
    client: TestClient, services: Services
) -> None:
    run = a_run_on(services, a_text(services))
    links = [
        client.post("/api/v1/shares", json={"run": run.id, "mode": mode}).json()["url"]
        for mode in ("live", "frozen")
    ]

    client.delete("/api/v1/datasets/mine?derived=delete")
    sweep(services)

    assert [client.get(link).status_code for link in links] == [410, 410]
    assert run.result not in objects(services)


def test_deleting_one_run_deletes_its_every_copy(client: TestClient, services: Services) -> None:
    dataset = a_text(services)
    before = objects(services)
    run = a_run_on(services, dataset)

    assert client.delete(f"/api/v1/runs/{run.id}").status_code == 204

    assert objects(services) == before
    assert services.live.redis.keys("linearscope:cache:*") == []
    assert services.live.get_partial(run.id) is None
    assert FileCheckpoints(services.store.root, run.id).load() == {}


def test_an_open_run_keeps_its_inputs(client: TestClient, services: Services) -> None:
    a_run_on(services, a_text(services), over=False)

    for derived in ("keep", "delete"):
        answer = client.delete(f"/api/v1/datasets/mine?derived={derived}")
        assert told(answer) == (409, "conflict")
    assert services.state.get_input("dataset", "mine") is not None


def test_a_word_that_means_nothing_deletes_nothing(client: TestClient, services: Services) -> None:
    a_text(services)

    assert client.delete("/api/v1/datasets/mine?derived=all").status_code == 422
    assert services.state.get_input("dataset", "mine") is not None


def test_bytes_that_another_input_needs_stay(client: TestClient, services: Services) -> None:
    first, _ = a_text(services), a_text(services, "twin")
    assert first.record

    client.delete("/api/v1/datasets/mine")
    sweep(services)
    kept = first.record["fingerprint"] in objects(services)
    client.delete("/api/v1/datasets/twin")
    sweep(services)

    assert kept
    assert first.record["fingerprint"] not in objects(services)


def test_files_of_ones_own_are_never_touched(client: TestClient, services: Services) -> None:
    own = services.settings.model_roots[0] / "model.safetensors"
    own.write_bytes(b"weights")
    services.state.add_input(
        "model", id="mine", name="Mine", source="path", reference=str(own.parent)
    )
    record = dict(a_model(id="mine").as_json())
    file = {"name": own.name, "sha256": sha256_hex(b"weights"), "size": 7, "path": str(own)}
    services.state.input_ready("model", "mine", record | {"files": [file]})

    told_first = client.get("/api/v1/models/mine/dependents").json()
    client.delete("/api/v1/models/mine?derived=delete")
    sweep(services)

    assert told_first["own_files"] is True
    assert told_first["bytes"] == {"keep": 0, "delete": 0}
    assert own.read_bytes() == b"weights"


def test_what_was_uploaded_of_an_unfinished_input_goes_at_once(
    client: TestClient, services: Services
) -> None:
    files = [{"name": "config.json", "size": 20}, {"name": "tokenizer.json", "size": 30}]
    files += [{"name": "model.safetensors", "size": 100}]
    made = client.post("/api/v1/models", json={"source": "upload", "name": "mine", "files": files})
    assert made.status_code == 201

    promised = client.get("/api/v1/models/mine/dependents").json()["bytes"]["keep"]
    client.delete("/api/v1/models/mine")

    assert promised == 150
    assert services.store.parts() == []


def test_a_log_takes_its_datasets_with_it_only_when_asked(
    client: TestClient, services: Services
) -> None:
    for derived, left in (("keep", 1), ("delete", 0)):
        services.state.add_input("log", id="log", name="Log", source="upload", reference="log")
        services.state.input_ready("log", "log", {"summary": services.store.put(b"sums")})
        sha256 = services.store.put(encode_documents([Document(CANARY)]))
        services.state.add_input(
            "dataset",
            id="made",
            name="Made",
            source="log",
            reference="log",
            intake=Intake(options={"log": "log", "side": "calibration"}),
        )
        record = replace(a_dataset(), id="made", fingerprint=sha256)
        services.state.input_ready("dataset", "made", dict(record.as_json()))

        told_first = client.get("/api/v1/logs/log/dependents").json()
        client.delete(f"/api/v1/logs/log?derived={derived}")
        sweep(services)

        assert told_first["datasets"] == [{"id": "made", "name": "Made"}]
        assert len(services.state.list_inputs("dataset")) == left
        assert (sha256 in objects(services)) is bool(left)


# Whose it is.


def test_what_others_made_of_it_goes_only_with_an_administrator(locked_app: FastAPI) -> None:
    services: Services = locked_app.state.services
    client = TestClient(locked_app, base_url=ORIGIN)
    a_run_on(services, a_text(services, owner="ann"), owner="bob")
    ann, eve = (bearer(a_token(locked_app, *who)) for who in (("analyst", "ann"), ("admin", "eve")))

    refused = client.delete("/api/v1/datasets/mine?derived=delete", headers=ann)
    kept = client.delete("/api/v1/datasets/mine", headers=ann)
    a_text(services, owner="ann")
    allowed = client.delete("/api/v1/datasets/mine?derived=delete", headers=eve)

    assert told(refused) == (403, "forbidden")
    assert "bob" in refused.json()["detail"]
    assert (kept.status_code, allowed.status_code) == (204, 204)


# Beside others.


def test_a_young_object_waits_because_somebody_may_be_about_to_name_it(
    client: TestClient, services: Services
) -> None:
    row = a_text(services)
    assert row.record

    client.delete("/api/v1/datasets/mine")
    waiting = services.state.removals()
    sweep(services)

    assert waiting == [row.record["fingerprint"]]
    assert services.state.removals() == []
    assert waiting[0] not in objects(services)


def test_the_same_bytes_registered_again_before_the_sweep_stay(
    client: TestClient, services: Services
) -> None:
    a_text(services)
    client.delete("/api/v1/datasets/mine")

    row = a_text(services, "again")
    sweep(services)

    assert row.record
    assert row.record["fingerprint"] in objects(services)
    assert services.state.removals() == []


def test_nothing_goes_while_something_is_being_inspected(
    client: TestClient, services: Services
) -> None:
    a_text(services)
    client.delete("/api/v1/datasets/mine")
    services.state.add_input("dataset", id="new", name="New", source="path", reference="/new")
    services.state.start_input("dataset", "new", 1, "worker-1")

    during = sweep(services)
    services.state.input_rejected("dataset", "new", {"code": "error"})

    assert during == 0
    assert sweep(services) == 1


def test_an_inspection_that_begins_during_the_sweep_keeps_what_it_may_hold(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = services.store.put(CANARY.encode())
    services.state.add_removals([sha256])
    look = services.state.named_objects

    def look_and_be_overtaken() -> set[str]:
        found = look()
        services.state.add_input("dataset", id="new", name="New", source="path", reference="/new")
        services.state.start_input("dataset", "new", 1, "worker-1")
        return found

    monkeypatch.setattr(services.state, "named_objects", look_and_be_overtaken)

    assert sweep(services) == 0
    assert services.store.get(sha256) == CANARY.encode()


def test_a_crash_after_the_rows_went_leaves_the_bytes_to_the_next_sweep(
    services: Services,
) -> None:
    run = a_run_on(services, a_text(services))
    before = objects(services)

    services.state.delete_run(run.id)  # and here the process is killed
    sweep(services)

    assert run.result in before
    assert run.result not in objects(services)
    assert len(objects(services)) == len(before) - 3  # and both compressed spellings
