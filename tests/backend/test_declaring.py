"""Declaring an upload: what is accepted by name and size, and what is refused before any byte."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.main import create_app
from linearity.adapters.settings import Settings
from linearity.contracts.runs import InputState
from tests.backend.builders import ORIGIN

MODEL = [
    {"name": "config.json", "size": 100},
    {"name": "tokenizer.json", "size": 200},
    {"name": "model.safetensors", "size": 3000},
]
SHARDS = [
    {"name": "model.safetensors.index.json", "size": 50},
    {"name": "model-00001-of-00002.safetensors", "size": 1000},
    {"name": "model-00002-of-00002.safetensors", "size": 1000},
]


def declare(
    client: TestClient, files: Any, *, kind: str = "models", name: str = "mine"
) -> tuple[int, dict[str, Any]]:
    body = {"source": "upload", "name": name, "files": files}
    response = client.post(f"/api/v1/{kind}", json=body)
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()


def with_weights(name: str) -> list[dict[str, Any]]:
    return [*MODEL[:2], {"name": name, "size": 10}]


def test_a_declared_model_waits_for_its_files(client: TestClient, services: Services) -> None:
    status, told = declare(client, MODEL)

    assert status == 201
    assert told["state"] == "receiving"
    assert [(f["name"], f["size"], f["offset"], f["sha256"]) for f in told["uploads"]] == [
        ("config.json", 100, 0, None),
        ("model.safetensors", 3000, 0, None),
        ("tokenizer.json", 200, 0, None),
    ]
    assert all(f["url"].startswith("/api/v1/uploads/") for f in told["uploads"])
    assert client.get("/api/v1/models/mine").json()["uploads"] == told["uploads"]
    listed = client.get("/api/v1/models").json()["items"]
    assert [item["uploads"] for item in listed if item["id"] == "mine"] == [told["uploads"]]
    assert sorted(part.stat().st_size for part in services.store.parts()) == [100, 200, 3000]


def test_the_same_declaration_again_goes_on_with_the_first(client: TestClient) -> None:
    _, first = declare(client, MODEL)

    assert declare(client, MODEL) == (200, first)


def test_another_declaration_under_the_same_name_is_a_conflict(client: TestClient) -> None:
    declare(client, MODEL)

    status, told = declare(client, [*MODEL[:2], {"name": "model.safetensors", "size": 3001}])

    assert (status, told["code"]) == (409, "conflict")


def test_the_name_of_a_built_in_model_is_taken(client: TestClient) -> None:
    status, told = declare(client, MODEL, name="smollm2")

    assert (status, told["code"]) == (409, "conflict")


NAMES = [
    "../../x",
    "/etc/passwd",
    "a\x7fb",
    "CON",
    "a/b",
    "a" * 300,
    "．．／config.json",
    "\u202egnosj.json",
    "config.json.",
    "config.json ",
    "Config.json",
    "model-00001-of-00002.safetensors\n",
    "model-1-of-2.safetensors",
    "model-0000１-of-00001.safetensors",
    "README.md",
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_outside_the_list_is_refused(
    client: TestClient, services: Services, name: str
) -> None:
    status, told = declare(client, [*MODEL, {"name": name, "size": 5}])

    assert (status, told["code"]) == (422, "invalid_parameter")
    assert "files[3].name" in told["detail"]
    assert services.store.parts() == []
    assert services.state.get_input("model", "mine") is None


@pytest.mark.parametrize("size", [0, -1, 2**63, 2**50 + 1, 1.5, True, "5", None])
def test_a_size_that_cannot_be_is_refused(
    client: TestClient, services: Services, size: Any
) -> None:
    status, told = declare(client, [*MODEL[:2], {"name": "model.safetensors", "size": size}])

    assert (status, told["code"]) == (422, "invalid_parameter")
    assert "files[2].size" in told["detail"]
    assert services.store.parts() == []


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("pytorch_model.bin", "save_pretrained"),
        ("weights.pt", "save_pretrained"),
        ("weights.pkl", "save_pretrained"),
        ("weights.h5", "save_pretrained"),
        ("weights.gguf", "safetensors"),
        ("weights.onnx", "safetensors"),
        ("model.zip", "Unpack"),
        ("model.tar.gz", "Unpack"),
        ("modeling_mine.py", "Leave it out"),
    ],
)
def test_pickles_archives_and_code_are_refused_with_help(
    client: TestClient, services: Services, name: str, help: str
) -> None:
    status, told = declare(client, with_weights(name))

    assert (status, told["code"]) == (415, "unsupported_file")
    assert name in told["detail"]
    assert help in told["next_step"]
    assert services.store.parts() == []


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (MODEL[1:], "config.json"),
        (MODEL[:1] + MODEL[2:], "tokenizer.json"),
        (MODEL[:2], "model.safetensors"),
        ([*MODEL[:2], SHARDS[0], SHARDS[1]], "model-00002-of-00002.safetensors"),
        ([*MODEL[:2], SHARDS[1], SHARDS[2]], "model.safetensors.index.json"),
        ([*MODEL, SHARDS[0], SHARDS[1], SHARDS[2]], "the weights of one model"),
        ([*MODEL, MODEL[0]], "every name once"),
        ([], "a list"),
        ("config.json", "wanted a list"),
        (["config.json"], "files[0]"),
        ([{"name": "config.json"}], "files[0]"),
        ([{"name": "config.json", "size": 5, "path": "/"}], "files[0]"),
    ],
)
def test_a_set_of_files_that_is_no_model_is_refused(
    client: TestClient, files: Any, named: str
) -> None:
    status, told = declare(client, files)

    assert (status, told["code"]) == (422, "invalid_parameter")
    assert named in told["detail"]


def test_shards_with_their_index_are_accepted(client: TestClient) -> None:
    assert declare(client, [*MODEL[:2], *SHARDS])[0] == 201


def test_a_configuration_of_fifty_megabytes_is_too_large(client: TestClient) -> None:
    files = [{"name": "config.json", "size": 50_000_000}, *MODEL[1:]]

    status, told = declare(client, files)

    assert (status, told["code"]) == (413, "too_large")
    assert told["limit"] == 1 << 20


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("datasets", "会話ログ 2026.xlsx", 201),
        ("datasets", "a.parquet", 201),
        ("datasets", "a.zip", 415),
        ("datasets", "a.jsonl.gz", 415),
        ("datasets", "a.exe", 415),
        ("datasets", "a.doc", 422),
        ("datasets", ".jsonl", 422),
        ("datasets", "..\\a.txt", 422),
        ("logs", "a.jsonl", 201),
        ("logs", "a.CSV", 201),
        ("logs", "a.parquet", 422),
    ],
)
def test_datasets_and_logs_have_their_own_ends_of_names(
    client: TestClient, kind: str, name: str, status: int
) -> None:
    assert declare(client, [{"name": name, "size": 5}], kind=kind)[0] == status


def test_a_name_of_people_becomes_an_address(client: TestClient) -> None:
    status, told = declare(
        client, [{"name": "a.txt", "size": 5}], kind="datasets", name="顧客の質問"
    )

    assert status == 201
    assert told["name"] == "顧客の質問"
    assert told["id"].isascii()
    assert client.get(f"/api/v1/datasets/{told['id']}").status_code == 200


@pytest.mark.parametrize(("total", "own"), [(5000, None), (None, 5000)])
def test_more_bytes_than_the_quota_are_refused_before_the_first(
    settings: Settings, total: int | None, own: int | None
) -> None:
    limited = replace(settings, upload_limit=total, upload_user_limit=own)
    app: FastAPI = create_app(limited)
    with TestClient(app, base_url=ORIGIN) as client:
        assert declare(client, MODEL)[0] == 201

        status, told = declare(client, MODEL, name="second")

        assert (status, told["code"]) == (507, "quota_exceeded")
        assert (told["limit"], told["actual"]) == (5000, 6600)
        assert client.delete("/api/v1/models/mine").status_code == 204
        assert declare(client, MODEL, name="second")[0] == 201


def test_what_the_disk_cannot_hold_is_refused_before_the_first_byte(
    client: TestClient, services: Services
) -> None:
    files = [*MODEL[:2], {"name": "model.safetensors", "size": 2**50}]

    status, told = declare(client, files)

    assert (status, told["code"]) == (507, "disk_full")
    assert services.store.parts() == []
    assert services.state.get_input("model", "mine") is None


def test_removing_a_receiving_model_removes_what_came(
    client: TestClient, services: Services
) -> None:
    declare(client, MODEL)

    assert client.delete("/api/v1/models/mine").status_code == 204
    assert services.store.parts() == []
    assert services.state.uploads_of("model", "mine") == []


def test_a_receiving_model_cannot_be_measured(client: TestClient, services: Services) -> None:
    declare(client, MODEL)
    row = services.state.get_input("model", "mine")

    assert row is not None
    assert row.state is InputState.RECEIVING
    body = {"kind": "linearity", "model": "mine", "dataset": "mine", "params": {}}
    assert client.post("/api/v1/runs", json=body).status_code in (404, 409)
