"""The worker's entry point: light to import, CUDA untouched, sentences instead of traces."""

import os
import subprocess
import sys
from pathlib import Path

from backend.children import python_command, python_environ

PRELOAD_AND_LOOK = """
import importlib, os
from workers.__main__ import PRELOADED, _prepare_process
_prepare_process()
for name in PRELOADED:
    importlib.import_module(name)
import torch
assert not torch.cuda.is_initialized()
assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == "1"
print("untouched")
"""


def test_preloading_leaves_cuda_alone() -> None:
    command = [sys.executable, "-c", PRELOAD_AND_LOOK]
    answer = subprocess.run(
        command, env=python_environ(os.environ), capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "untouched"


def test_a_bad_setting_ends_the_worker_with_a_sentence(tmp_path: Path) -> None:
    answer = run_workers(tmp_path, REDIS_URL="http://nonsense")

    assert answer.returncode == 2
    assert answer.stderr.startswith("REDIS_URL: wanted an address")


def test_a_queue_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    answer = run_workers(tmp_path, "--queue", "training")

    assert answer.returncode == 2
    assert "'training'" in answer.stderr
    assert "interactive" in answer.stderr


def test_registering_in_this_process_needs_no_queue(tmp_path: Path) -> None:
    answer = run_workers(tmp_path, "register", "dataset", "python-docs", REDIS_URL="redis://x:1/0")

    assert (answer.returncode, answer.stdout) == (0, "dataset python-docs: ready\n")


def test_whoever_types_the_command_may_register_files_from_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("One line of text.\n" * 50)
    answer = run_workers(tmp_path, "register", "dataset", str(file))

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.endswith(": ready\n")


def test_registering_what_does_not_exist_says_so(tmp_path: Path) -> None:
    answer = run_workers(tmp_path, "register", "dataset", "/no/such/file.txt")

    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr


def run_workers(data: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = python_environ({**os.environ, "LINEARSCOPE_DATA": str(data), **variables})
    return subprocess.run(
        python_command("workers", *arguments),
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
