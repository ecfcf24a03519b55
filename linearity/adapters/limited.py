"""Run one function on other people's bytes in a child process that can do little harm.

The child has limited memory, processor time and file size, a time by which it is killed, no
network, none of our secrets in its environment, and an empty folder to work in. Whatever happens
to it, the caller gets a value or a `LinearScopeError` that names the limit.
"""

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from linearity.adapters import limited_child
from linearity.contracts.canonical import Json, canonical_json
from linearity.errors import LinearScopeError, RejectedInputError, error_from_json

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64 << 20
_POLL_SECONDS = 0.1
_PIECE_BYTES = 1 << 16
_TAIL_BYTES = 4096
_SIGNS_OF_MEMORY = (b"memory allocation of", b"bad_alloc", b"MemoryError")
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
_OWN_VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Limits:
    """What the child may use.

    Parameters
    ----------
    memory_bytes : int
        Allocated memory; files that are only mapped do not count.
    cpu_seconds : int
        Processor time.
    wall_seconds : float
        Time until it is killed.
    file_bytes : int
        The largest file it may write.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 300
    wall_seconds: float = 600.0
    file_bytes: int = 64 << 20


def call_limited(
    target: str,
    argument: Json,
    *,
    limits: Limits = Limits(),
    log: Callable[[str], None] | None = None,
) -> Json:
    """Call ``package.module:function`` with one JSON value in a limited child process.

    Parameters
    ----------
    target : str
        The function is called as ``function(argument, log)``, where ``log(text)`` passes a line
        for people on to `log`; what it returns must be JSON.
    argument : Json
    limits : Limits
    log : callable, optional

    Raises
    ------
    RejectedInputError
        If the child dies or meets a limit, with the limit as data; or if the target breaks.
    LinearScopeError
        Whatever the target raises, with its class, code and data.
    """
    request = {"target": target, "argument": argument, "parent": os.getpid(), "path": _own_path()}
    with tempfile.TemporaryDirectory(prefix="linearscope-") as folder, _Child(folder) as child:
        child.ask(request, limits)
        message = child.answer(time.monotonic() + limits.wall_seconds, log or _drop)
    if "done" in message:
        value: Json = message["done"]
        return value
    raise _problem(message, limits)


class _Child:
    """The process and the pipes to it; leaving the block ends it and whatever it started."""

    def __init__(self, folder: str) -> None:
        self._pipe, childs_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", limited_child.__file__, str(childs_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(childs_end,),
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        os.close(childs_end)
        self._tail = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._pipe)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ask(self, request: dict[str, Any], limits: Limits) -> None:
        """Send the request; the child reads it before anything else."""
        numbers = asdict(limits)
        del numbers["wall_seconds"]
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(canonical_json(request | {"limits": numbers}))

    def answer(self, deadline: float, log: Callable[[str], None]) -> dict[str, Any]:
        """Return the child's last message, or how it ended without one."""
        for message in self._messages(deadline):
            if "log" not in message:
                return message
            log(message["log"])
        if time.monotonic() >= deadline:
            return {"limit": "wall_seconds"}
        return {"died": self._process.wait(), "said": self._tail}

    def _messages(self, deadline: float) -> Iterator[dict[str, Any]]:
        pending = bytearray()
        for data in self._pieces(deadline):
            pending += data
            if len(pending) > LARGEST_ANSWER:
                yield {"limit": "answer"}
            if b"\n" in data:
                *lines, rest = bytes(pending).split(b"\n")
                pending = bytearray(rest)
                yield from map(_message, lines)

    def _pieces(self, deadline: float) -> Iterator[bytes]:
        """Yield what arrives on the pipe, and keep the end of what libraries print."""
        assert self._process.stdout is not None
        printed = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            selector.register(printed, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                # Asked before reading: what a dead child has written is all there already.
                is_over = self._process.poll() is not None
                ready = selector.select(0 if is_over else _POLL_SECONDS)
                if is_over and not ready:
                    return
                for key, _ in ready:
                    data = os.read(key.fd, _PIECE_BYTES)
                    if not data:
                        selector.unregister(key.fd)
                    elif key.fd == printed:
                        self._tail = (self._tail + data)[-_TAIL_BYTES:]
                    else:
                        yield data


def _message(line: bytes) -> dict[str, Any]:
    """Return what the child says; whatever took it over may say anything."""
    with contextlib.suppress(ValueError, RecursionError):
        message = json.loads(line)
        if isinstance(message, dict) and message:
            return message
    return {"broken": "an answer that is none", "trace": []}


def _own_path() -> list[str]:
    return [str(Path(entry).absolute()) for entry in sys.path]


def _environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | _OWN_VARIABLES | {"HOME": folder, "TMPDIR": folder}


def _drop(_: str) -> None:
    """Take a line that nobody wants."""


def _problem(message: dict[str, Any], limits: Limits) -> LinearScopeError:
    if "error" in message:
        return error_from_json(message["error"])
    if "limit" in message:
        return _over(message["limit"], limits)
    if "broken" in message:
        log.warning(
            "a limited child broke: %s: %s", message["broken"], " < ".join(message["trace"])
        )
        return _crash(f"stopped at something it cannot read ({message['broken']})")
    return _death(message["died"], message["said"], limits)


def _death(code: int, said: bytes, limits: Limits) -> RejectedInputError:
    if code == -signal.SIGXCPU:
        return _over("cpu_seconds", limits)
    if code == -signal.SIGKILL or any(sign in said for sign in _SIGNS_OF_MEMORY):
        return _over("memory_bytes", limits)
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return _crash(f"crashed ({name})")


def _over(name: str, limits: Limits) -> RejectedInputError:
    limit, words = {
        "memory_bytes": (limits.memory_bytes, f"{limits.memory_bytes / 2**30:.3g} GiB of memory"),
        "cpu_seconds": (limits.cpu_seconds, f"{limits.cpu_seconds} s of processor time"),
        "wall_seconds": (limits.wall_seconds, f"{limits.wall_seconds:g} s"),
        "file_bytes": (limits.file_bytes, f"files of {limits.file_bytes / 2**20:.3g} MiB"),
        "answer": (LARGEST_ANSWER, f"an answer of {LARGEST_ANSWER / 2**20:.3g} MiB"),
    }[name]
    return RejectedInputError(
        f"reading this input needs more than the {words} it may have",
        reason="over_limit",
        next_step="Check that the files are what they claim to be; a sound input needs far less.",
        limited=name,
        limit=limit,
    )


def _crash(how: str) -> RejectedInputError:
    return RejectedInputError(
        f"the reader of this input {how}",
        reason="reader_broke",
        next_step="Check that the files are what they claim to be, and save them again.",
    )
