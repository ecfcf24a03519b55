"""The command `linearscope`: what it prints, and which status it ends with."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from backend.children import python_command, python_environ
from tests.backend.test_snapshot import Elements

LIGHT = """
import sys
import backend.cli, backend.supervisor, backend.doctor, backend.serving
heavy = {"torch", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""

WITHOUT_WEB = """
import sys
import backend.cli
web = {"fastapi", "starlette", "uvicorn", "pydantic", "plotly", "tuspyserver"} & set(sys.modules)
assert not web, web
"""


def test_the_command_of_a_worker_needs_no_web_packages() -> None:
    command = python_command("backend.cli")[:1]
    answer = subprocess.run(
        [*command, "-c", WITHOUT_WEB], env=python_environ(os.environ), check=False
    )

    assert answer.returncode == 0


def test_the_command_never_loads_torch() -> None:
    command = python_command("backend.cli")[:1]
    answer = subprocess.run([*command, "-c", LIGHT], env=python_environ(os.environ), check=False)

    assert answer.returncode == 0


def test_help_names_every_command(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "--help")

    assert answer.returncode == 0
    for command in ("up", "run", "doctor", "models", "datasets", "runs", "tokens", "api", "worker"):
        assert f" {command} " in answer.stdout


@pytest.mark.parametrize("command", ["up", "api"])
def test_an_open_address_on_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "state.db").mkdir()  # whoever runs the tests, this is no file to write

    answer = run_cli(tmp_path, command, LINEARSCOPE_HOST="0.0.0.0", REDIS_URL="redis://127.0.0.1:1")

    assert answer.returncode == 2
    assert "state.db cannot be written" in answer.stderr
    assert "LINEARSCOPE_DATA" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_token_is_shown_once_listed_and_revoked(tmp_path: Path) -> None:
    added = run_cli(tmp_path, "tokens", "add", "ann", "--role", "viewer", "--days", "7")
    token = re.search(r"lsc_[\w-]{43}", added.stdout)
    listed = run_cli(tmp_path, "tokens", "list")
    id = listed.stdout.split()[0]
    revoked = run_cli(tmp_path, "tokens", "revoke", id)

    assert added.returncode == 0
    assert token is not None
    assert f"?token={token[0]}" in added.stdout
    assert "open" in listed.stdout
    assert "ann" in listed.stdout
    assert token[0] not in listed.stdout
    assert revoked.stdout == "revoked: ann (viewer)\n"
    assert "revoked" in run_cli(tmp_path, "tokens", "list").stdout
    assert token[0].encode() not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("operator", "--role", "admin"), "operator"),
        (("a b", "--role", "admin"), "name"),
        (("ann", "--role", "god"), "viewer"),
        (("ann", "--role", "viewer", "--days", "0"), "days"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], word: str
) -> None:
    answer = run_cli(tmp_path, "tokens", "add", *arguments)

    assert answer.returncode == 2
    assert word in answer.stderr
    assert "Traceback" not in answer.stderr


def test_revoking_an_unknown_token_says_so(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "tokens", "revoke", "nothing")

    assert answer.returncode == 1
    assert "tokens list" in answer.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        answer = run_cli(tmp_path, "up", "--port", port)

    assert answer.returncode == 2
    assert port in answer.stderr
    assert "--port" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_bad_variable_is_named(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "models", "list", LINEARSCOPE_PORT="eighty")

    assert answer.returncode == 2
    assert answer.stderr.startswith("LINEARSCOPE_PORT")


def test_a_dataset_can_be_added_listed_and_shown_without_a_server(tmp_path: Path) -> None:
    added = run_cli(tmp_path, "datasets", "add", "python-docs")
    listed = run_cli(tmp_path, "datasets", "list")
    shown = run_cli(tmp_path, "datasets", "show", "python-docs")
    record = json.loads(shown.stdout)["record"]

    assert (added.returncode, listed.returncode, shown.returncode) == (0, 0, 0)
    assert "python-docs" in listed.stdout
    assert "ready" in listed.stdout
    assert record["documents"] > 10


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "show", "nothing"),
        ("runs", "show", "0" * 32),
        ("models", "add", "nothing"),
        ("datasets", "add", "/no/such/folder"),
    ],
)
def test_what_is_not_there_is_a_sentence_and_status_one(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    answer = run_cli(tmp_path, *arguments)

    assert answer.returncode == 1
    assert answer.stderr.strip()
    assert "Traceback" not in answer.stderr


def test_blocks_named_on_the_command_line_are_judged_before_anything_is_read(
    tmp_path: Path,
) -> None:
    answer = run_cli(tmp_path, "models", "add", "/no/folder", "--blocks", "model.layers")

    assert answer.returncode == 2
    assert answer.stderr.startswith("norm: wanted a dotted path")


def test_an_empty_installation_lists_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "models", "list")

    assert answer.returncode == 0
    assert "linearscope models add" in answer.stdout


