"""`run speed` against two servers that really generate: a dense and a changed glass-en."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.bundles import check_can_be_shown
from backend.children import python_command, python_environ
from linearity.adapters.store import ArtifactStore
from linearity.contracts.results import read_result

pytestmark = [pytest.mark.system, pytest.mark.slow]
LOG = [
    {
        "prompt": f"What does the statement number {k} do?",
        "response": "It returns " + "x " * (k + 3),
    }
    for k in range(40)
]


@contextmanager
def serving(store: Path, *arguments: str) -> Iterator[str]:
    """A small server of one's own; yields its address."""
    process = subprocess.Popen(
        python_command("tests.openai_server", "--store", str(store), *arguments),
        env=python_environ(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port.isdigit()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def addresses(small_store: ArtifactStore) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        dense = stack.enter_context(serving(small_store.root))
        changed = stack.enter_context(serving(small_store.root, "--plan", "1:drop"))
        yield {"dense_url": dense, "changed_url": f"{changed}/v1"}


def run_speed(
    folder: Path, store: ArtifactStore, settings: dict[str, Any], **environ: str
) -> tuple[subprocess.CompletedProcess[str], Path]:
    log, out = folder / "log.jsonl", folder / "speed.json"
    log.write_text("\n".join(map(json.dumps, LOG)))
    given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    arguments = ["--model", "glass-en", "--dataset", str(log), *given, "--out", str(out)]
    where = {**os.environ, "LINEARSCOPE_STORE": str(store.root), **environ}
    done = subprocess.run(
        python_command("linearity", "run", "speed", *arguments),
        env=python_environ(where), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done, out


def test_two_servers_are_measured_with_the_lengths_of_a_log(
    addresses: dict[str, str], small_store: ArtifactStore, tmp_path: Path
) -> None:
    settings = {**addresses, "concurrency": "1,3", "requests": 3, "plan": "1:drop"}

    done, out = run_speed(tmp_path, small_store, settings, LINEARSCOPE_DENSE_API_KEY="s3cret")

    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stderr + out.read_text()
    assert not any(row["prompt"] in done.stderr + out.read_text() for row in LOG)
    result = read_result(out.read_bytes())
    assert result["engine"]["name"] == "server"
    assert result["engine"]["software"] == "linearscope-test-server 1"
    assert (result["lengths"]["source"], result["lengths"]["records"]) == ("records", 40)
    assert [point["load"] for point in result["points"]] == [1, 3]
    for point in result["points"]:
        requests = point["requests"]
        assert requests["dense"] == requests["changed"]  # the same prompts, and as many tokens
        assert (requests["dense"]["completed"], requests["dense"]["failed"]) == (30, {})
        timings = {timing["metric"]: timing for timing in point["timings"]}
        assert timings.keys() == {"first_token", "next_token", "gap", "request", "tokens_per_s"}
        for timing in timings.values():
            assert timing["speedup"]["pairs"] == 10
            low, high = timing["speedup"]["ci95"]
            assert 0.0 < low <= timing["speedup"]["value"] <= high
            assert 0.0 < timing["dense"]["p50"] <= timing["dense"]["p95"]
    assert result["ceiling"] == pytest.approx(4 / 3)
    check_can_be_shown(result)


def test_a_server_with_another_model_is_refused_in_a_sentence(
    addresses: dict[str, str], small_store: ArtifactStore, tmp_path: Path
) -> None:
    done, out = run_speed(tmp_path, small_store, {**addresses, "changed_model": "llama"})

    assert done.returncode == 2
    assert "the changed server did not answer" in done.stderr
    assert "it serves glass-en" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
