"""Looking at a dataset before it is used: preview, confirmation, and the record it becomes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app
from backend.dependencies import Services
from linearity.adapters.inputs import load_records
from linearity.adapters.settings import sqlite_url
from linearity.adapters.state import State
from linearity.contracts.inputs import DatasetRecord, StoredFile
from linearity.contracts.runs import InputState
from tests.backend.builders import a_model
from tests.conftest import quiet
from workers.registration import inspect

TABLE = "質問,回答,分類\n" + "".join(
    f"富士山の高さは何メートルですか({number})?,{number}メートルです。,"
    f"{'地理' if number % 4 else '挨拶'}\n"
    for number in range(40)
)


def send(services: Services, client: TestClient, name: str, data: bytes, id: str = "mine") -> str:
    """Declare an upload and bring its bytes into the store, as the upload's last byte does."""
    body = {"source": "upload", "name": id, "files": [{"name": name, "size": len(data)}]}
    told = client.post("/api/v1/datasets", json=body)
    assert told.status_code == 201, told.text
    for upload in services.state.uploads_of("dataset", told.json()["id"]):
        services.state.upload_digested(upload.id, services.store.put(data))
    return str(told.json()["id"])


def look(client: TestClient, id: str, **options: Any) -> dict[str, Any]:
    response = client.post(f"/api/v1/datasets/{id}/preview", json={"options": options})
    assert response.status_code == 200, response.text
    facts: dict[str, Any] = response.json()
    return facts


def work(services: Services, id: str) -> DatasetRecord:
    """Inspect a dataset as a worker does."""
    row = services.state.get_input("dataset", id)
    assert row is not None
    assert row.state is InputState.INSPECTING
    record = inspect(
        row,
        roots=services.settings.model_roots,
        store=services.store,
        log=quiet,
        uploads=services.state.uploads_of("dataset", id),
    )
    services.state.input_ready("dataset", id, record)
    return DatasetRecord.from_json(record)


def test_a_japanese_table_is_recognised_confirmed_and_read(
    client: TestClient, services: Services
) -> None:
    id = send(services, client, "toiawase.csv", TABLE.encode("cp932"))

    facts = look(client, id)
    encoding = facts["files"][0]["encoding"]
    assert (encoding["chosen"], encoding["confidence"]) == ("cp932", "likely")
    assert [column["name"] for column in facts["columns"]] == ["質問", "回答", "分類"]
    assert facts["records"][0]["prompt"] == "富士山の高さは何メートルですか(0)?"
    assert facts["rows"] == {"count": 40, "exact": True}
    assert facts["categories"] == [{"name": "地理", "count": 30}, {"name": "挨拶", "count": 10}]
    assert facts["summary"]["languages"] == {"ja": 40}
    assert (facts["summary"]["prompts"], facts["summary"]["answers"]) == (40, 40)

    options = {"encoding": "cp932", "prompt": "質問", "response": "回答", "category": "分類"}
    confirmed = client.post(f"/api/v1/datasets/{id}/confirm", json={"options": options})
    assert (confirmed.status_code, confirmed.json()["state"]) == (202, "inspecting")

    record = work(services, id)
    assert (record.documents, record.prompts, record.answers, record.categories) == (40, 40, 40, 2)
    assert record.options == options
    assert record.encodings == {"toiawase.csv": "cp932"}
    first = load_records(record, services.store)[0]
    assert (first.prompt, first.category) == ("富士山の高さは何メートルですか(0)?", "挨拶")


def test_another_encoding_shows_at_once_what_it_would_give(
    client: TestClient, services: Services
) -> None:
    id = send(services, client, "a.csv", TABLE.encode("cp932"))

    wrong = look(client, id, encoding="utf-8")
    assert wrong["problem"]["data"]["byte"] == 0
    assert wrong["files"][0]["encoding"]["recognised"] == "cp932"
    assert wrong["records"] == []
    assert "質問" not in [
        column["name"] for column in look(client, id, encoding="gb18030")["columns"]
    ]


def test_tokens_are_counted_with_the_tokenizer_of_a_model(
    client: TestClient, services: Services
) -> None:
    tokenizer = Path(services.settings.data) / "tokenizer.json"
    write_tokenizer(tokenizer)
    files = (StoredFile("tokenizer.json", "0" * 64, 1, str(tokenizer)),)
    services.state.add_input("model", id="m", name="m", source="path", reference="/m")
    services.state.input_ready("model", "m", replace(a_model(), files=files).as_json())
    id = send(services, client, "a.jsonl", b'{"text": "one two three"}\n{"text": "four five"}\n')

    response = client.post(f"/api/v1/datasets/{id}/preview", json={"model": "m"})

    assert response.status_code == 200, response.text
    assert response.json()["tokens"] == 5
    assert response.json()["unknown_tokens"] == 1.0  # the tokenizer knows no word at all
    assert response.json()["columns"][0]["tokens"] == 5


