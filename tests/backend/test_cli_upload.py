"""`linearscope models upload` against a running server: sends, goes on, compares, refuses."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from backend.api_client import ApiClient
from backend.cli import app as command
from backend.dependencies import Services
from backend.uploading import upload_model
from linearity.adapters.state import InputRow
from linearity.errors import ConflictError
from tests.backend.serving import serving

pytestmark = pytest.mark.system

WEIGHTS = bytes(range(256)) * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    return folder


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    with serving(app) as url:
        yield url


def upload(folder: Path, url: str, *more: str) -> Result:
    arguments = ["models", "upload", str(folder), "--server", url, *more]
    return CliRunner().invoke(command, arguments)


def rejecting(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reject whatever is inspected at once, as a worker would."""
    problem = {"code": "rejected_input", "message": "no tensors", "next_step": "Export again."}
    reasons = [{"code": "no_tensors", "message": "model.safetensors holds no tensors"}]

    def reject(row: InputRow) -> bool:
        data = {"data": {"reasons": reasons}}
        return services.state.input_rejected(row.kind, row.id, problem | data)

    monkeypatch.setattr(services.queue, "enqueue_registration", reject)


def test_a_folder_is_sent_and_its_refusal_is_told_with_every_reason(
    folder: Path, url: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejecting(services, monkeypatch)

    result = upload(folder, url)

    assert result.exit_code == 1
    assert "left out: pytorch_model.bin (pickle)" in result.stderr
    assert "100 % (0.0 of 0.0 MB)" in result.stderr
    assert "sent: 3 files, sha256 equal" in result.stderr
    assert "model.safetensors holds no tensors" in result.stderr
    assert "Export again." in result.stderr
    assert services.store.get(hashlib.sha256(WEIGHTS).hexdigest()) == WEIGHTS


def test_a_second_call_goes_on_where_the_first_was(
    folder: Path, url: str, services: Services
) -> None:
    files = [folder / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    client = ApiClient(url, None)
    body = {
        "source": "upload",
        "name": "my-model",
        "files": [{"name": path.name, "size": path.stat().st_size} for path in files],
    }
    told = client.post("/api/v1/models", body)
    weights = next(file for file in told["uploads"] if file["name"] == "model.safetensors")
    services.state.upload_received(weights["url"].rpartition("/")[2], before=0, after=20_000)
    part = services.store.part(weights["url"].rpartition("/")[2])
    part.write_bytes(WEIGHTS[:20_000])
    heard: list[int] = []

    model = upload_model(client, files, "my-model", lambda sent, _: heard.append(sent))

    assert heard[1] >= 20_000
    assert model["state"] == "inspecting"
    assert services.store.get(hashlib.sha256(WEIGHTS).hexdigest()) == WEIGHTS
    assert upload_model(client, files, "my-model", lambda *_: None)["id"] == "my-model"


def test_other_bytes_of_the_same_size_are_noticed(folder: Path, url: str) -> None:
    files = [folder / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    client = ApiClient(url, None)
    upload_model(client, files, "my-model", lambda *_: None)
    (folder / "model.safetensors").write_bytes(WEIGHTS[::-1])

    with pytest.raises(ConflictError, match=r"other bytes of model\.safetensors"):
        upload_model(client, files, "my-model", lambda *_: None)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no model.safetensors"),
    ],
)
def test_a_folder_that_is_no_model_is_refused_by_the_server(
    folder: Path, url: str, missing: str, told: str
) -> None:
    (folder / missing).unlink()

    result = upload(folder, url, "--name", "mine")

    assert result.exit_code == 1
    assert told in result.stderr


def test_a_folder_without_any_file_of_a_model_is_refused_here(tmp_path: Path, url: str) -> None:
    (tmp_path / "readme.txt").write_text("nothing")

    result = upload(tmp_path, url)

    assert result.exit_code == 1
    assert "holds no file of a model" in result.stderr