def test_a_run_in_this_process_passes_its_options_on(tmp_path: Path) -> None:
    answer = run_cli(
        tmp_path, "run", "linearity", "--model", "glass-en", "--dataset", "python-docs",
        "--set", "tokens=0", "--device", "cpu",
    )  # fmt: skip

    assert answer.returncode == 2
    assert "tokens: wanted" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "named"),
    [
        (("--device", "gpu"), {}, "--device: wanted"),
        ((), {"LINEARSCOPE_DEVICE": "gpu"}, "LINEARSCOPE_DEVICE: wanted"),
        ((), {"LINEARSCOPE_DEVICE": "auto"}, "tokens: wanted"),
    ],
)
def test_a_run_in_this_process_reads_its_device_like_a_worker(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], named: str
) -> None:
    answer = run_cli(
        tmp_path, "run", "linearity", "--model", "glass-en", "--dataset", "python-docs",
        "--set", "tokens=0", *arguments, **variables,
    )  # fmt: skip

    assert answer.returncode == 2
    assert named in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_computed(
    tmp_path: Path,
) -> None:
    page = str(tmp_path / "nowhere" / "r.html")
    answer = run_cli(tmp_path, "run", "linearity", "--model", "m", "--dataset", "d", "--html", page)

    assert answer.returncode == 2
    assert "--html: wanted a file in an existing folder" in answer.stderr


@pytest.mark.slow
def test_a_run_writes_its_page_beside_its_numbers(tmp_path: Path) -> None:
    page, numbers = tmp_path / "r.html", tmp_path / "r.json"
    answer = run_cli(
        tmp_path, "run", "linearity", "--model", "glass-en", "--dataset", "python-docs",
        "--set", "tokens=2048", "--html", str(page), "--out", str(numbers), LANG="ja_JP.UTF-8",
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    saved = Elements(page.read_text(encoding="utf-8"))
    assert saved.data("result") == json.loads(numbers.read_bytes())
    assert list(saved.data("drawn")["figures"]) == [
        *("heatmap", "profile", "norms", "token_classes", "sample_sizes", "token_errors")
    ]
    assert saved.attributes("html")[0]["lang"] == "ja"
    assert answer.stdout == ""


def test_the_doctor_finds_a_queue_server_that_does_not_answer(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "doctor", REDIS_URL="redis://127.0.0.1:1/0")

    assert answer.returncode == 1
    assert "FAIL  queue" in answer.stdout
    assert "ok    torch" in answer.stdout


def test_the_doctor_is_content_here(tmp_path: Path) -> None:
    answer = run_cli(tmp_path, "doctor")

    assert answer.returncode == 0, answer.stdout
    assert "embedded Valkey" in answer.stdout
    assert "glassllm" in answer.stdout


def run_cli(data: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = ("LINEARSCOPE_", "REDIS_", "DATABASE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environ = {**kept, "LINEARSCOPE_DATA": str(data), "COLUMNS": "120", **variables}
    return subprocess.run(
        python_command("backend.cli", *arguments),
        env=python_environ(environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("given", [["plan"], ["export"]])
def test_only_an_export_with_a_folder_is_registered(tmp_path: Path, given: list[str]) -> None:
    inputs = ("--model", "glass-en", "--dataset", "python-docs", "--set", "plan=1:drop")
    answer = run_cli(tmp_path, "run", *given, *inputs, "--register")

    assert answer.returncode == 2
    assert "--out-dir" in answer.stderr


@pytest.mark.slow
def test_an_export_is_registered_with_one_flag(tmp_path: Path) -> None:
    inputs = ("--model", "glass-en", "--dataset", "python-docs", "--set", "plan=1:drop")
    small = ("--set", "fit_tokens=512", "--set", "select_tokens=256", "--set", "context=64")
    folder = str(tmp_path / "cut")
    made = run_cli(tmp_path, "run", "export", *inputs, *small, "--out-dir", folder, "--register")
    listed = run_cli(tmp_path, "models", "list")

    assert made.returncode == 0
    assert re.search(r"^cut-\w{8} +ready +path +cut$", listed.stdout, re.MULTILINE)
