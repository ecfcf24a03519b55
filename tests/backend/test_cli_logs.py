"""Request logs from a terminal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app
from tests.log_generator import write_jsonl


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def test_a_log_is_added_shown_and_listed(tmp_path: Path, data: str) -> None:
    path = write_jsonl(tmp_path / "log.jsonl", 500)

    added = run("add", str(path), "--set", "offset_minutes=540", "--data", data)
    shown = run("show", "log.jsonl", "--data", data)

    assert "500 requests, 0 rows skipped" in added
    assert 'Route "summarise" takes' in added
    assert shown == added
    assert "ready" in run("list", "--data", data)


def test_columns_may_be_named(tmp_path: Path, data: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("who,frage\nweb,hello\napp,good bye\n")

    out = run("add", str(path), "--map", "prompt=frage", "--map", "route=who", "--data", data)

    assert "2 requests" in out
    assert "web" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--map", "prompt"], "wanted NAME=VALUE"),
        (["--map", "joy=prompt"], "unknown parameter 'joy'"),
        (["--set", "latency_unit=h"], "one of s, ms"),
        (["--map", "prompt=", "--map", "prompt_tokens=prompt"], "no row of the log can be read"),
    ],
)
def test_mistakes_are_sentences(
    tmp_path: Path, data: str, arguments: list[str], words: str
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"prompt": "hello"}\n')

    result = CliRunner().invoke(app, ["logs", "add", str(path), *arguments, "--data", data])

    assert result.exit_code != 0
    assert words in result.output


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["logs", *arguments])
    assert result.exit_code == 0, result.output
    return result.output