def write_tokenizer(path: Path) -> None:
    """Write a tokenizer of one token a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))


def test_a_table_without_a_known_column_is_shown_and_asks_for_one(
    client: TestClient, services: Services
) -> None:
    id = send(services, client, "a.csv", b"x,y\nhello there,1\n")

    facts = look(client, id)

    assert facts["problem"]["data"]["reason"] == "no_column"
    assert [column["kind"] for column in facts["columns"]] == ["text", "number"]
    assert look(client, id, text="x")["records"][0]["text"] == "hello there"


def test_a_file_of_the_server_is_looked_at_before_it_is_used(
    client: TestClient, services: Services
) -> None:
    path = services.settings.model_roots[0] / "notes.txt"
    path.write_text("one\n\ntwo\n")
    body = {"source": "path", "path": str(path), "preview": True}
    row = client.post("/api/v1/datasets", json=body).json()

    assert row["state"] == "receiving"
    assert look(client, row["id"], split="line")["summary"]["documents"] == 2
    again = client.post("/api/v1/datasets", json=body).json()
    assert again["id"] == row["id"]

    options = {"options": {"split": "line"}}
    assert client.post(f"/api/v1/datasets/{row['id']}/confirm", json=options).status_code == 202
    assert work(services, row["id"]).documents == 2
    once_more = client.post("/api/v1/datasets", json=body).json()
    assert once_more["id"] != row["id"]


def test_a_file_of_the_server_read_in_two_ways_is_two_datasets(
    client: TestClient, services: Services
) -> None:
    path = services.settings.model_roots[0] / "a.csv"
    path.write_text("x,y\nhello,world\n")
    body = {"source": "path", "path": str(path)}

    ids = [
        client.post("/api/v1/datasets", json=body | {"options": {"text": column}}).json()["id"]
        for column in ("x", "y", "x")
    ]

    assert ids[0] == ids[2] != ids[1]
    assert load_records(work(services, ids[1]), services.store)[0].text == "world"


def test_a_dataset_that_is_still_on_its_way_is_not_looked_at(
    client: TestClient, services: Services
) -> None:
    body = {"source": "upload", "name": "mine", "files": [{"name": "a.csv", "size": 9}]}
    id = client.post("/api/v1/datasets", json=body).json()["id"]

    for address in ("preview", "confirm"):
        response = client.post(f"/api/v1/datasets/{id}/{address}", json={})
        assert (response.status_code, response.json()["code"]) == (409, "not_ready")


def test_a_dataset_is_confirmed_once(client: TestClient, services: Services) -> None:
    id = send(services, client, "a.txt", b"hello")

    statuses = [
        client.post(f"/api/v1/datasets/{id}/confirm", json={}).status_code for _ in range(2)
    ]

    assert statuses == [202, 409]


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"format": "pdf"}, "format"),
        ({"encoding": "rot13"}, "encoding"),
        ({"delimiter": "x"}, "delimiter"),
        ({"text": "a", "prompt": "b"}, "prompt"),
        ({"response": "b"}, "response"),
        ({"sample": {"documents": 0}}, "sample.documents"),
        ({"mask": ["names"]}, "mask"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_options_that_mean_nothing_are_named(
    client: TestClient, services: Services, options: dict[str, Any], parameter: str
) -> None:
    id = send(services, client, "a.txt", b"hello")

    response = client.post(f"/api/v1/datasets/{id}/preview", json={"options": options})

    assert response.status_code == 422
    assert response.json()["data"]["parameter"] == parameter


@pytest.mark.parametrize(
    ("name", "status"), [("../x", 422), ("json", 422), ("a/b/c", 422), ("a/b", 202)]
)
def test_names_of_hub_datasets_are_judged_by_their_form(
    client: TestClient, name: str, status: int
) -> None:
    response = client.post("/api/v1/datasets", json={"source": "hub", "name": name})

    assert response.status_code == status, response.text


def test_a_terminal_shows_a_preview_without_its_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("質問,回答\n富士山は\x1b[31m?,3776\n".encode("cp932"))

    shown = CliRunner().invoke(app, ["datasets", "preview", str(path)])

    assert shown.exit_code == 0, shown.output
    assert "csv, CP932 (Shift_JIS) (likely)" in shown.output
    assert "read as: prompt = 質問, response = 回答" in shown.output
    assert "\x1b" not in shown.output


def test_a_terminal_registers_a_dataset_with_its_options(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\nhello,1\nhello,2\n")
    options = ["--text", "x", "--category", "y", "--documents", "1", "--data", str(tmp_path / "d")]

    def add(*more: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "backend.cli", "datasets", "add", str(path), *options, *more],
            check=False,
        ).returncode

    assert add() == 0
    assert add("--encoding", "utf-16-le") == 1
    state = State(sqlite_url(tmp_path / "d" / "state.db"))
    read, refused = sorted(state.list_inputs("dataset"), key=lambda row: row.state)
    state.close()
    assert (read.state, refused.state) == (InputState.READY, InputState.REJECTED)
    assert read.record is not None
    assert (read.record["documents"], read.record["sampled_from"]) == (1, 2)
